"""From swells and the probabilities of the windows around them to words, each reported once."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.streaming_gate import REACH, Swell
from motefit.runtime.streaming_settings import Detection, StreamingSettings

Float32Array = NDArray[np.float32]


class Decider:
    """Averages the probabilities of the windows that have a swell in their middle.

    Each swell gives one report at most: where the certainty of the likeliest word, and the swell's
    prominence, together are evidence enough.

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
        self._heard: deque[Float32Array | None] = deque(maxlen=int(clip_s / hop_s) + 2)

    def push(
        self, heard: Float32Array | None, swells: Sequence[Swell], *, now_s: float
    ) -> list[Detection]:
        """Take what was heard at one hop.

        Args:
            heard: (labels,) float32, probabilities of the window that the hop ends; None where the
                network was not asked.
            swells: that are certain since this hop.
            now_s: time of the hop's end.
        """
        self._heard.appendleft(heard)
        return [word for swell in swells if (word := self._decide(swell, now_s)) is not None]

    def _decide(self, swell: Swell, now_s: float) -> Detection | None:
        reach_s = max(REACH * self._clip_s, self._hop_s / 2) + 1e-9
        near = [
            heard
            for hops, heard in enumerate(self._heard)
            if heard is not None
            and abs(self._clip_s / 2 + hops * self._hop_s - swell.ago_s) <= reach_s
        ]
        if not near:
            return None
        mean = np.mean(near, axis=0)
        best = int(mean.argmax())
        word, probability = self._labels[best], float(mean[best])
        labels = max(len(self._labels), 2)
        certainty = math.log(probability * labels) / math.log(labels)
        if certainty + swell.prominence < self._settings.threshold:
            return None
        if word in self._settings.ignored:
            return None
        time_s = now_s - swell.ago_s
        return Detection(word=word, probability=probability, time_s=time_s, reported_s=now_s)

    def reset(self) -> None:
        """Forget the windows."""
        self._heard.clear()
