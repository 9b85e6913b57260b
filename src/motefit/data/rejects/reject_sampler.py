"""Draws of an epoch: windows of reject recordings at any place, half words, synthetic words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from motefit.data.rejects.half_words import half_window, joined_window
from motefit.data.rejects.placed_words import placed_word
from motefit.data.rejects.reject_sounds import RejectData, RejectSounds
from motefit.spec.rejects import RejectSpec
from motefit.spec.tasks.speech_spec import SILENCE, SYNTHETIC, UNKNOWN

Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]
Block = tuple[Int16s, Int64s]

BLOCK = 256
"""Windows in a block."""
SLIDE = 0.4
"""A recording of at most one window is slid by up to this share of its length over the edges."""
MOST_SYNTHETIC = 0.25
"""Largest share of synthetic speech among other speech, if there is any other."""
SIDES = np.array([[True, False], [False, True], [True, True]])
"""Other speech is heard before a word, after it, or both."""
JITTER = 0.05
"""A hard negative is heard up to this share of a window earlier or later."""


class WordClips(Protocol):
    """Clips of words: int16 (n, samples), and the index of each one's label."""

    @property
    def pcm(self) -> Int16s:
        """Samples, int16 (n, samples)."""
        ...

    @property
    def label(self) -> Int64s:
        """Index of the label, int64 (n,)."""
        ...


