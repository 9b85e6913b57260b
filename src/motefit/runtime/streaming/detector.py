"""Detection of words in segments of audio.

A network that knows only its words takes any sound for one of them, and a word that is half in the
window for another word. So it is evaluated only around *loudness peaks*: moments at which the
loudness, averaged over about the length of a word, is greater than anywhere near. How much greater
it is than in the audio around it is the peak's prominence: even noise has next to none, whatever
its level. The probabilities of the windows around a peak are averaged, and a word is reported once.

Loudness is the fourth root of a block's variance: an offset of the microphone does not count, and
a quiet word next to a loud one still has a peak. All lengths are shares of the model's window.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.threads import ONE_THREAD
from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class StreamingSettings:
    """Settings of the detection of words in a stream.

    The defaults were chosen on recordings of training and validation clips, made as
    ``benchmarks/streaming/words.py`` makes them, and on background noise alone.

    Attributes:
        hop_ms: between two evaluations of the window; rounded to whole frames of the front end.
        prominence: by how much the loudness at a word must exceed that of the audio around it: 0.5
            for 50 % more; -1 evaluates every window.
        threshold: evidence from which a word is reported: the network's certainty plus the
            prominence. Certainty is the logarithm of the averaged probability, from 0 at chance,
            one over the number of labels, to 1.
        quietest_dbfs: assumed level of background noise, so that nothing is prominent in digital
            silence.
        ignored: labels that are never reported, such as a word that is not needed; reject classes
            never are.
    """

    hop_ms: float = 100.0
    prominence: float = 0.1
    threshold: float = 0.98
    quietest_dbfs: float = -70.0
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.hop_ms < math.inf:
            raise RecipeError(f"hop_ms must be above 0, got {self.hop_ms}")
        if not -1 <= self.prominence < math.inf or not 0 <= self.threshold < math.inf:
            raise RecipeError(
                "prominence must be at least -1 and threshold at least 0, got "
                f"{self.prominence} and {self.threshold}"
            )
        if not -math.inf < self.quietest_dbfs <= 0:
            raise RecipeError(f"quietest_dbfs must be at most 0, got {self.quietest_dbfs}")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One detected word.

    Attributes:
        word: its label.
        probability: averaged over the windows that had it in their middle, 0..1.
        time_s: of the word's middle, where it is loudest; seconds of audio since the start of the
            stream.
        reported_s: seconds of audio received when it was reported.
    """

    word: str
    probability: float
    time_s: float
    reported_s: float


Float32Array = NDArray[np.float32]

BLOCK_SECONDS = 0.02
"""Length of a block, about: a hop is cut into whole blocks."""
WORD = 0.6
"""Length of the Hann window over which loudness is averaged."""
APART = 0.36
"""Two peaks are further apart than this; a quieter one that is nearer is part of the louder one."""
AROUND = 1.2
"""Length of the audio around a peak, relative to which its prominence is measured."""
REACH = 0.2
"""Windows whose middle is this near to a peak have its word in their middle."""
ROOM_SECONDS = 2.0
"""The quietest hop in this much past audio is the background of the room."""


@dataclass(frozen=True, kw_only=True)
class LoudnessPeak:
    """A moment at which the loudness is greatest.

    Attributes:
        ago_s: seconds from it to the end of the hop that revealed it.
        prominence: relative excess over the mean of the audio around it: 0 is equal, 1 twice as
            loud.
    """

    ago_s: float
    prominence: float


