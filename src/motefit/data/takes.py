"""Takes of a word, one after the other on the user's own microphone: good or not, and trimmed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.data.word_finder import Stretch, find_stretches

SPARE_S = 1.0
"""A take is longer than a clip by this, so that a word may come early or late."""
EDGE_S = 0.04
CLIPPED_SAMPLES = 10
"""As in the audit: so many samples at full scale are a clipped take."""
QUIET_DBFS, CLEAR_DB, FAINT_DB = -50.0, 15.0, 15.0
"""A word is louder than the first and that much louder than the room; what is fainter than the word
by the last, such as breath, is no second word."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """A recorded take: good, or what is wrong with it.

    Attributes:
        problem: what is wrong, and what to do; empty for a good take.
        clip: int16 (n,) with the word in its middle; empty if there is a problem.
        level_dbfs: of the word.
    """

    problem: str
    clip: NDArray[np.int16]
    level_dbfs: float = 0.0


def assess_take(pcm: NDArray[np.int16], rate_hz: int, *, seconds: float) -> Take:
    """Assess a take, and trim a good one to a clip.

    Args:
        pcm: (n,) of the take, longer than the clip.
        rate_hz: sampling rate.
        seconds: length of the clip.
    """
    words = _words(find_stretches(pcm, rate_hz))
    problem = _problem(pcm, rate_hz, words, seconds)
    if problem:
        return Take(problem=problem, clip=pcm[:0])
    word, samples = words[0], round(seconds * rate_hz)
    middle = round((word.start_s + word.end_s) / 2 * rate_hz)
    first = min(max(middle - samples // 2, 0), len(pcm) - samples)
    clip = pcm[first : first + samples]
    return Take(problem="", clip=clip, level_dbfs=word.level_dbfs)


def _words(found: list[Stretch]) -> list[Stretch]:
    """Leave out what is much fainter than the loudest stretch."""
    loudest = max((stretch.level_dbfs for stretch in found), default=0.0)
    return [stretch for stretch in found if stretch.level_dbfs > loudest - FAINT_DB]


def _problem(pcm: NDArray[np.int16], rate_hz: int, words: list[Stretch], seconds: float) -> str:
    if not len(pcm) or not np.ptp(pcm.astype(np.int32)):
        return "no sound at all: is the microphone muted? motefit listen --check says more"
    clipped = int((np.abs(pcm.astype(np.int32)) >= 32767).sum())
    if clipped >= CLIPPED_SAMPLES:
        return f"too loud, {clipped} samples are clipped: move away, or lower Capture"
    if not words:
        return "no word was heard: say it right after the sign, closer to the microphone"
    if len(words) > 1:
        return f"{len(words)} sounds were heard: say the word once, and make no other sound"
    word = words[0]
    if word.start_s < EDGE_S or word.end_s > len(pcm) / rate_hz - EDGE_S:
        return "the word is cut off: say it right after the sign"
    if word.end_s - word.start_s > seconds:
        return (
            f"{word.end_s - word.start_s:.1f} s long, but a clip has {seconds:g} s: say it faster, "
            "or give a longer --seconds"
        )
    if word.level_dbfs < QUIET_DBFS:
        return f"too quiet, {word.level_dbfs:.0f} dB of full scale: come closer, or raise Capture"
    return _drowned(pcm, rate_hz, word)


def _drowned(pcm: NDArray[np.int16], rate_hz: int, word: Stretch) -> str:
    first, last = round(word.start_s * rate_hz), round(word.end_s * rate_hz)
    rest = np.concatenate((pcm[:first], pcm[last:])).astype(np.float64)
    room = 20 * float(np.log10(max(float(rest.std()), 0.1) / 32768))
    if word.level_dbfs - room < CLEAR_DB:
        return f"only {word.level_dbfs - room:.0f} dB louder than the room: come closer"
    return ""
