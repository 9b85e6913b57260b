"""Hardest clips: what the model takes for another word, to be seen and heard."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.pictures import picture_uri
from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import percent

_DIGITS, _BASE64 = re.compile("[0-9a-f]+"), re.compile("[A-Za-z0-9+/=]+")


@dataclass(frozen=True, kw_only=True)
class HardClip:
    """One clip; ``picture`` and ``sound`` are data URIs, empty if they are not stored."""

    name: str
    word: str
    heard: str
    right: bool
    probability: str
    heard_probability: str
    picture: str
    sound: str


@dataclass(frozen=True, kw_only=True)
class HardestView:
    """Contents of the section."""

    clips: tuple[HardClip, ...]
    wrong: int
    sounding: bool


def build(facts: ReportFacts) -> HardestView | None:
    """Make the view; None if no clips are stored."""
    stored = table(facts.details.get("hardest")).get("clips")
    if not isinstance(stored, list | tuple):
        return None
    clips = tuple(clip for given in stored if (clip := _clip(table(given))) is not None)
    if not clips:
        return None
    return HardestView(
        clips=clips,
        wrong=sum(not clip.right for clip in clips),
        sounding=any(clip.sound for clip in clips),
    )


def _clip(given: Mapping[str, object]) -> HardClip | None:
    own, other = number(given.get("probability")), number(given.get("heard_probability"))
    word, heard = str(given.get("word", "")), str(given.get("heard", ""))
    if own is None or other is None or not word:
        return None
    sound = str(given.get("wav", ""))
    return HardClip(
        name=str(given.get("id", "")),
        word=word,
        heard=heard,
        right=word == heard,
        probability=percent(own),
        heard_probability=percent(other),
        picture=_picture(given.get("spectrogram")),
        sound=f"data:audio/wav;base64,{sound}" if _BASE64.fullmatch(sound) else "",
    )


def _picture(rows: object) -> str:
    if not isinstance(rows, list | tuple) or not rows:
        return ""
    lines = [str(row) for row in rows]
    fit = all(_DIGITS.fullmatch(line) and len(line) == len(lines[0]) for line in lines)
    return picture_uri(lines) if fit else ""


SECTIONS.register("hardest", Section(order=22, name="hardest", title="Hardest clips", build=build))
