"""Unpack an untrusted zip archive."""

import errno
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from motefit.spec.errors import DataError

_CHUNK_BYTES = 1 << 20
_MOST_FILES = 200_000
DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError,
    ValueError, struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""Exceptions that ``zipfile`` raises for invalid files."""


def unpack(archive: Path, folder: Path, *, limit_bytes: int) -> None:
    """Unpack ``archive`` into the new folder ``folder``, checking every member's CRC.

    Files that macOS adds to archives (``__MACOSX``, ``.DS_Store``) are left out.

    Args:
        archive: a zip file.
        folder: to create; must not exist.
        limit_bytes: maximum unpacked size.

    Raises:
        DataError: for a file that is not a zip archive or is damaged, a member that would leave the
            folder, a link, an encrypted or duplicate member, or more bytes or files than allowed.
        OSError: if a file cannot be written.
    """
    folder.mkdir()
    left = limit_bytes
    try:
        with zipfile.ZipFile(archive) as pack:
            members = [member for member in pack.infolist() if not _is_litter(member.filename)]
            _check_members(members, archive, limit_bytes)
            for member in members:
                path = folder / member.filename
                if member.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                left -= _extract(pack, member, path, left)
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(f"{archive.name} is not a valid zip archive: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # of a file that cannot be written
            raise
        raise DataError(
            f"{archive.name} is not a valid zip archive: a member begins before its start"
        ) from error


def _is_litter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1:] == (".DS_Store",)


def _check_members(members: list[zipfile.ZipInfo], archive: Path, limit_bytes: int) -> None:
    if len(members) > _MOST_FILES or sum(member.file_size for member in members) > limit_bytes:
        raise DataError(
            f"{archive.name} would unpack to {len(members)} files and "
            f"{sum(member.file_size for member in members)} bytes; "
            f"allowed: {_MOST_FILES} files and {limit_bytes} bytes"
        )
    seen: set[str] = set()
    for member in members:
        problem = _problem(member)
        if member.filename.casefold() in seen:
            problem = "occurs twice"
        if problem:
            raise DataError(f"{archive.name}: the member {member.filename!r} {problem}")
        seen.add(member.filename.casefold())


def _problem(member: zipfile.ZipInfo) -> str:
    name = member.orig_filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(mark in name for mark in "\\:\0"):
        return "would be written outside the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link or a device"
    if member.flag_bits & 1:
        return "is encrypted"
    return ""


def _extract(pack: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, limit_bytes: int) -> int:
    """Write one member and return its size. Reading to the end makes zipfile check the CRC."""
    size = 0
    with pack.open(member) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > limit_bytes:
                raise DataError(f"{member.filename!r} unpacks to more than its stated size")
            target.write(chunk)
    return size


def remove(path: Path) -> None:
    """Delete a file or a folder with its contents, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
