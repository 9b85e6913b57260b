"""When does a word stand in the middle of the window?

A network that knows only its words calls any sound one of them, and a word that is half in the
window another word. So the network is asked only while a word stands in the middle:

- the window's loudest moment exceeds the noise floor, the quietest hop of the last seconds;
- of the window's loudness, summed over 20 ms blocks, a good share lies in its middle. Even noise
  has exactly the middle's own share, whatever its level, and a word that comes or goes less.

Loudness is the standard deviation of a block, so that a microphone's offset does not count. The
share has hysteresis: it must fall lower to end a word than it must rise to begin one.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.streaming_settings import StreamingSettings

Float32Array = NDArray[np.float32]

BLOCK_SECONDS = 0.02
"""Length of a block, about: a hop is cut into whole blocks."""


class SpeechGate:
    """Open while a word stands in the middle of the window.

    Args:
        settings: shares, levels and times.
        hop_samples: samples in a hop.
        clip_samples: samples in the window.
        rate_hz: of the samples.
    """

    def __init__(
        self, settings: StreamingSettings, *, hop_samples: int, clip_samples: int, rate_hz: int
    ) -> None:
        self._blocks = max(round(hop_samples / rate_hz / BLOCK_SECONDS), 1)
        self._length = max(hop_samples // self._blocks, 1)
        self._average = np.full(self._length, 1 / self._length, np.float32)
        blocks = max(round(clip_samples / self._length), 1)
        edge = round(blocks * (1 - settings.middle) / 2)
        self._middle = slice(edge, max(blocks - edge, edge + 1))
        self._settings = settings
        self._above = 10 ** (settings.above_floor_db / 10)
        self._quietest = 10 ** (settings.quietest_dbfs / 10)
        floor_hops = max(round(settings.floor_ms / 1000 * rate_hz / hop_samples), 1)
        self._hops: deque[Float32Array] = deque(maxlen=floor_hops)
        self._hop_powers: deque[float] = deque(maxlen=floor_hops)
        self._powers = np.zeros(blocks, np.float32)
        self._places = np.arange(0.5, blocks, dtype=np.float32) / np.float32(blocks)
        self.is_open = False

    def push(self, hop: Float32Array) -> bool:
        """Take one hop and say whether a word stands in the middle of the window that it ends.

        Args:
            hop: (hop_samples,) float32.
        """
        blocks = hop[: self._blocks * self._length].reshape(-1, self._length)
        mean = blocks @ self._average
        powers = np.einsum("bs,bs->b", blocks, blocks) * self._average[0] - mean * mean
        np.maximum(powers, 0, out=powers)
        self._powers = np.concatenate((self._powers, powers))[len(powers) :]
        self._hops.append(hop)
        self._hop_powers.append(float(powers.sum()) / self._blocks)
        share = self._settings.close_share if self.is_open else self._settings.open_share
        self.is_open = self._is_loud() and self._share() >= share
        return self.is_open

    def loudest_at(self) -> float:
        """Centre of the window's loudness, as a share of the window: 0 its begin, 1 its end."""
        loudness = np.sqrt(self._powers)
        whole = float(loudness.sum())
        return float(loudness @ self._places) / whole if whole else 0.5

    def _is_loud(self) -> bool:
        floor = max(min(self._hop_powers), self._quietest)
        loudest = float(self._powers.max())
        return self._settings.above_floor_db == 0 or loudest >= floor * self._above

    def _share(self) -> float:
        loudness = np.sqrt(self._powers)
        whole = float(loudness.sum())
        return float(loudness[self._middle].sum()) / whole if whole else 0.0

    def room(self) -> Float32Array:
        """The quietest hop of late: what the room sounds like when nobody speaks."""
        return self._hops[self._hop_powers.index(min(self._hop_powers))]

    def reset(self) -> None:
        """Forget all sound."""
        self._hops.clear()
        self._hop_powers.clear()
        self._powers[:] = 0
        self.is_open = False
