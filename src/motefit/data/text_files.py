"""Lines of a text file of unknown encoding, without what a power cut leaves at its end."""

import bz2
import codecs
import functools
import gzip
import io
import lzma
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from motefit.spec.errors import DataError
from motefit.spec.limits import MOST_RATIO

COMPRESSED: dict[str, tuple[bytes, Callable[..., Any]]] = {
    ".gz": (b"\x1f\x8b", gzip.open),
    ".bz2": (b"BZh", bz2.open),
    ".xz": (b"\xfd7zXZ", lzma.open),
}
"""Per suffix, how a compressed file starts and what opens it."""
UNPACKING = (OSError, EOFError, lzma.LZMAError, zlib.error)
"""Exceptions of a file that cannot be read or decompressed to its end."""
LONGEST_LINE = 64 << 20
"""Characters of a line; a JSON list may be in one."""
LEAST_SUSPECT_BYTES = 64 << 20
"""So many bytes may be unpacked from any file."""
_BLOCK = 1 << 20
_EMPTY = "\0\r\n\x1a "
"""Characters of a file's end that hold nothing."""
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
codecs.register_error(
    "motefit-latin-1",
    lambda error: (error.object[error.start : error.end].decode("latin-1"), error.end),  # type: ignore[attr-defined]
)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the bytes of a text file are read.

    Attributes:
        name: for :func:`open`.
        nul_tail: number of the line where zero bytes begin that last to the end of the file; 0 if
            there are none.
    """

    name: str
    nul_tail: int = 0


class _Unpacked(io.RawIOBase):
    """Bytes of a compressed file; one that unpacks to unlike many is refused."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._most = max(LEAST_SUSPECT_BYTES, MOST_RATIO * path.stat().st_size)
        self._done = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Read some bytes.

        Raises:
            DataError: once they are too many for the size of the file.
        """
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self._done += len(block)
        if self._done > self._most:
            raise DataError(
                f"{self._path}: unpacks to more than {MOST_RATIO} times its size, which no table "
                "of measurements does; if it is one, unpack it first"
            )
        return len(block)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, decompressed if it is compressed.

    Raises:
        DataError: for a file that is absent or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise DataError(
                f"{path}: is a pipe or a device, and a table is read more than once; write it to "
                "a file first"
            )
        with path.open("rb") as file:
            start = file.read(8)
        for magic, opener in COMPRESSED.values():
            if start.startswith(magic):
                return io.BufferedReader(_Unpacked(path, opener(path, "rb")), _BLOCK)
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file; give a CSV file, or make one to try: "
            f"motefit data synth --climate-days 30 --out {path}"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file whose bytes end or break off."""
    return DataError(f"{path}: cannot be read to its end ({error}); copy the file again")


def text_lines(path: Path, notes: list[str]) -> Iterator[str]:
    r"""Read the lines of a text file, each with its line end as ``\n``.

    UTF-8 and UTF-16, with or without a byte order mark; else Windows-1252, whose five undefined
    bytes are read as Latin-1. Zero bytes up to the end of the file, as a power cut leaves them, and
    the line that they begin in are left out with a note. Byte order marks at the start of other
    lines, where files were joined, and the end mark of DOS are dropped.

    Args:
        path: of the file, compressed or not.
        notes: gets a sentence on what was left out.

    Yields:
        each line.

    Raises:
        DataError: for a file that is no text, zero bytes amid the rows, or a line that is too long.
    """
    encoding = _encoding(path)
    errors = "motefit-latin-1" if encoding.name == "cp1252" else "strict"
    try:
        with io.TextIOWrapper(open_bytes(path), encoding.name, errors) as text:
            wide = encoding.name.startswith("utf-16") or encoding.name == "utf-32"
            lines = iter(functools.partial(text.readline, LONGEST_LINE), "")
            for number, line in enumerate(lines, 1):
                mark = line[0]
                if number == encoding.nul_tail or (wide and "\0" in line):
                    if wide and any(
                        rest.strip(_EMPTY) for rest in (line[line.find("\0") :], *text)
                    ):
                        raise _zeros_amid_rows(path, number)
                    cut = "" if not line.strip("\0\r\n ") else ", with the broken row before them"
                    notes.append(
                        f"{path}, line {number}: zero bytes up to the end of the file, as after a "
                        f"power cut, are left out{cut}"
                    )
                    return
                if mark == "\x1a" and not line.strip(_EMPTY):
                    return
                if len(line) == LONGEST_LINE:
                    raise DataError(
                        f"{path}, line {number}: more than {LONGEST_LINE:,} characters without a "
                        "line break; give a table with a line for each row"
                    )
                yield line if mark != "\ufeff" else line.lstrip("\ufeff")
    except UnicodeError as error:
        raise DataError(f"{path}: not {encoding.name} text ({error}); save it as UTF-8") from None
    except UNPACKING as error:
        raise unreadable(path, error) from None


def _encoding(path: Path) -> Encoding:
    """Find the encoding from the whole file, in blocks."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, lines, nul_line, tail_ok = True, 1, 0, True
    try:
        with open_bytes(path) as file:
            block = file.read(_BLOCK)
            if wide := _wide(block):
                return Encoding(name=wide)
            _refuse_binary(path, block)
            while block:
                if nul_line:
                    tail_ok = tail_ok and not block.strip(b"\0\r\n\x1a ")
                elif (at := block.find(0)) >= 0:
                    nul_line = lines + block.count(b"\n", 0, at)
                    tail_ok = not block[at:].strip(b"\0\r\n\x1a ")
                lines += block.count(b"\n")
                utf8 = utf8 and _decodes(decoder, block)
                block = file.read(_BLOCK)
            utf8 = utf8 and _decodes(decoder, b"", final=True)
    except UNPACKING as error:
        raise unreadable(path, error) from None
    if not tail_ok:
        raise _zeros_amid_rows(path, nul_line)
    return Encoding(name="utf-8-sig" if utf8 else "cp1252", nul_tail=nul_line)


def _zeros_amid_rows(path: Path, line: int) -> DataError:
    return DataError(
        f"{path}, line {line}: zero bytes amid the rows, as after a power cut; remove them "
        "and the rest of that line"
    )


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _wide(start: bytes) -> str:
    """Name the encoding that a byte order mark or every other byte being zero shows; or nothing."""
    for mark, name in _BOMS.items():
        if start.startswith(mark):
            return "" if mark == codecs.BOM_UTF8 else name
    head = start[:200]
    half = len(head) // 2
    if half >= 4:
        if head[1::2].count(0) > 0.8 * half and not head[::2].count(0):
            return "utf-16-le"
        if head[::2].count(0) > 0.8 * half and not head[1::2].count(0):
            return "utf-16-be"
    return ""


def _refuse_binary(path: Path, start: bytes) -> None:
    line = start[:200].splitlines()[0] if start.strip() else b""
    if any(byte < 9 for byte in line):
        raise DataError(f"{path}: is not a text file (starts with {start[:8]!r}); give a CSV")
