"""Fetch a registered data set: download, verify, unpack, and recognize it later."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from motefit.data.fetch.datasets import DATASETS, Dataset
from motefit.data.fetch.download import Patience, Progress, download
from motefit.data.fetch.unpack import remove, unpack
from motefit.spec.errors import DataError, OutputError
from motefit.spec.files import write_json
from motefit.spec.sweeping import SUFFIX, held, sweep
from motefit.spec.tables import Item, Printable

CONTENTS = "contents"
"""Folder below the temporary one to which an archive is unpacked."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FetchReport(Printable):
    """Result of a fetch.

    Attributes:
        name: of the data set.
        path: the data: a folder or a file.
        url: source of the archive.
        size_bytes: of the archive.
        sha256: of the archive.
        sha256_known: whether the hash was compared with a published one or an earlier fetch's;
            False: this is the first fetch, and the hash is now recorded.
        reused: True if the data already existed and nothing was downloaded.
        license: of the data.
    """

    name: str
    path: Path
    url: str
    size_bytes: int
    sha256: str
    sha256_known: bool
    reused: bool
    license: str

    def content(self) -> list[Item]:
        """Say where the data are, under which license, and whether their hash was known."""
        known = "as published" if self.sha256_known else "recorded now, since none was published"
        return [
            f"{self.name} is in {self.path} ({self.license})",
            f"sha256 {self.sha256}, {known}",
        ]


def fetch(
    name: str,
    out: Path,
    *,
    progress: Progress | None = None,
    url: str | None = None,
    patience: Patience | None = None,
) -> FetchReport:
    """Fetch a data set to ``out``.

    The data are written to ``out/<contents>``, with a receipt next to them,
    ``out/<name>.fetch.json``. It identifies data from an earlier call, which are not downloaded
    again. An interrupted download resumes where it stopped.

    Args:
        name: of a registered data set, e.g. ``"mini-speech-commands"``.
        out: folder for the data; created if absent.
        progress: called with the bytes received and the total while downloading.
        url: of a mirror of the same archive.
        patience: retry policy.

    Raises:
        RecipeError: for an unknown name or a URL that is not http(s).
        DataError: if the archive cannot be fetched or is not the right one, or if ``out`` contains
            something else under the data's name.
        OutputError: if ``out`` cannot be written.
    """
    return fetch_dataset(DATASETS.find(name), out, progress=progress, url=url, patience=patience)


def fetch_dataset(
    entry: Dataset,
    out: Path,
    *,
    progress: Progress | None = None,
    url: str | None = None,
    patience: Patience | None = None,
) -> FetchReport:
    """Fetch as :func:`fetch` does, a data set that need not be registered.

    Raises:
        RecipeError: as :func:`fetch`.
        DataError: as :func:`fetch`.
        OutputError: as :func:`fetch`.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        receipt = _read_receipt(out / f"{entry.name}.fetch.json")
        target = out / entry.contents
        if target.exists():
            _check_untouched(target, receipt)
            return _report(entry, target, receipt, known=True, reused=True)
        expected = entry.sha256 or receipt.get("sha256")
        archive = out / f"{entry.name}.zip"
        source = url or entry.url
        digest = download(
            source,
            archive,
            size_bytes=entry.size_bytes,
            sha256=None if expected is None else str(expected),
            progress=progress,
            patience=patience,
        )
        _unpack_contents(entry, archive, target)
        receipt = {"url": source, "sha256": digest, **_measure(target)}
        write_json(out / f"{entry.name}.fetch.json", receipt)
        archive.unlink()
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
    return _report(entry, target, receipt, known=expected is not None, reused=False)


def _report(
    entry: Dataset, target: Path, receipt: dict[str, object], *, known: bool, reused: bool
) -> FetchReport:
    return FetchReport(
        name=entry.name,
        path=target,
        url=str(receipt["url"]),
        size_bytes=entry.size_bytes,
        sha256=str(receipt["sha256"]),
        sha256_known=known,
        reused=reused,
        license=entry.license,
    )


def _unpack_contents(entry: Dataset, archive: Path, target: Path) -> None:
    """Unpack next to the target and move the contents into place in one step."""
    folder = target.with_name(f".{entry.name}.{secrets.token_hex(4)}{SUFFIX}")
    sweep(target.parent)
    folder.mkdir(parents=True)
    with held(folder):
        _unpack_into(entry, archive, folder, target)


def _unpack_into(entry: Dataset, archive: Path, folder: Path, target: Path) -> None:
    try:
        try:
            unpack(archive, folder / CONTENTS, limit_bytes=entry.unpacked_limit_bytes)
            _check_contents(folder / CONTENTS, entry.contents)
        except DataError:
            archive.unlink()
            raise
        (folder / CONTENTS / entry.contents).replace(target)
    finally:
        remove(folder)


def _check_contents(folder: Path, contents: str) -> None:
    if not (folder / contents).exists():
        held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"wrong archive: {contents} is not in it; it contains {held}; name a mirror with --url"
        )


def _measure(path: Path) -> dict[str, object]:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return {"files": len(files), "bytes": sum(item.stat().st_size for item in files)}


def _check_untouched(target: Path, receipt: dict[str, object]) -> None:
    if not receipt:
        raise DataError(
            f"{target} already exists and was not fetched by motefit; "
            "use it as it is, move it away, or fetch to another folder"
        )
    now = _measure(target)
    if any(receipt.get(key) != value for key, value in now.items()):
        raise DataError(
            f"{target} has changed since it was fetched: {now['files']} files of {now['bytes']} "
            f"bytes instead of {receipt.get('files')} of {receipt.get('bytes')}; "
            "delete it and fetch again, or fetch to another folder"
        )


def _read_receipt(path: Path) -> dict[str, object]:
    try:
        receipt = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged; delete it and fetch again") from error
    if not isinstance(receipt, dict) or not {"url", "sha256"} <= receipt.keys():
        raise DataError(f"{path} is damaged; delete it and fetch again")
    return receipt
