"""A long recording made of clips: words at random times over background noise and other speech.

The same clips, sounds and seed give the same recording, so that misses can be measured with a test
set alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motefit.data.speech import Clips
from motefit.data.stream_folder import SpokenWord
from motefit.spec.errors import DataError

LONGEST_GAP_S = 1.0
"""Silence between two clips is drawn from 0 to this."""
BED_DB = -30.0
"""Level of the noise under all of it, relative to the clips' median RMS."""
BLOCK_S = 0.02
"""Clips are cut into blocks of this length to find the word in them."""
ENERGY = (0.02, 0.98)
"""A word starts and ends where these shares of its clip's energy over the background lie."""
Int16Array = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScriptedStream:
    """A recording made by script.

    Attributes:
        sound: int16 (samples,).
        rate_hz: its sampling rate.
        words: in it, in order.
        name: of it, for people.
    """

    sound: Int16Array
    rate_hz: int
    words: tuple[SpokenWord, ...]
    name: str = "scripted stream"

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.sound) / self.rate_hz

    def pcm(self, rate_hz: int) -> Int16Array:
        """Return the samples.

        Raises:
            DataError: for another rate than its own.
        """
        if rate_hz != self.rate_hz:
            raise DataError(f"the scripted stream is at {self.rate_hz} Hz, not at {rate_hz}")
        return self.sound


def script_stream(
    clips: Clips,
    labels: Sequence[str],
    noise: Int16Array,
    *,
    rate_hz: int,
    others: Sequence[Int16Array] = (),
    rng: np.random.Generator,
) -> ScriptedStream:
    """Lay all clips into one recording, in random order, 0 to 1 s apart, over background noise.

    Args:
        clips: of words; each is used once.
        labels: of the clips.
        noise: int16 (any,), repeated from a random place on, 30 dB below the clips; may be empty.
        rate_hz: of clips, noise and other sounds.
        others: sounds without any of the words, of any length, mixed in among the clips.
        rng: draws order, gaps and the place in the noise.
    """
    sounds = [*clips.pcm, *others]
    order = rng.permutation(len(sounds))
    gaps = rng.integers(0, round(LONGEST_GAP_S * rate_hz) + 1, len(order) + 1)
    lengths = np.array([len(sounds[place]) for place in order], np.int64)
    starts = np.cumsum(gaps[:-1]) + np.concatenate(([0], np.cumsum(lengths)[:-1]))
    total = int(gaps.sum() + lengths.sum())
    mixed = _bed(noise, total, level=_median_rms(clips) * 10 ** (BED_DB / 20), rng=rng)
    words = []
    for start, place in zip(starts.tolist(), order.tolist(), strict=True):
        mixed[start : start + len(sounds[place])] += sounds[place]
        if place < len(clips):
            first_s, last_s = word_span(sounds[place], rate_hz)
            words.append(
                SpokenWord(
                    word=labels[clips.label[place]],
                    start_s=start / rate_hz + first_s,
                    end_s=start / rate_hz + last_s,
                )
            )
    return ScriptedStream(
        sound=np.clip(np.rint(mixed), -32768, 32767).astype(np.int16),
        rate_hz=rate_hz,
        words=tuple(words),
    )


def word_span(clip: Int16Array, rate_hz: int) -> tuple[float, float]:
    """Find where a clip's word starts and ends, by its energy over the clip's quietest fifth.

    Returns:
        Seconds from the start of the clip; the whole clip if it is silent.
    """
    size = max(round(BLOCK_S * rate_hz), 1)
    count = len(clip) // size
    if not count:
        return 0.0, len(clip) / rate_hz
    blocks = clip[: count * size].reshape(count, size).astype(np.float64)
    power = np.square(blocks - blocks.mean(axis=1, keepdims=True)).mean(axis=1)
    energy = np.cumsum(np.maximum(power - np.sort(power)[count // 5], 0))
    if not energy[-1]:
        return 0.0, len(clip) / rate_hz
    first, last = np.searchsorted(energy, np.array(ENERGY) * energy[-1])
    return float(first * size / rate_hz), float((last + 1) * size / rate_hz)


def _median_rms(clips: Clips) -> float:
    return float(np.median([np.sqrt(np.mean(np.square(c, dtype=np.float64))) for c in clips.pcm]))


def _bed(noise: Int16Array, samples: int, *, level: float, rng: np.random.Generator) -> FloatArray:
    """Repeat the noise from a random place on, at a level; silence without noise."""
    if not len(noise):
        return np.zeros(samples)
    bed = np.resize(np.roll(noise, int(rng.integers(len(noise)))), samples).astype(np.float64)
    rms = np.sqrt(np.mean(np.square(bed)))
    return bed * (level / rms) if rms else bed
