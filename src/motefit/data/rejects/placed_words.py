"""Words as a stream has them: whole, anywhere in the window, with other speech beside them."""

import numpy as np
import numpy.typing as npt

from motefit.data.rejects.half_words import fades, word_span
from motefit.data.rejects.reject_sounds import background

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

LONGEST_GAP_S = 0.15
"""Other speech ends before a word, or starts after it, by up to this."""
LEVELS_DB = (-12.0, 3.0)
"""Mean level of other speech relative to the word's."""


def placed_word(
    clip: Int16s, *, before: Int16s, after: Int16s, rate_hz: int, rng: np.random.Generator
) -> Int16s:
    """Move the word of a clip to any place in the window, and let other speech surround it.

    No part of the word leaves the window: half a word is a sound to reject.

    Args:
        clip: int16 (samples,), a word; its own background fills what the move leaves empty.
        before: int16 (samples,), its end is heard before the word; zeros for none.
        after: int16 (samples,), its start is heard after the word; zeros for none.
        rate_hz: of the samples.
        rng: the only source of randomness.

    Returns:
        int16 (samples,).
    """
    samples = len(clip)
    first, last = word_span(clip, rate_hz)
    shift = int(rng.integers(-first, samples - last, endpoint=True))
    out = background(clip, samples).astype(np.float32)
    start, stop = max(shift, 0), min(samples + shift, samples)
    out[start:stop] = clip[start - shift : stop - shift]
    level = _rms(clip[first:last].astype(np.float32))
    gaps = rng.integers(0, round(LONGEST_GAP_S * rate_hz), 2, endpoint=True)
    levels = level * np.power(10.0, rng.uniform(*LEVELS_DB, 2) / 20)
    if (room := first + shift - int(gaps[0])) > 0:
        out[:room] += _heard(before[-room:], levels[0], rate_hz)
    if (room := samples - last - shift - int(gaps[1])) > 0:
        out[-room:] += _heard(after[:room], levels[1], rate_hz)
    return np.asarray(np.clip(np.rint(out), -32768, 32767), np.int16)


def _heard(piece: Int16s, level: float, rate_hz: int) -> Floats:
    """Scale a piece of sound to a mean level and fade its ends."""
    sound = piece.astype(np.float32)
    sound *= fades(len(sound), rate_hz)
    rms = _rms(sound)
    return sound * np.float32(level / rms) if rms else sound


def _rms(sound: Floats) -> float:
    return float(np.sqrt(np.dot(sound, sound) / max(len(sound), 1)))