class RejectSampler:
    """Draws examples of the reject classes for one epoch.

    An entry of the recipe is drawn with the square root of its length, so that a short one counts
    and a long one does not crowd it out; a recording in it by its windows.

    Args:
        sounds: the recordings; the training set is used.
        clips: words of the training set, for half words.
        labels: of the model's outputs.
        spec: how many windows of each kind.
        rate_hz: of the samples.
        mined: hard negatives, by the name of their recording their first samples.
    """

    def __init__(
        self,
        sounds: RejectData,
        clips: WordClips,
        *,
        labels: Sequence[str],
        spec: RejectSpec,
        rate_hz: int,
        mined: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._sounds, self._clips, self._spec = sounds, clips, spec
        self._labels, self._rate_hz = tuple(labels), rate_hz
        self._samples = clips.pcm.shape[1]
        self._pools = {label: subsets["train"] for label, subsets in sounds.classes.items()}
        self._chances = {
            label: _chances(pool, self._samples) for label, pool in self._pools.items()
        }
        self._mined = {
            label: self._mined_windows(pool, mined or {}) for label, pool in self._pools.items()
        }

    def size(self, count: int) -> int:
        """Return the number of examples in an epoch with ``count`` clips of words."""
        return sum(self._counts(count).values())

    def _counts(self, count: int) -> dict[str, int]:
        """Return the number of examples of each kind."""
        ratios = {UNKNOWN: self._spec.unknown, SILENCE: self._spec.silence}
        counts: dict[str, int] = {}
        for label in self._pools:
            total = round(ratios[label] * count)
            halves = round(self._spec.half_words * total) if label == UNKNOWN else 0
            hard = round(self._spec.mined * total) if len(self._mined[label][0]) else 0
            counts |= {f"{label} half": halves, f"{label} hard": hard}
            counts[label] = total - halves - hard
        if self._sounds.spoken is not None:
            share = self._synthetic_share()
            counts["spoken"] = round(count * share / (1 - share))
        return counts

    def blocks(self, count: int, *, rng: np.random.Generator) -> Iterator[Block]:
        """Draw the examples of an epoch, :meth:`size` in all.

        Args:
            count: clips of words in the epoch.
            rng: the only source of randomness.

        Yields:
            int16 (b, samples) and label indices int64 (b,), b at most :data:`BLOCK`.
        """
        counts = self._counts(count)
        for label in self._pools:
            yield from self._halves(counts[f"{label} half"], rng)
            yield from self._hard(label, counts[f"{label} hard"], rng)
            yield from self._whole(label, counts[label], rng)
        yield from self._spoken(counts.get("spoken", 0), rng)

    def placed(self, block: Int16s, *, rng: np.random.Generator) -> Int16s:
        """Place words in their windows, some of them between other speech.

        Args:
            block: words, int16 (b, samples).
            rng: the only source of randomness.

        Returns:
            int16 (b, samples); the block itself without neighbors in the recipe.
        """
        if not self._spec.neighbors:
            return block
        sides = SIDES[rng.integers(0, len(SIDES), len(block))]
        sides = sides & np.less(rng.random((len(block), 1)), self._spec.neighbors)
        beside = np.zeros((len(block), 2, block.shape[1]), np.int16)
        if UNKNOWN in self._pools:
            drawn = [pcm for pcm, _ in self._whole(UNKNOWN, int(sides.sum()), rng)]
            beside[sides] = np.concatenate([block[:0], *drawn])
        return np.stack(
            [
                placed_word(clip, before=before, after=after, rate_hz=self._rate_hz, rng=rng)
                for clip, (before, after) in zip(block, beside, strict=True)
            ]
        )

    def fixed(self, subset: str, count: int) -> Iterator[Block]:
        """Return the same examples each time, to measure or to calibrate on.

        Of the training set, those of an epoch; of another, windows one after the other, evenly
        thinned out to the number of an epoch.

        Args:
            subset: a set.
            count: clips of words in it.

        Yields:
            as :meth:`blocks`.
        """
        if subset == "train":
            yield from self.blocks(count, rng=np.random.default_rng(0))
            return
        wanted = {UNKNOWN: self._spec.unknown, SILENCE: self._spec.silence}
        for label, subsets in self._sounds.classes.items():
            owners, places = subsets[subset].windows(self._samples)
            most = min(max(round(wanted[label] * count), 1), len(owners))
            rows = np.linspace(0, len(owners) - 1, most).round().astype(np.int64)
            yield from self._cut(subsets[subset], label, owners[rows], places[rows])

    def _synthetic_share(self) -> float:
        pool = self._pools[UNKNOWN]
        synthetic = np.array([source == SYNTHETIC for source in pool.sources])
        return float(self._chances[UNKNOWN][synthetic].sum())

    def _whole(self, label: str, count: int, rng: np.random.Generator) -> Iterator[Block]:
        """Draw windows of the recordings of a class, at any place.

        Yields:
            as :meth:`blocks`.
        """
        pool, samples = self._pools[label], self._samples
        owners = rng.choice(len(pool), count, p=self._chances[label])
        lengths = pool.lengths[owners]
        slide = np.where(lengths <= samples, SLIDE * lengths, 0.0)
        low = np.minimum(lengths - samples, 0) - slide
        high = np.maximum(lengths - samples, 0) + slide
        places = np.rint(rng.uniform(low, high)).astype(np.int64)
        yield from self._cut(pool, label, owners, places)

    def _hard(self, label: str, count: int, rng: np.random.Generator) -> Iterator[Block]:
        """Draw hard negatives, a little earlier or later.

        Yields:
            as :meth:`blocks`.
        """
        owners, places = self._mined[label]
        if not count:
            return
        rows = rng.integers(0, len(owners), count)
        reach = int(JITTER * self._samples)
        moved = places[rows] + rng.integers(-reach, reach, count, endpoint=True)
        pool = self._pools[label]
        last = np.maximum(pool.lengths[owners[rows]] - self._samples, 0)
        yield from self._cut(pool, label, owners[rows], np.clip(moved, 0, last))

    def _cut(
        self, pool: RejectSounds, label: str, owners: Int64s, places: Int64s
    ) -> Iterator[Block]:
        index = self._labels.index(label)
        for start in range(0, len(owners), BLOCK):
            some = slice(start, start + BLOCK)
            pcm = pool.cut(owners[some], places[some], self._samples, continued=True)
            yield pcm, np.full(len(pcm), index, np.int64)

    def _halves(self, count: int, rng: np.random.Generator) -> Iterator[Block]:
        """Make windows with half a word, or with halves of two different words, in turn.

        Yields:
            as :meth:`blocks`.
        """
        pcm, label = self._clips.pcm, self._clips.label
        for start in range(0, count, BLOCK):
            rows = rng.integers(0, len(pcm), min(BLOCK, count - start))
            out = np.empty((len(rows), self._samples), np.int16)
            for number, row in enumerate(rows.tolist()):
                others = np.flatnonzero(label != label[row])
                if number % 2 and len(others):
                    other = pcm[int(rng.choice(others))]
                    out[number] = joined_window(pcm[row], other, rate_hz=self._rate_hz, rng=rng)
                else:
                    out[number] = half_window(pcm[row], rate_hz=self._rate_hz, rng=rng)
            yield out, np.full(len(out), self._labels.index(UNKNOWN), np.int64)

    def _spoken(self, count: int, rng: np.random.Generator) -> Iterator[Block]:
        """Draw synthetic clips of words.

        Yields:
            as :meth:`blocks`.
        """
        pool = self._sounds.spoken
        if pool is None:
            return
        index = np.array([self._labels.index(word) for word in pool.sources], np.int64)
        rows = rng.integers(0, len(pool), count)
        for start in range(0, count, BLOCK):
            some = rows[start : start + BLOCK]
            pcm = pool.cut(some, np.zeros_like(some), self._samples, continued=True)
            yield self.placed(pcm, rng=rng), index[some]

    def _mined_windows(
        self, pool: RejectSounds, mined: Mapping[str, Sequence[int]]
    ) -> tuple[Int64s, Int64s]:
        """Return the recording and the first sample of each hard negative in a class."""
        pairs = [
            (row, place) for row, name in enumerate(pool.names) for place in mined.get(name, ())
        ]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]


def _chances(pool: RejectSounds, samples: int) -> npt.NDArray[np.float64]:
    """Compute the probability of each recording."""
    windows = np.maximum(pool.lengths / samples, 1.0)
    names, index = np.unique(pool.sources, return_inverse=True)
    totals = np.bincount(index, weights=windows)
    shares = np.sqrt(totals) / np.sqrt(totals).sum()
    synthetic = names == SYNTHETIC
    if 0 < synthetic.sum() < len(names) and (share := shares[synthetic].sum()) > MOST_SYNTHETIC:
        others = (1 - MOST_SYNTHETIC) / (1 - share)
        shares = np.where(synthetic, MOST_SYNTHETIC, shares * others)
    return np.asarray(shares[index] * windows / totals[index])
