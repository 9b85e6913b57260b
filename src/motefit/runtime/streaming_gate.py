"""Where does the sound swell, as it does for a word?

A network that knows only its words calls any sound one of them, and a word that is half in the
window another word. So it is asked about *swells*: moments at which the loudness, averaged over
about the length of a word, is greater than anywhere near. How much greater it is there than in
all the sound around is the swell's prominence: even noise has next to none, whatever its level.

Loudness is the fourth root of a block's variance: an offset of the microphone does not count, and
a quiet word beside a loud one still swells. All lengths are shares of the model's window.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.streaming_settings import StreamingSettings
from motefit.signal.threads import ONE_THREAD

Float32Array = NDArray[np.float32]

BLOCK_SECONDS = 0.02
"""Length of a block, about: a hop is cut into whole blocks."""
WORD = 0.6
"""Length of the Hann window over which loudness is averaged."""
APART = 0.36
"""Two swells are further apart than this; a quieter one that is nearer is part of the louder."""
AROUND = 1.2
"""Length of the sound around a swell, against which its prominence is measured."""
REACH = 0.2
"""Windows whose middle is this near to a swell have its word in their middle."""
ROOM_SECONDS = 2.0
"""The quietest hop in so much past sound is what the room sounds like."""


@dataclass(frozen=True, kw_only=True)
class Swell:
    """A moment at which the loudness is greatest.

    Attributes:
        ago_s: seconds from it to the end of the hop that revealed it.
        prominence: how much greater than the mean of the sound around: 0 is no greater, 1 twice.
    """

    ago_s: float
    prominence: float


class SpeechGate:
    """Finds swells, and is open while the window's middle is near one.

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

    def push(self, hop: Float32Array) -> tuple[bool, list[Swell]]:
        """Take one hop.

        Args:
            hop: (hop_samples,) float32.

        Returns:
            Whether the middle of the window that the hop ends is near a swell, and the swells that
            are certain since this hop, oldest first.
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
        return self._is_near(), self._swells()

    def _is_near(self) -> bool:
        """Whether the window's middle is near what may become a swell."""
        place = len(self._smooth) - 1 - (self._half_window - self._half_word)
        highest = self._smooth[max(place - self._reach, 0) : place + self._reach + 1].max()
        return bool(highest >= self._least * self._mean(self._half_window))

    def _swells(self) -> list[Swell]:
        """Those among the blocks that now have enough sound behind them: one in a stretch."""
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
                found.append(Swell(ago_s=(ago + 0.5) * self._block_s, prominence=prominence))
        return found

    def _mean(self, ago: int) -> float:
        """Of the loudness around a block of the past, as far as it was heard."""
        block = len(self._loudness) - 1 - ago
        around = self._loudness[max(block - self._half_around, 0) : block + self._half_around + 1]
        return float(around.sum()) / len(around)

    def room(self) -> Float32Array:
        """The quietest hop of late: what the room sounds like when nobody speaks."""
        return min(self._hops, key=lambda kept: kept[0])[1]

    def reset(self) -> None:
        """Forget all sound."""
        self._hops.clear()
