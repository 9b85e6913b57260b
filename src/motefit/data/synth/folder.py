"""Folders of synthetic data sets: written completely or not at all, and recognized later.

The default data of recipes are in the cache, by request (:func:`synthetic_folder`).
"""

import errno
import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from motefit.data.cache import alone, report_damage
from motefit.spec.errors import DataError, OutputError
from motefit.spec.files import cache_folder, write_atomic
from motefit.spec.sweeping import SUFFIX, held, sweep

MANIFEST = "synth.json"


def content_sha256(folder: Path, *, without: Sequence[str] = (MANIFEST,)) -> str:
    """Hash the names and bytes of all files under a folder, except those named."""
    digest = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name in sorted(paths):
        if name not in without and paths[name].is_file():
            file_hash = hashlib.sha256(paths[name].read_bytes()).hexdigest()
            digest.update(f"{name}\0{file_hash}\n".encode())
    return digest.hexdigest()


def previous(out: Path, request: Mapping[str, object]) -> dict[str, object] | None:
    """Read the manifest of an identical earlier synthesis in ``out``; None if ``out`` is free.

    Raises:
        DataError: if the folder contains anything else, or has changed since.
        OutputError: if ``out`` is a file, or cannot be read.
    """
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
        if not out.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file; give a folder that is new or empty")
        manifest = _read_manifest(out / MANIFEST)
        if manifest is None or manifest.get("request") != request:
            what = "other data" if manifest is None else "a synthesis with other settings or seed"
            raise DataError(
                f"{out} contains {what}; delete it or give a folder that is new or empty"
            )
        if manifest.get("sha256") != content_sha256(out):
            raise DataError(
                f"{out} has changed since it was synthesized; delete it or give another folder"
            )
    except OSError as error:
        raise OutputError(f"cannot use {out}: {error.strerror or error}") from error
    return manifest


def _read_manifest(path: Path) -> dict[str, object] | None:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    """Write the manifest, which is the last file of a folder.

    Raises:
        OSError: if the file cannot be written.
    """
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Make a temporary folder that replaces ``out`` at the end, or is removed on an error.

    Args:
        out: a folder that is absent or empty.

    Yields:
        The temporary folder.

    Raises:
        OutputError: if something cannot be written; ``out`` is unchanged.
    """
    out = out.resolve()
    try:
        with _temporary_beside(out) as part:
            yield part
            if out.exists():
                out.rmdir()
            part.replace(out)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {out}: {error.strerror or error}; nothing was left behind"
        ) from error


@contextmanager
def _temporary_beside(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside another, for the length of a block.

    Yields:
        The temporary folder.
    """
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}{SUFFIX}")
    sweep(out.parent)
    part.mkdir(parents=True)
    try:
        with held(part):
            yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def added_files(out: Path) -> Iterator[Path]:
    """Make a temporary folder whose files are moved into ``out`` at the end.

    A file of ``out`` is never changed: where there is one already, the new one is dropped.

    Args:
        out: a folder, or absent.

    Yields:
        The temporary folder.

    Raises:
        OutputError: if something cannot be written; ``out`` is unchanged.
    """
    out = out.resolve()
    moved: list[Path] = []
    try:
        with _temporary_beside(out) as part:
            yield part
            for path in sorted(path for path in part.rglob("*") if path.is_file()):
                target = out / path.relative_to(part)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    path.rename(target)
                    moved.append(target)
    except OSError as error:
        for path in moved:
            path.unlink(missing_ok=True)
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"cannot add to {out}: {error.strerror or error}; it is as it was"
        ) from error


def read_manifest(folder: Path) -> dict[str, object]:
    """Read the manifest of a folder; empty if there is none."""
    return _read_manifest(folder / MANIFEST) or {}


SEAL = "data.sha256"


def synthetic_folder(kind: str, *request: object, make: Callable[[Path], object]) -> Path:
    """Return the folder of synthetic data for one request; other requests have other folders.

    A folder that has changed since is reported and made again.

    Args:
        kind: of the data, e.g. ``"speech"``.
        request: everything that the data depend on; plain values.
        make: creates and fills the folder.

    Raises:
        OutputError: if the cache cannot be written.
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
    """Return whether a folder is unchanged since it was made; None if it never was."""
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
    """Empty a folder."""
    try:
        if entry.exists():
            shutil.rmtree(entry)
        entry.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot replace {entry}: {error.strerror}") from None
