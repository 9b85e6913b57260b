"""The cast: one synthetic speaker per accent and voice variant, each with its own voice."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.data.synth.process import ESPEAK, HIBARI, Synthesizer, require_synthesizer
from motefit.spec.errors import DataError, RecipeError

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
PITCH_AT_0, PITCH_WIDTH = 0.4, 4.4
"""Of hibari's own pitch at a ``pitch`` of 0, and how many times higher it is at 100; the program
neural_speaker.py has the same numbers, since it imports nothing of motefit."""
SLOWEST, FASTEST = 80, 450
"""Words a minute that espeak-ng speaks."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One synthetic speaker.

    Attributes:
        name: the identity, as it precedes ``_nohash_`` in file names.
        voice: of the synthesizer; for espeak-ng, voice and variant.
        pitch: typical pitch, 0..100.
        speed: typical speed in words a minute.
        size: of the vocal tract: frequencies are divided by it.
    """

    name: str
    voice: str
    pitch: int
    speed: int
    size: float
    synthesizer: Synthesizer = ESPEAK

    def reads(self, text: str) -> bool:
        """Return whether it can say a text: only espeak-ng reads other scripts, and phonemes."""
        return self.synthesizer is ESPEAK or (text.isascii() and not text.startswith("[["))


def cast(accents: Sequence[str], synthesizers: Sequence[str] = (ESPEAK.name,)) -> tuple[Voice, ...]:
    """Make all speakers of some accents, in a fixed order; the name fixes a speaker's voice.

    Args:
        accents: espeak-ng language codes, e.g. :data:`ENGLISH_ACCENTS` or ``("de",)``.
        synthesizers: names of those that speak. espeak-ng must be among them, because only it reads
            phonemes; hibari adds half as many speakers to those of English accents.

    Raises:
        DataError: without an accent, for one that cannot be a language code, or an accent that
            a synthesizer does not speak.
        MissingExtraError: for a synthesizer that is not installed.
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
    voices = [_voice(accent, variant) for accent, variant in pairs]
    if HIBARI.name in synthesizers:
        require_synthesizer(HIBARI)
        if foreign := [accent for accent in accents if not accent.startswith("en")]:
            raise DataError(
                f"hibari speaks English only, and {', '.join(foreign)} is not; take espeak-ng alone"
            )
        voices += [_neural_voice(number) for number in range(len(pairs) // 2)]
    return tuple(voices)


def chosen_synthesizers(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of synthesizers; none is espeak-ng.

    Raises:
        RecipeError: for an unknown name, or without espeak-ng.
    """
    known = (ESPEAK.name, HIBARI.name)
    if unknown := [name for name in names if name not in known]:
        raise RecipeError(f"unknown synthesizer {unknown[0]!r}; known are {', '.join(known)}")
    if names and ESPEAK.name not in names:
        raise RecipeError(
            f"{ESPEAK.name} must be among the synthesizers: only it reads phonemes, of which "
            f"near-words are made; give {', '.join(known)}"
        )
    return tuple(dict.fromkeys(names)) or (ESPEAK.name,)


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
        voice=f"{accent}+{variant}",
        pitch=30 + traits % 41,
        speed=130 + (traits >> 8) % 61,
        size=0.9 + 0.2 * ((traits >> 16) % 256) / 255,
    )


def _neural_voice(number: int) -> Voice:
    """Make a speaker of hibari's one voice: of half to five quarters of its pitch.

    A lower voice has a larger vocal tract, with much room for people who differ. Changing the size
    changes pitch and speed as well; the request makes up for both.
    """
    name = f"{HIBARI.name}-{number:02d}"
    traits = zlib.crc32(name.encode())
    first, second, third = ((traits >> shift) % 256 / 255 for shift in (0, 8, 16))
    pitch = 0.5 * 2.5**first
    size = 1 / min(max(1 + 0.28 * math.log(pitch) + 0.2 * (second - 0.5), 0.72), 1.2)
    asked = math.log(pitch * size / PITCH_AT_0) / math.log(PITCH_WIDTH)
    return Voice(
        name=name,
        voice=HIBARI.name,
        pitch=round(100 * asked),
        speed=round((125 + 65 * third) * size),
        size=size,
        synthesizer=HIBARI,
    )
