"""A recording of clips at random offsets over noise, and the score of the detections in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motefit.data.speech import Clips
from motefit.runtime.streaming.detector import Detection

LONGEST_GAP_S = 1.0
"""Silence between two clips is drawn from 0 to this."""
BED_DB = -30.0
"""Level of the noise under all of it, relative to the clips' median RMS."""
WORD_S = 0.5
"""A clip's word is taken to lie in its loudest stretch of this length; many lie near an edge."""
REACH_S = 0.5
"""A report belongs to the word whose middle is nearest to its time, if it is that near."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One long recording.

    Attributes:
        pcm: int16 (samples,).
        rate_hz: sampling rate.
        middles_s: (clips,) time of the middle of each word.
        words: (clips,) word of each.
    """

    pcm: np.ndarray
    rate_hz: int
    middles_s: np.ndarray
    words: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / self.rate_hz


def record(
    clips: Clips,
    labels: Sequence[str],
    noise: np.ndarray,
    *,
    rate_hz: int,
    rng: np.random.Generator,
) -> Recording:
    """Record all clips once, in random order, 0 to 1 s apart, over real background noise."""
    order = rng.permutation(len(clips))
    length = clips.pcm.shape[1]
    gaps = rng.integers(0, round(LONGEST_GAP_S * rate_hz) + 1, len(order) + 1)
    starts = np.cumsum(gaps[:-1]) + length * np.arange(len(order))
    total = int(gaps.sum()) + length * len(order)
    sound = _bed(noise, total, level=_median_rms(clips) * 10 ** (BED_DB / 20), rng=rng)
    for start, clip in zip(starts, order, strict=True):
        sound[start : start + length] += clips.pcm[clip]
    return Recording(
        pcm=np.clip(np.rint(sound), -32768, 32767).astype(np.int16),
        rate_hz=rate_hz,
        middles_s=starts / rate_hz + [_middle_s(clips.pcm[clip], rate_hz) for clip in order],
        words=tuple(labels[clips.label[clip]] for clip in order),
    )


def _middle_s(clip: np.ndarray, rate_hz: int) -> float:
    """Find the middle of the loudest stretch of WORD_S, in seconds from the start of the clip."""
    stretch = round(WORD_S * rate_hz)
    power = np.cumsum(np.square(np.append(0.0, clip)))
    return float(np.argmax(power[stretch:] - power[:-stretch]) + stretch / 2) / rate_hz


def _median_rms(clips: Clips) -> float:
    return float(np.median([np.sqrt(np.mean(np.square(c, dtype=np.float64))) for c in clips.pcm]))


def _bed(noise: np.ndarray, samples: int, *, level: float, rng: np.random.Generator) -> np.ndarray:
    if not len(noise):
        return np.zeros(samples)
    bed = np.resize(np.roll(noise, int(rng.integers(len(noise)))), samples).astype(np.float64)
    return bed * (level / np.sqrt(np.mean(np.square(bed))))


def score(recording: Recording, found: Sequence[Detection]) -> dict[str, int]:
    """Count clips found once, found twice or more, also or only reported as another word, missed,
    and reports that belong to no clip."""
    reports: list[list[str]] = [[] for _ in recording.words]
    stray = 0
    for detection in found:
        nearest = int(np.abs(recording.middles_s - detection.time_s).argmin())
        if abs(recording.middles_s[nearest] - detection.time_s) <= REACH_S:
            reports[nearest].append(detection.word)
        else:
            stray += 1
    right = [words.count(word) for words, word in zip(reports, recording.words, strict=True)]
    wrong = [len(words) > n for words, n in zip(reports, right, strict=True)]
    return {
        "clips": len(right),
        "once": right.count(1),
        "twice": sum(n > 1 for n in right),
        "wrong": sum(wrong),
        "missed": sum(not words for words in reports),
        "stray": stray,
    }
