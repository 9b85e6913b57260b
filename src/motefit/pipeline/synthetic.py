"""The embedded default data: made once, in the cache, by what was asked for, and checked since."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from motefit.data.cache import alone, cache_folder, report_damage
from motefit.data.synth.folder import content_sha256
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic

SEAL = "data.sha256"


def synthetic_folder(kind: str, *request: object, make: Callable[[Path], object]) -> Path:
    """Folder of synthetic data for one request; other requests have other folders.

    A folder that is not as it was made is reported and made again.

    Args:
        kind: of the data, e.g. ``"speech"``.
        request: everything that the data depend on; plain values.
        make: fills the folder, which is absent.

    Raises:
        OutputError: when the cache cannot be written.
        MotefitError: as ``make`` does.
    """
    key = hashlib.sha256(repr(request).encode()).hexdigest()[:16]
    entry = cache_folder() / "synthetic" / f"{kind}-{key}.checked"
    folder, seal = entry / "data", entry / SEAL
    with alone(entry):
        whole = _sealed(folder, seal)
        if not whole:
            if whole is not None:
                report_damage(folder)
            _clear(entry)
            make(folder)
            write_atomic(seal, _seal_of(folder))
    return folder


def _sealed(folder: Path, seal: Path) -> bool | None:
    """Whether a folder is as it was made; None when it never was."""
    try:
        written = seal.read_bytes()
        return folder.is_dir() and written == _seal_of(folder).encode()
    except FileNotFoundError:
        return None
    except OSError:
        return False


def _seal_of(folder: Path) -> str:
    return content_sha256(folder, without=()) + "\n"


def _clear(entry: Path) -> None:
    """Leave an empty folder."""
    try:
        if entry.exists():
            shutil.rmtree(entry)
        entry.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot replace {entry}: {error.strerror}") from None
