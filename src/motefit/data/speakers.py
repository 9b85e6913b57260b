"""Speakers of clips: known if a file or folder name tells, otherwise unknown; never guessed.

A clip of an unknown speaker cannot be assumed to be by a different speaker than the others.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from motefit.spec.tasks.speech_spec import SPEAKER_FOLDERS

SPEAKER_REMEDY = (
    "Name the speaker of each clip: call files <speaker>_nohash_<number>, or set [data] speaker, a "
    "regular expression with one group that is searched in word/file (without extension), e.g. "
    f"""speaker = '/([^_]+)_', or speaker = "{SPEAKER_FOLDERS}" for word/speaker/file"""
)
_NOHASH = re.compile(r"[^/]+/(?:.*/)?([^/]+?)_nohash_\d+")


class HasSpeakers(Protocol):
    """Clips with known or unknown speakers."""

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """The speaker of each clip; None if not known."""
        ...


def speaker_finder(rule: str) -> Callable[[str], str | None]:
    """Make a function that reads the speaker from a clip id.

    Args:
        rule: as ``[data] speaker``: empty for names as in Speech Commands, ``"folder"``, or a
            regular expression with one group.

    Returns:
        a function from a clip id to its speaker; None if the id does not tell.

    >>> speaker_finder("")("up/0132a06d_nohash_2"), speaker_finder("")("up/anna-3")
    ('0132a06d', None)
    >>> speaker_finder("/([a-z]+)-")("up/anna-3"), speaker_finder("folder")("up/anna/3")
    ('anna', 'anna')
    """
    if rule == SPEAKER_FOLDERS:
        return _from_folder
    search = re.compile(rule).search if rule else _NOHASH.fullmatch

    def find(clip_id: str) -> str | None:
        match = search(clip_id)
        return (match[1] or None) if match else None

    return find


def _from_folder(clip_id: str) -> str | None:
    pieces = clip_id.split("/")
    return pieces[1] if len(pieces) == 3 else None


def describe_speakers(speakers: Mapping[str, str | None], rule: str, *, named: bool = False) -> str:
    """Describe in one line where speakers are named and how many are known or unknown.

    Args:
        speakers: of each clip id.
        rule: as ``[data] speaker``.
        named: whether a layout or manifest names them.
    """
    unknown = [name for name, speaker in speakers.items() if speaker is None]
    source = {"": "from the file names", SPEAKER_FOLDERS: "from the folders"}.get(
        rule, f"by speaker = {rule!r}"
    )
    if named:
        source = "from the layout or manifest"
    known = len(set(speakers.values()) - {None})
    if not unknown:
        return f"speakers: {source}, {known}"
    return (
        f"speakers unknown for {len(unknown)} of {len(speakers)} clips ({source}), e.g. "
        f"{min(unknown)}; set [data] speaker to tell where they are named"
    )


def unseen(train: HasSpeakers, evaluated: HasSpeakers) -> npt.NDArray[np.bool_] | None:
    """Find the clips by speakers who are not in training.

    Returns:
        bool, one per clip of ``evaluated``; None if a speaker of either is not known.
    """
    voices = set(train.speakers)
    if None in voices or None in evaluated.speakers:
        return None
    return np.array([speaker not in voices for speaker in evaluated.speakers], bool)
