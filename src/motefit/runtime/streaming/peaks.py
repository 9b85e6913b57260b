"""Loudness peaks: moments at which a stream is louder than anywhere nearby.

A network that knows only its words takes any sound for one of them, and a word that is half in the
window for another word. So it is evaluated only around *loudness peaks*: moments at which the
loudness, averaged over about the length of a word, is greater than anywhere nearby. How much
greater it is than in the audio around it is the peak's prominence: even noise has next to none,
whatever its level. How long the sound lasts tells a word from a click.

Loudness is the fourth root of a block's variance: an offset of the microphone does not count, and
a quiet word next to a loud one still has a peak. All lengths are shares of the model's window.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.threads import ONE_THREAD
from motefit.spec.decision import Decision

Float32Array = NDArray[np.float32]

BLOCK_SECONDS = 0.02
"""Length of a block, about: a hop is cut into whole blocks."""
WORD = 0.6
"""Length of the Hann window over which loudness is averaged."""
APART = 0.36
"""Least distance of two peaks; a quieter one that is nearer is part of the louder one."""
AROUND = 1.2
"""Length of the audio around a peak, relative to which its prominence is measured."""
REACH = 0.2
"""Windows whose middle is this near to a peak have its word in their middle."""
QUIET_SHARE = 0.2
"""The quietest share of the audio around a peak is its background."""
LASTING = 0.25
"""A sound lasts while it keeps this share of its height over the background: about -24 dB. Of the
validation clips of eight words, 99.5 % last 100 ms by it; dry clicks and keys at most 60 ms."""
ROOM_SECONDS = 2.0
"""The quietest hop in this much past audio is the background of the room."""


@dataclass(frozen=True, kw_only=True)
class LoudnessPeak:
    """A moment at which the loudness is greatest.

    Attributes:
        ago_s: seconds from it to the end of the hop that revealed it.
        prominence: relative excess over the mean of the audio around it: 0 is equal, 1 twice as
            loud.
        lasts_s: seconds around its loudest block for which it keeps :data:`LASTING` of its height
            over the background.
    """

    ago_s: float
    prominence: float
    lasts_s: float


@dataclass(frozen=True, kw_only=True)
class PeakSpans:
    """Lengths of the search for peaks, most of them in blocks; C source is written from them, too.

    Attributes:
        blocks: in a hop.
        length: of a block, in samples.
        block_s: of a block, in seconds; a hop may have samples beyond its last block.
        half_window: from the end of the model's window to its middle.
        half_word: before and after a block, over which loudness is averaged.
        apart: least distance of two peaks, less one.
        reach: windows whose middle is this near to a peak are evaluated.
        half_around: before and after a peak, relative to which its prominence is measured.
    """

    blocks: int
    length: int
    block_s: float
    half_window: int
    half_word: int
    apart: int
    reach: int
    half_around: int

    @classmethod
    def of(cls, *, hop_samples: int, clip_samples: int, rate_hz: int) -> "PeakSpans":
        """Derive them from a hop, the model's window and the rate."""
        blocks = max(round(hop_samples / rate_hz / BLOCK_SECONDS), 1)
        length = hop_samples // blocks
        window = clip_samples / length
        return cls(
            blocks=blocks,
            length=length,
            block_s=hop_samples / rate_hz / blocks,
            half_window=round(window / 2),
            half_word=round(window * WORD / 2),
            apart=max(round(window * APART), 1),
            reach=round(window * REACH),
            half_around=round(window * AROUND / 2),
        )

    @property
    def kept(self) -> int:
        """Blocks whose loudness is kept."""
        after = max(self.half_word + self.apart, self.half_around)
        return self.half_word + self.apart + after + self.blocks

    @property
    def kept_smooth(self) -> int:
        """Blocks whose averaged loudness is kept."""
        return 2 * self.apart + self.blocks

    def word(self) -> Float32Array:
        """Return the weights of the average over a word: (2 half_word + 1,) float32."""
        shape = np.hanning(2 * self.half_word + 3)[1:-1].astype(np.float32)
        return np.asarray(shape / shape.sum())


class SegmentDetector:
    """Finds loudness peaks, and whether the window's middle is near one.

    Args:
        decision: its prominence, shortest sound and quietest level.
        hop_samples: samples in a hop.
        clip_samples: samples in the window.
        rate_hz: of the samples.
    """

    def __init__(
        self, decision: Decision, *, hop_samples: int, clip_samples: int, rate_hz: int
    ) -> None:
        spans = PeakSpans.of(hop_samples=hop_samples, clip_samples=clip_samples, rate_hz=rate_hz)
        self._blocks, self._length, self._block_s = spans.blocks, spans.length, spans.block_s
        self._half_window, self._half_word = spans.half_window, spans.half_word
        self._apart, self._reach, self._half_around = spans.apart, spans.reach, spans.half_around
        self._average = np.full(self._length, 1 / self._length, np.float32)
        shape = spans.word()
        self._word = np.zeros((self._blocks, self._blocks + len(shape) - 1), np.float32)
        for block, row in enumerate(self._word):
            row[block : block + len(shape)] = shape
        self._loudness = np.zeros(spans.kept, np.float32)
        self._smooth = np.zeros(spans.kept_smooth, np.float32)
        self._least = 1 + decision.prominence
        self._shortest_s = decision.shortest_ms / 1000
        self._quietest = np.float32(10 ** (decision.quietest_dbfs / 10))
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
            lasts_s = self._lasts(ago) * self._block_s
            if prominence >= self._least - 1 and lasts_s >= self._shortest_s - 1e-9:
                ago_s = (ago + 0.5) * self._block_s
                found.append(LoudnessPeak(ago_s=ago_s, prominence=prominence, lasts_s=lasts_s))
        return found

    def _lasts(self, ago: int) -> int:
        """Count the blocks of a peak's sound: as long as it keeps enough of its height."""
        block = len(self._loudness) - 1 - ago
        sound = self._loudness[block - self._half_word : block + self._half_word + 1]
        loudest = int(sound.argmax())
        quiet = np.sort(self._around(block))
        background = quiet[int(QUIET_SHARE * len(quiet))]
        least = background + LASTING * (sound[loudest] - background)
        below = np.flatnonzero(sound < least)
        after = int(np.searchsorted(below, loudest))
        first = below[after - 1] + 1 if after else 0
        last = below[after] if after < len(below) else len(sound)
        return int(last - first)

    def _mean(self, ago: int) -> float:
        """Average the loudness around a past block, as far as received."""
        around = self._around(len(self._loudness) - 1 - ago)
        return float(around.sum()) / len(around)

    def _around(self, block: int) -> Float32Array:
        """Return the loudness around a block, as far as received."""
        return self._loudness[max(block - self._half_around, 0) : block + self._half_around + 1]

    @property
    def has_sound(self) -> bool:
        """Whether a whole hop was received since the last reset."""
        return bool(self._hops)

    def room(self) -> Float32Array:
        """Return the quietest recent hop: the background when nobody speaks."""
        return min(self._hops, key=lambda kept: kept[0])[1]

    def reset(self) -> None:
        """Discard all audio."""
        self._hops.clear()
