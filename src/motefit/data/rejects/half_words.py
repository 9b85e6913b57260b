"""Halves of words: what a window on a stream holds before a word is over, and after it began."""

import numpy as np
import numpy.typing as npt

from motefit.data.rejects.reject_sounds import background

Int16s = npt.NDArray[np.int16]

SHORTEST_S, LONGEST_S = 0.3, 0.5
"""Length of a half, unless the word is shorter."""
LARGEST_SHARE = 0.6
"""Of a word that is in its half."""
FADE_S = 0.005
"""A half is faded in and out, since a click would give it away."""
_QUIET = 10**-2.5
"""Power, relative to the loudest block, below which a clip's ends are not part of the word."""
_BLOCK_S = 0.02


def word_span(clip: Int16s, rate_hz: int) -> tuple[int, int]:
    """Find the first and one past the last sample of a clip (samples,) that are its word."""
    size = round(_BLOCK_S * rate_hz)
    count = max(len(clip) // size, 1)
    power = np.square(clip[: count * size].astype(np.float32)).reshape(count, -1).sum(axis=1)
    loud = np.flatnonzero(power >= _QUIET * power.max())
    return int(loud[0]) * size, min((int(loud[-1]) + 1) * size, len(clip))


def half_word(clip: Int16s, *, first: bool, rate_hz: int, rng: np.random.Generator) -> Int16s:
    """Cut the first or the last half of the word out of a clip (samples,)."""
    start, stop = word_span(clip, rate_hz)
    longest = max(int(LARGEST_SHARE * (stop - start)), 1)
    size = min(int(rng.uniform(SHORTEST_S, LONGEST_S) * rate_hz), longest)
    return clip[start : start + size] if first else clip[stop - size : stop]


def fades(samples: int, rate_hz: int) -> npt.NDArray[np.float64]:
    """Compute the factors (samples,) that fade a piece in and out."""
    ends = np.minimum(np.arange(1, samples + 1), np.arange(samples, 0, -1))
    return np.minimum(ends / round(FADE_S * rate_hz), 1)


def half_window(clip: Int16s, *, rate_hz: int, rng: np.random.Generator) -> Int16s:
    """Make a window with half a word: half the time cut off by the window's edge.

    Args:
        clip: int16 (samples,), a word.
        rate_hz: of the samples.
        rng: the only source of randomness.

    Returns:
        int16 (samples,).
    """
    first = bool(rng.integers(2))
    piece = half_word(clip, first=first, rate_hz=rate_hz, rng=rng)
    edge = len(clip) - len(piece) if first else 0
    place = edge if rng.integers(2) else int(rng.integers(len(clip) - len(piece) + 1))
    return _placed([piece], place, clip, rate_hz)


def joined_window(clip: Int16s, other: Int16s, *, rate_hz: int, rng: np.random.Generator) -> Int16s:
    """Make a window with the first half of one word and the last half of another.

    Args:
        clip: int16 (samples,), a word.
        other: int16 (samples,), a different word.
        rate_hz: of the samples.
        rng: the only source of randomness.

    Returns:
        int16 (samples,).
    """
    pieces = [
        half_word(clip, first=True, rate_hz=rate_hz, rng=rng),
        half_word(other, first=False, rate_hz=rate_hz, rng=rng),
    ]
    size = min(sum(map(len, pieces)), len(clip))
    return _placed(pieces, int(rng.integers(len(clip) - size + 1)), clip, rate_hz)


def _placed(pieces: list[Int16s], place: int, clip: Int16s, rate_hz: int) -> Int16s:
    """Put pieces one after the other over the background of a clip."""
    out = background(clip, len(clip)).astype(np.float32)
    for piece in pieces:
        kept = piece[: len(out) - place]
        share = fades(len(kept), rate_hz)
        out[place : place + len(kept)] *= 1 - share
        out[place : place + len(kept)] += share * kept
        place += len(kept)
    return np.asarray(np.rint(out), np.int16)
