"""Folders of long recordings, each with or without a list of the words in it.

A list has the name of its recording: ``kitchen.wav`` has ``kitchen.txt``, a label track of
Audacity (start and end in seconds and the word, separated by tabs), or ``kitchen.csv``
(``start_s,end_s,word``). A recording without a list contains none of the words.
"""

import csv
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.csv_rows import number_of, separator_of
from motefit.data.decode import AUDIO_SUFFIXES, file_bytes, file_digest, read_clip
from motefit.data.tree import composed, is_hidden, is_readable, read_tree
from motefit.spec.errors import DataError

VALIDATION, TEST = "validation", "test"
"""Sub-folders of recordings to choose the decision on, and of those that test it."""
HEADER = ("start_s", "end_s", "word")


@dataclass(frozen=True, kw_only=True)
class SpokenWord:
    """A word and when it is spoken, in seconds from the start of the recording."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class LongRecording:
    """An audio file of any length.

    Attributes:
        path: of the file.
        words: in it, in order of their start; empty if there is no list.
        listed: whether there is a list.
    """

    path: Path
    words: tuple[SpokenWord, ...] = ()
    listed: bool = False

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def pcm(self, rate_hz: int) -> npt.NDArray[np.int16]:
        """Decode the file: (samples,) at the given rate; 115 MB an hour at 16 kHz."""
        return read_clip(self.path, rate_hz=rate_hz)


@dataclass(frozen=True, kw_only=True)
class StreamFolder:
    """Recordings of a stream folder.

    Attributes:
        validation: those below its sub-folder ``validation``; empty if there is none.
        test: those below its sub-folder ``test``, or all of them.
    """

    validation: tuple[LongRecording, ...] = ()
    test: tuple[LongRecording, ...] = ()

    @property
    def subsets(self) -> dict[str, tuple[LongRecording, ...]]:
        """Recordings by set."""
        return {VALIDATION: self.validation, TEST: self.test}


def find_stream(folder: Path) -> StreamFolder:
    """Find the recordings of a folder and its sub-folders, and their lists of words.

    Raises:
        DataError: for a missing or empty folder, a list that cannot be read, or one without its
            recording.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; give a folder of long recordings")
    inner = {name: folder / name for name in (VALIDATION, TEST)}
    if not inner[TEST].is_dir():
        if inner[VALIDATION].is_dir():
            raise DataError(
                f"{folder}: has a folder {VALIDATION}, but none named {TEST}; add it, or move the "
                "recordings up"
            )
        return StreamFolder(test=_recordings(folder))
    validation = inner[VALIDATION]
    return StreamFolder(
        validation=_recordings(validation) if validation.is_dir() else (),
        test=_recordings(inner[TEST]),
    )


def recordings_key(recordings: Sequence[LongRecording]) -> str:
    """Compute the SHA-256 (hex) of all recordings and their words, wherever they are."""
    total = hashlib.sha256()
    for recording in recordings:
        words = [(w.word, w.start_s, w.end_s) for w in recording.words]
        total.update(bytes.fromhex(file_digest(recording.path)))
        total.update(repr(words).encode())
    return total.hexdigest()


def read_words(path: Path) -> tuple[SpokenWord, ...]:
    """Read a list of words: a label track of Audacity (``.txt``), or ``start_s,end_s,word``.

    Lines of a label track that start with a backslash state frequencies, and are skipped; so are
    empty lines, and the first line of a table if it has the names of its columns.

    Returns:
        The words in order of their start.

    Raises:
        DataError: naming the line that is neither.
    """
    tabs = path.suffix.lower() == ".txt"
    try:
        text = file_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; save the list as UTF-8") from None
    words = []
    lines = text.splitlines()
    separator = "\t" if tabs else separator_of(next(filter(str.strip, lines), ""))
    rows = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_MINIMAL)
    for number, row in enumerate(rows, 1):
        cells = tuple(cell.strip() for cell in row)
        if not any(cells) or cells[0].startswith("\\") or (number == 1 and cells == HEADER):
            continue
        words.append(_word(cells, where=f"{path}, line {number}", tabs=tabs))
    return tuple(sorted(words, key=lambda word: (word.start_s, word.end_s)))


def _word(cells: tuple[str, ...], *, where: str, tabs: bool) -> SpokenWord:
    try:
        start, end, word = cells
        start_s, end_s = number_of(start), number_of(end)
    except ValueError:
        form = "START<tab>END<tab>WORD" if tabs else "START,END,WORD"
        raise DataError(
            f"{where}: expected {form} with times in seconds, such as "
            f"{form.replace('START', '1.25').replace('END', '1.80').replace('WORD', 'up')}; "
            f"got {', '.join(map(repr, cells))}"
        ) from None
    if not (0 <= start_s <= end_s < math.inf) or not word:
        raise DataError(
            f"{where}: a word needs a name and 0 <= start <= end, got {word!r}, {start} to {end}"
        )
    return SpokenWord(word=composed(word), start_s=start_s, end_s=end_s)


def _recordings(folder: Path) -> tuple[LongRecording, ...]:
    try:
        files = [
            path
            for path in read_tree(folder).below()
            if is_readable(path) and not is_hidden(path, folder)
        ]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None
    if not files:
        raise DataError(
            f"{folder}: contains no recordings ({', '.join(AUDIO_SUFFIXES)}); give a folder of them"
        )
    return tuple(map(_with_words, files))


def _with_words(path: Path) -> LongRecording:
    lists = [found for suffix in (".txt", ".csv") if (found := path.with_suffix(suffix)).is_file()]
    if len(lists) > 1:
        raise DataError(f"{path}: has two lists, {lists[0].name} and {lists[1].name}; keep one")
    words = read_words(lists[0]) if lists else ()
    return LongRecording(path=path, words=words, listed=bool(lists))