class SegmentDetector:
    """Finds loudness peaks, and whether the window's middle is near one.

    Args:
        settings: prominence and quietest level.
        hop_samples: samples in a hop.
        clip_samples: samples in the window.
        rate_hz: of the samples.
    """

    def __init__(
        self, settings: StreamingSettings, *, hop_samples: int, clip_samples: int, rate_hz: int
    ) -> None:
        self._blocks = max(round(hop_samples / rate_hz / BLOCK_SECONDS), 1)
        self._length = hop_samples // self._blocks
        self._block_s = hop_samples / rate_hz / self._blocks
        self._average = np.full(self._length, 1 / self._length, np.float32)
        window = clip_samples / self._length
        self._half_window, self._half_word = round(window / 2), round(window * WORD / 2)
        self._apart, self._reach = max(round(window * APART), 1), round(window * REACH)
        self._half_around = round(window * AROUND / 2)
        shape = np.hanning(2 * self._half_word + 3)[1:-1].astype(np.float32)
        self._word = np.zeros((self._blocks, self._blocks + len(shape) - 1), np.float32)
        for block, row in enumerate(self._word):
            row[block : block + len(shape)] = shape / shape.sum()
        past = self._half_word + self._apart + max(self._half_word + self._apart, self._half_around)
        self._loudness = np.zeros(past + self._blocks, np.float32)
        self._smooth = np.zeros(2 * self._apart + self._blocks, np.float32)
        self._least = 1 + settings.prominence
        self._quietest = np.float32(10 ** (settings.quietest_dbfs / 10))
        kept = max(round(ROOM_SECONDS * rate_hz / hop_samples), 1)
        self._hops: deque[tuple[float, Float32Array]] = deque(maxlen=kept)

    def push(self, hop: Float32Array) -> tuple[bool, list[LoudnessPeak]]:
        """Add one hop.

        Args:
            hop: (hop_samples,) float32.

        Returns:
            Whether the middle of the window that ends with the hop is near a peak, and the peaks
            that became certain with this hop, oldest first.
        """
        blocks = hop[: self._blocks * self._length].reshape(-1, self._length)
        with ONE_THREAD:
            mean = blocks @ self._average
        powers = np.einsum("bs,bs->b", blocks, blocks) * self._average[0] - mean * mean
        loudness = np.sqrt(np.sqrt(np.maximum(powers, 0) + self._quietest))
        if not self._hops:
            self._loudness[:] = self._smooth[:] = loudness.min()
        self._hops.append((float(powers.sum()), hop))
        self._loudness = np.concatenate((self._loudness, loudness))[self._blocks :]
        with ONE_THREAD:
            smooth = self._word @ self._loudness[-self._word.shape[1] :]
        self._smooth = np.concatenate((self._smooth, smooth))[self._blocks :]
        return self._is_near(), self._peaks()

    def _is_near(self) -> bool:
        """Return whether the window's middle is near a possible peak."""
        place = len(self._smooth) - 1 - (self._half_window - self._half_word)
        highest = self._smooth[max(place - self._reach, 0) : place + self._reach + 1].max()
        return bool(highest >= self._least * self._mean(self._half_window))

    def _peaks(self) -> list[LoudnessPeak]:
        """Find peaks among the blocks that now have enough audio after them: one per stretch."""
        found = []
        for first in range(self._apart, self._apart + self._blocks, self._apart + 1):
            last = min(first + self._apart + 1, self._apart + self._blocks)
            place = first + int(self._smooth[first:last].argmax())
            around = self._smooth[place - self._apart : place + self._apart + 1]
            if around.argmax() != self._apart:
                continue
            ago = self._half_word + len(self._smooth) - 1 - place
            prominence = float(around[self._apart]) / self._mean(ago) - 1
            if prominence >= self._least - 1:
                found.append(LoudnessPeak(ago_s=(ago + 0.5) * self._block_s, prominence=prominence))
        return found

    def _mean(self, ago: int) -> float:
        """Average the loudness around a past block, as far as received."""
        block = len(self._loudness) - 1 - ago
        around = self._loudness[max(block - self._half_around, 0) : block + self._half_around + 1]
        return float(around.sum()) / len(around)

    def room(self) -> Float32Array:
        """Return the quietest recent hop: the background when nobody speaks."""
        return min(self._hops, key=lambda kept: kept[0])[1]

    def reset(self) -> None:
        """Discard all audio."""
        self._hops.clear()


class DetectionPostprocessor:
    """Averages the probabilities of the windows that have a peak in their middle.

    Each peak gives at most one report: if the certainty of the likeliest word plus the prominence
    of the peak reach the threshold.

    Args:
        labels: of the model's outputs, in order.
        settings: threshold, and labels to ignore.
        hop_s: seconds between two windows.
        clip_s: length of a window in seconds.
    """

    def __init__(
        self, labels: Sequence[str], settings: StreamingSettings, *, hop_s: float, clip_s: float
    ) -> None:
        self._labels = tuple(labels)
        self._settings = settings
        self._hop_s, self._clip_s = hop_s, clip_s
        self._recent: deque[Float32Array | None] = deque(maxlen=int(clip_s / hop_s) + 2)

    def push(
        self, probabilities: Float32Array | None, peaks: Sequence[LoudnessPeak], *, now_s: float
    ) -> list[Detection]:
        """Add the result of one hop.

        Args:
            probabilities: (labels,) float32, of the window that ends with the hop; None if it was
                not evaluated.
            peaks: peaks that became certain with this hop.
            now_s: time of the hop's end.
        """
        self._recent.appendleft(probabilities)
        return [word for peak in peaks if (word := self._decide(peak, now_s)) is not None]

    def _decide(self, peak: LoudnessPeak, now_s: float) -> Detection | None:
        reach_s = max(REACH * self._clip_s, self._hop_s / 2) + 1e-9
        near = [
            probabilities
            for hops, probabilities in enumerate(self._recent)
            if probabilities is not None
            and abs(self._clip_s / 2 + hops * self._hop_s - peak.ago_s) <= reach_s
        ]
        if not near:
            return None
        mean = np.mean(near, axis=0)
        best = int(mean.argmax())
        word, probability = self._labels[best], float(mean[best])
        labels = max(len(self._labels), 2)
        certainty = math.log(probability * labels) / math.log(labels)
        if certainty + peak.prominence < self._settings.threshold:
            return None
        if word in self._settings.ignored:
            return None
        time_s = now_s - peak.ago_s
        return Detection(word=word, probability=probability, time_s=time_s, reported_s=now_s)

    def reset(self) -> None:
        """Discard the windows."""
        self._recent.clear()
