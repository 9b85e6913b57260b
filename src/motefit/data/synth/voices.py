"""The cast: one synthetic speaker per accent and voice variant, each with its own voice."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.spec.errors import DataError

ENGLISH_ACCENTS = (
    "en-us",
    "en",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-us-nyc",
    "en-029",
)
"""Voice files of espeak-ng 1.52: American, British, Scottish, Received Pronunciation, Lancastrian,
West Midlands, New York and Caribbean English."""

_VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8",
    "f1", "f2", "f3", "f4", "f5",
    "Alex", "Andrea", "Annie", "david", "Denis", "Gene", "Lee", "Mario", "Michael", "steph",
)  # fmt: skip
_RARE_VARIANTS = ("croak", "whisper", "whisperf")
"""One speaker each, with the first accent only: odd voices, sparingly."""


SPEED_RANGE = (0.85, 1.2)
"""Slowest and fastest utterance, as multiples of the speaker's own speed."""
SLOWEST, FASTEST = 80, 450
"""Words a minute that espeak-ng speaks."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One synthetic speaker.

    Attributes:
        name: the identity, as it precedes ``_nohash_`` in file names.
        espeak: voice and variant for espeak-ng.
        pitch: typical pitch, 0..100.
        speed: typical speed in words a minute.
        size: of the vocal tract: frequencies are divided by it.
    """

    name: str
    espeak: str
    pitch: int
    speed: int
    size: float


def cast(accents: Sequence[str]) -> tuple[Voice, ...]:
    """Make all speakers of some accents, in a fixed order; the name fixes a speaker's voice.

    Args:
        accents: espeak-ng language codes, e.g. :data:`ENGLISH_ACCENTS` or ``("de",)``.

    Raises:
        DataError: without an accent, or for one that cannot be a language code.
    """
    for accent in accents:
        if not accent.replace("-", "").isalnum() or not accent.isascii():
            raise DataError(
                f"accent {accent!r} is not an espeak-ng language code such as en-us, de or pt-br"
            )
    if not accents or len(set(accents)) != len(accents):
        raise DataError(f"accents must be one or more distinct codes, got {list(accents)}")
    pairs = [(accent, variant) for accent in accents for variant in _VARIANTS]
    pairs += [(accents[0], variant) for variant in _RARE_VARIANTS]
    return tuple(_voice(accent, variant) for accent, variant in pairs)


def speeds(voices: Sequence[Voice]) -> tuple[int, int]:
    """Return the slowest and fastest speed of some speakers, in words a minute."""
    slow, fast = SPEED_RANGE
    own = [voice.speed for voice in voices]
    return round(min(own) * slow), round(max(own) * fast)


def _voice(accent: str, variant: str) -> Voice:
    name = f"{accent}-{variant}".lower()
    traits = zlib.crc32(name.encode())
    return Voice(
        name=name,
        espeak=f"{accent}+{variant}",
        pitch=30 + traits % 41,
        speed=130 + (traits >> 8) % 61,
        size=0.9 + 0.2 * ((traits >> 16) % 256) / 255,
    )
