"""From the probabilities of overlapping windows to words, each reported once."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.streaming_settings import Detection, StreamingSettings

Float32Array = NDArray[np.float32]


class Decider:
    """Averages probabilities while a word stands in the window's middle, then decides once.

    It decides when the word leaves the middle, or after ``smoothing_ms`` if it stays. What was
    reported is not reported again before the word has left, or its average has fallen below
    ``release``; and no word within ``refractory_ms`` of the last.

    Args:
        labels: of the model's outputs, in order.
        settings: thresholds and times.
        hop_s: seconds between two windows.
    """

    def __init__(self, labels: Sequence[str], settings: StreamingSettings, *, hop_s: float) -> None:
        self._labels = tuple(labels)
        self._settings = settings
        longest = max(round(settings.smoothing_ms / 1000 / hop_s), 1)
        self._seen: deque[tuple[float, Float32Array]] = deque(maxlen=longest)
        self._last_s = -np.inf
        self._held: int | None = None

    def push(self, probabilities: Float32Array, *, time_s: float, now_s: float) -> Detection | None:
        """Take a window that has a word in its middle.

        Args:
            probabilities: (labels,) float32.
            time_s: of the loudest stretch in the window.
            now_s: of the window's end.
        """
        self._seen.append((time_s, probabilities))
        return self._decide(now_s) if len(self._seen) == self._seen.maxlen else None

    def close(self, *, now_s: float) -> Detection | None:
        """Take a window without a word in its middle: the word, if there was one, has left.

        Args:
            now_s: time of its end.
        """
        if not self._seen:
            return None
        found = self._decide(now_s)
        self.reset()
        return found

    def _decide(self, now_s: float) -> Detection | None:
        mean = np.zeros(len(self._labels), np.float32)
        for _, probabilities in self._seen:
            mean += probabilities / len(self._seen)
        chance = 1 / len(self._labels)
        certainty = (mean - chance) / (1 - chance)
        if self._held is not None and certainty[self._held] < self._settings.release:
            self._held = None
        best = int(mean.argmax())
        time_s = sum(time_s for time_s, _ in self._seen) / len(self._seen)
        waiting = time_s - self._last_s < self._settings.refractory_ms / 1000
        if self._held is not None or waiting or certainty[best] < self._settings.threshold:
            return None
        self._held, self._last_s = best, time_s
        word = self._labels[best]
        if word in self._settings.ignored:
            return None
        return Detection(word=word, probability=float(mean[best]), time_s=time_s, reported_s=now_s)

    def reset(self) -> None:
        """Forget the windows seen; the time of the last report stays."""
        self._seen.clear()
        self._held = None
