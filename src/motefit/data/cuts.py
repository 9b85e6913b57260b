"""Parts of recordings that are clips: columns of a table that say where each begins and ends."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motefit.data.csv_rows import number_of, text_of
from motefit.spec.errors import DataError

_OF = r"(segment|clip|word|utt|utterance|annotation|event)?"
_UNIT = r"(time)?(s|sec|secs|seconds?|ms|msec|milliseconds?|samples?|frames?|idx|index)?"
_START = re.compile(rf"{_OF}(start|starts|begin|begins|onset|t0|[tx]min|from)(at)?{_UNIT}")
_END = re.compile(rf"{_OF}(end|ends|stop|stops|t1|[tx]max|to)(at)?{_UNIT}")
_OFFSET = re.compile(rf"{_OF}(offset){_UNIT}")
"""The start beside a length, as in manifests of NeMo; the end beside an onset."""
_LENGTH = re.compile(rf"{_OF}(duration|dur|length|len){_UNIT}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_MILLI, _COUNTED = re.compile(r"ms(ec)?|milli"), re.compile(r"sample|frame|idx|index")
AGREE_S = 0.02
"""Stated times and lengths are rounded; so much is no contradiction."""


@dataclass(frozen=True, kw_only=True, order=True)
class Cut:
    """A part of a recording, in seconds from its start."""

    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{self.start_s:.3f}-{self.end_s:.3f}"

    def part(self, pcm: npt.NDArray[np.int16], rate_hz: int) -> npt.NDArray[np.int16]:
        """Return the samples of the part.

        Args:
            pcm: (n,) of the whole recording.
            rate_hz: of ``pcm``.

        Raises:
            DataError: if the recording ends before the part does.
        """
        length_s = len(pcm) / rate_hz
        if self.end_s > length_s + AGREE_S:
            raise DataError(
                f"the clip from {self.start_s:g} to {self.end_s:g} s ends after the recording, "
                f"which has {length_s:.2f} s; times are in seconds, or in milliseconds in columns "
                "named like start_ms and end_ms: correct the table"
            )
        part = pcm[round(self.start_s * rate_hz) : round(self.end_s * rate_hz)]
        if not len(part):
            raise DataError(
                f"the clip from {self.start_s:g} to {self.end_s:g} s is shorter than a sample; are "
                "its times in another unit than seconds? Correct the table"
            )
        return part


@dataclass(frozen=True, kw_only=True)
class CutColumns:
    """Columns of a table that say where a clip is in its recording.

    Attributes:
        start: of its start.
        end: of its end; empty if its length is given.
        length: of its length; may be given beside the end.
    """

    start: str
    end: str
    length: str

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(filter(None, (self.start, self.end, self.length)))

    def cut(self, row: Mapping[str, object]) -> Cut | None:
        """Read where the clip of a row is; None if all fields are empty.

        Raises:
            DataError: naming what is missing, no time, or contradicts itself.
        """
        texts = {name: text_of(row.get(name)) for name in self.names}
        if not any(texts.values()):
            return None
        if not texts[self.start]:
            given = " and ".join(name for name, text in texts.items() if text)
            raise DataError(
                f"{given} has a time, but {self.start} has none; give where the clip starts, which "
                "is 0 for the start of its file"
            )
        start_s = seconds(self.start, texts[self.start])
        if not self.end or not texts[self.end]:
            if not self.length or not texts[self.length]:
                raise DataError(f"{self.start} has a time, but {' and '.join(self.names[1:])} has "
                                "none; give where the clip ends")  # fmt: skip
            end_s = start_s + seconds(self.length, texts[self.length])
        else:
            end_s = seconds(self.end, texts[self.end])
            if self.length and texts[self.length]:
                length_s = seconds(self.length, texts[self.length])
                if abs(end_s - start_s - length_s) > AGREE_S:
                    raise DataError(
                        f"{self.start}, {self.end} and {self.length} contradict each other: "
                        f"{', '.join(texts.values())}; correct them, or remove the column "
                        f"{self.length}"
                    )
        if not 0 <= start_s < end_s:
            raise DataError(
                f"a clip needs 0 <= start < end, got {', '.join(map(repr, texts.values()))} in "
                f"{', '.join(self.names)}"
            )
        return Cut(start_s=start_s, end_s=end_s)


def cut_columns(row: Mapping[str, object], *, besides: tuple[str, ...]) -> CutColumns | None:
    """Find the columns that say where clips are.

    Args:
        row: first row of the table.
        besides: columns that have another role.

    Returns:
        the columns; None if there is none for a start, or its values are no times.

    Raises:
        DataError: if columns for a start have no end, count samples, or are several.
    """
    plain = {name: plain_name(name) for name in row if name not in besides}
    offset = [name for name, text in plain.items() if _OFFSET.fullmatch(text)]
    starts = [name for name, text in plain.items() if _START.fullmatch(text)]
    ends = [name for name, text in plain.items() if _END.fullmatch(text)]
    lengths = [name for name, text in plain.items() if _LENGTH.fullmatch(text)]
    if not starts and lengths:
        starts = offset
    elif starts and not ends and any("onset" in plain[name] for name in starts):
        ends = offset
    roles = {"start": starts, "end": ends, "length": lengths}
    timed = {role: [n for n in found if _is_time(text_of(row[n]))] for role, found in roles.items()}
    if not timed["start"]:
        return None
    if not timed["end"] and not timed["length"]:
        raise DataError(f"the column {timed['start'][0]} says where a clip starts, but none says "
                        "where it ends; add a column end_s or duration_s, or remove it, if "
                        "every file is one clip")  # fmt: skip
    return CutColumns(
        start=_only(timed["start"], "start"),
        end=_only(timed["end"], "end"),
        length=_only(timed["length"], "length"),
    )


def _only(names: list[str], role: str) -> str:
    """Return the column of a role that is in seconds or milliseconds; empty if there is none."""
    usable = [name for name in names if not _COUNTED.search(plain_name(name))]
    if names and not usable:
        raise DataError(f"the column {names[0]} counts samples or frames; give the times of clips "
                        "in seconds, in columns start_s and end_s")  # fmt: skip
    if len(usable) > 1:
        raise DataError(f"several columns may be the {role} of a clip: {', '.join(usable)}; keep "
                        "one of them")  # fmt: skip
    return usable[0] if usable else ""


def plain_name(name: str) -> str:
    """Return a name in lower case without marks.

    >>> plain_name("Start (s)"), plain_name("start_time")
    ('starts', 'starttime')
    """
    return "".join(filter(str.isalnum, name.casefold()))


def seconds(column: str, text: str) -> float:
    """Read a time of a column: seconds, milliseconds if its name says so, or a clock's.

    >>> seconds("start", "1,5"), seconds("start_ms", "1500"), seconds("start", "0:01:01.5")
    (1.5, 1.5, 61.5)

    Raises:
        DataError: for anything else.
    """
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + number_of(rest)
    try:
        value = number_of(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{text!r} in the column {column} is no time; give seconds, such as 1.25")
    return value / 1000 if _MILLI.search(plain_name(column)) else value


def _is_time(text: str) -> bool:
    try:
        seconds("", text or "0")
    except DataError:
        return False
    return True
