"""Words in long recordings: stretches louder than the room, listed for a person to confirm."""

import csv
import io
import itertools
import wave
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.csv_rows import csv_rows, number_of
from motefit.data.decode import decode_clip
from motefit.data.tree import composed
from motefit.signal.mixing import Channel
from motefit.spec.errors import DataError, OutputError
from motefit.spec.files import replacing, write_atomic
from motefit.spec.labels import is_word
from motefit.spec.tables import Item, Printable

Progress = Callable[[int, int], None]
COLUMNS = ("recording", "start_s", "end_s", "level_dbfs", "word", "keep")
RATE_HZ = 16_000
_FRAME_S = 0.01
_ABOVE_DB = 10.0
"""A word is at least this much louder than the room."""
_BELOW_DB = 30.0
"""... and at most this much quieter than the loudest words (99 % of frames)."""
_ROOM_SHARE = 0.2
"""Share of the quietest frames that are taken for the room."""
_PAUSE_S = 0.25
"""Shorter pauses are within a word."""
_SHORTEST_S = 0.1
_YES, _NO = {"yes", "y", "1", "true", "x"}, {"no", "n", "0", "false", ""}


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of a recording that may be a word.

    Attributes:
        start_s: its start, in seconds.
        end_s: its end.
        level_dbfs: root mean square in dB of full scale.
    """

    start_s: float
    end_s: float
    level_dbfs: float


@dataclass(frozen=True, kw_only=True, repr=False)
class CutReport(Printable):
    """Clips that were written.

    Attributes:
        folder: that contains the word folders.
        clips: number of clips of each word.
        longer: clips longer than was asked for, because the word is.
    """

    folder: Path
    clips: Mapping[str, int]
    longer: int

    def content(self) -> list[Item]:
        """Say how many clips of each word there are, and how many are longer than others."""
        counts = ", ".join(f"{count} of {word}" for word, count in self.clips.items())
        longer = [f"{self.longer} are longer, because their words are"] if self.longer else []
        return [f"clips: {counts} in {self.folder}", *longer]


def find_stretches(pcm: npt.NDArray[np.int16], rate_hz: int) -> list[Stretch]:
    """Find the stretches that are louder than the room.

    Args:
        pcm: (n,) of the recording.
        rate_hz: its sampling rate.
    """
    size = max(round(_FRAME_S * rate_hz), 1)
    frames = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float32)
    if not len(frames):
        return []
    power = np.square(frames - frames.mean()).mean(axis=1) + 1e-3
    level = 10 * np.log10(power) - 20 * np.log10(32768)
    room = float(np.quantile(level, _ROOM_SHARE))
    loud = level > max(room + _ABOVE_DB, float(np.quantile(level, 0.99)) - _BELOW_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    found: list[list[int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if found and (start - found[-1][1]) * _FRAME_S < _PAUSE_S:
            found[-1][1] = end
        else:
            found.append([start, end])
    return [
        Stretch(
            start_s=start * size / rate_hz,
            end_s=end * size / rate_hz,
            level_dbfs=10 * float(np.log10(power[start:end].mean())) - 90.3,
        )
        for start, end in found
        if (end - start) * _FRAME_S >= _SHORTEST_S
    ]


def list_stretches(
    recordings: Sequence[Path],
    out: Path,
    *,
    words: Sequence[str] = (),
    channel: Channel = "auto",
    progress: Progress | None = None,
) -> int:
    """Write the stretches of recordings into a table that a person completes.

    Args:
        recordings: sound files.
        out: CSV file to write; must not exist.
        words: words as they are said, in turn; one word for all; empty: to be filled in.
        channel: which of several channels to take.
        progress: called with the recordings read and all of them.

    Returns:
        Number of stretches.

    Raises:
        DataError: if a recording cannot be read, or nothing in them is louder than the room.
        OutputError: if the table exists or cannot be written.
    """
    if out.exists():
        raise OutputError(f"{out} exists; it may have been edited: choose another name")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    count = 0
    for read, path in enumerate(recordings):
        if progress is not None:
            progress(read, len(recordings))
        pcm = decode_clip(path, rate_hz=RATE_HZ, channel=channel).pcm
        for found in find_stretches(pcm, RATE_HZ):
            word = words[count % len(words)] if words else ""
            times = (f"{found.start_s:.2f}", f"{found.end_s:.2f}", f"{found.level_dbfs:.1f}")
            table.writerow((path.resolve(), *times, word, "yes"))
            count += 1
    if not count:
        raise DataError(
            f"nothing in {', '.join(map(str, recordings))} is {_ABOVE_DB:g} dB louder than the "
            "room for a tenth of a second; record closer to the microphone, with pauses"
        )
    write_atomic(out, text.getvalue())
    return count


def cut_clips(
    table: Path,
    out: Path,
    *,
    seconds: float = 1.0,
    speaker: str = "",
    channel: Channel = "auto",
    progress: Progress | None = None,
) -> CutReport:
    """Write a clip for each confirmed row of a table, centered on its word.

    A clip does not reach into the next word, and is longer than asked for if its word is.

    Args:
        table: as :func:`list_stretches` writes it.
        out: folder for the word folders.
        seconds: length of a clip.
        speaker: who speaks; clips are then named as in Speech Commands.
        channel: which of several channels to take.
        progress: called with the recordings read and all of them.

    Raises:
        DataError: for a table that cannot be used, naming the line, or an unreadable recording.
        OutputError: if a clip exists or cannot be written.
    """
    rows = _read_table(table)
    counts: Counter[str] = Counter()
    longer = 0
    for read, (recording, held) in enumerate(rows.items()):
        if progress is not None:
            progress(read, len(rows))
        pcm = decode_clip(recording, rate_hz=RATE_HZ, channel=channel).pcm
        length_s = len(pcm) / RATE_HZ
        _require_places(held, length_s, recording)
        starts = [0.0, *((row.end_s + after.start_s) / 2 for row, after in _pairs(held))]
        ends = [*starts[1:], length_s]
        for row, first, last in zip(held, starts, ends, strict=True):
            if not row.keep:
                continue
            spare = max(seconds - (row.end_s - row.start_s), 0.0) / 2
            start = max(row.start_s - spare, min(first, row.start_s))
            end = min(row.end_s + spare, max(last, row.end_s))
            longer += row.end_s - row.start_s > seconds
            stem = f"{speaker}_nohash_" if speaker else f"{composed(recording.stem)}."
            place = out / row.word / f"{stem}{counts[row.word]}.wav"
            write_clip(place, pcm[round(start * RATE_HZ) : round(end * RATE_HZ)], RATE_HZ)
            counts[row.word] += 1
    return CutReport(folder=out, clips=dict(sorted(counts.items())), longer=longer)


@dataclass(frozen=True, kw_only=True)
class _Row:
    where: str
    start_s: float
    end_s: float
    word: str
    keep: bool


def _pairs(rows: Sequence[_Row]) -> list[tuple[_Row, _Row]]:
    return list(itertools.pairwise(rows))


def _require_places(rows: Sequence[_Row], length_s: float, recording: Path) -> None:
    """Refuse rows behind the end of their recording, or that overlap."""
    for row in rows:
        if row.end_s > length_s + _FRAME_S:
            raise DataError(
                f"{row.where}: ends at {row.end_s:g} s, but {recording} has {length_s:.2f} s; "
                "correct the row, or the name of the recording"
            )
    for row, after in _pairs(rows):
        if after.start_s < row.end_s and row.keep and after.keep:
            raise DataError(
                f"{after.where}: starts at {after.start_s:g} s, before the end of {row.where}, at "
                f"{row.end_s:g} s; correct one, or write no into keep"
            )


def _read_table(path: Path) -> dict[Path, list[_Row]]:
    """Read the rows by recording, in order of time; spreadsheets may have saved them."""
    rows: dict[Path, list[_Row]] = {}
    for number, row in csv_rows(path, once=COLUMNS):
        if missing := [name for name in COLUMNS if name not in row]:
            raise DataError(
                f"{path}: the column {missing[0]} is missing; needed: {', '.join(COLUMNS)}, as "
                "`motefit data cut --list` writes them"
            )
        where = f"{path}, line {number}"
        rows.setdefault(Path(row["recording"]), []).append(_row(row, where))
    if not any(row.keep for held in rows.values() for row in held):
        raise DataError(f"{path}: no row has yes in the column keep; write it into those to keep")
    return {name: sorted(held, key=lambda row: row.start_s) for name, held in rows.items()}


def _row(row: Mapping[str, str], where: str) -> _Row:
    word, keep = (composed(row[name].strip()) for name in ("word", "keep"))
    if keep.lower() not in _YES | _NO:
        raise DataError(f"{where}: keep must be yes or no, got {keep!r}")
    kept = keep.lower() in _YES
    if kept and (not is_word(word) or word.startswith(".")):
        raise DataError(f"{where}: write the word that is said, or no into keep; got {word!r}")
    try:
        start_s, end_s = (number_of(row[n]) for n in ("start_s", "end_s"))
    except ValueError:
        start_s, end_s = 0.0, -1.0
    if not 0 <= start_s < end_s < 1e6:
        raise DataError(
            f"{where}: start_s and end_s must be seconds, the end after the start, got "
            f"{row['start_s']!r} and {row['end_s']!r}"
        )
    return _Row(where=where, start_s=start_s, end_s=end_s, word=word, keep=kept)


def write_clip(path: Path, pcm: npt.NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n,) as a WAV file; its folder is made.

    Raises:
        OutputError: if the file exists or cannot be written.
    """
    if path.exists():
        raise OutputError(f"{path} exists; choose another folder, or another speaker")
    with replacing(path, what="the clip") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(pcm.astype("<i2").tobytes())
