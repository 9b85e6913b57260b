"""Decoded reject recordings of one set, and windows cut out of them."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from motefit.data.damage import BrokenFile
from motefit.data.splits import SUBSETS

Int16s = npt.NDArray[np.int16]
Int64s = npt.NDArray[np.int64]

STRETCHES = 10
"""A window has this many stretches; the quietest of a recording continues it beyond its ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RejectSounds:
    """Recordings of any length; all sequences but ``pcm`` have the length n.

    Attributes:
        pcm: int16 (samples of all,), a memory map that all processes share.
        starts: int64 (n,), the first sample of each recording in ``pcm``.
        lengths: int64 (n,), its samples.
        names: of the recordings, see ``RejectFile``.
        sources: the entry of the recipe; of synthetic words, the word.
        speakers: None where not known.
        digests: SHA-256 (hex) of the samples of the first clip's length, zero-padded.
    """

    pcm: Int16s
    starts: Int64s
    lengths: Int64s
    names: tuple[str, ...]
    sources: tuple[str, ...]
    speakers: tuple[str | None, ...]
    digests: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ids(self) -> tuple[str, ...]:
        """The names; those of clips of other words are clip ids."""
        return self.names

    def kept(self, keep: npt.NDArray[np.bool_]) -> "RejectSounds":
        """Return the recordings for which ``keep`` (n,) is true."""
        rows = np.flatnonzero(keep).tolist()
        return replace(
            self,
            starts=self.starts[rows],
            lengths=self.lengths[rows],
            names=tuple(self.names[i] for i in rows),
            sources=tuple(self.sources[i] for i in rows),
            speakers=tuple(self.speakers[i] for i in rows),
            digests=tuple(self.digests[i] for i in rows),
        )

    def windows(self, samples: int) -> tuple[Int64s, Int64s]:
        """List the windows that are measured: one after the other, without overlap.

        A recording of at most one window has one; the last window of a longer one ends with it.

        Args:
            samples: of a window.

        Returns:
            int64 (k,) index of the recording and (k,) first sample in it.
        """
        counts = np.maximum(-(-self.lengths // samples), 1)
        owners = np.repeat(np.arange(len(self)), counts)
        number = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        last = np.maximum(self.lengths[owners] - samples, 0)
        return owners, np.minimum(number * samples, last)

    def cut(self, owners: Int64s, places: Int64s, samples: int, *, continued: bool) -> Int16s:
        """Cut windows.

        Args:
            owners: (k,) index of each window's recording.
            places: (k,) first sample of the window, from the start of the recording; may be
                negative or beyond its end.
            samples: of a window.
            continued: continue a recording beyond its ends with its own background, instead of
                zeros.

        Returns:
            int16 (k, samples).
        """
        out = np.zeros((len(owners), samples), np.int16)
        for row, owner, place in zip(out, owners.tolist(), places.tolist(), strict=True):
            start, length = int(self.starts[owner]), int(self.lengths[owner])
            sound = self.pcm[start : start + length]
            first, last = max(place, 0), min(place + samples, length)
            if continued and (place < 0 or last < place + samples):
                row[:] = background(sound, samples)
            if first < last:
                row[first - place : last - place] = sound[first:last]
        return out


def background(sound: Int16s, samples: int) -> Int16s:
    """Repeat a recording's quietest stretch, forward and backward in turn, without a jump.

    Args:
        sound: int16 (any,).
        samples: of a window.

    Returns:
        int16 (samples,); zeros for a recording shorter than a stretch.
    """
    size = max(samples // STRETCHES, 1)
    count = len(sound) // size
    if count == 0:
        return np.zeros(samples, np.int16)
    stretches = sound[: count * size].reshape(count, size)
    power = np.square(stretches.astype(np.float32)).sum(axis=1)
    quiet = stretches[int(power.argmin())]
    return np.resize(np.concatenate((quiet, quiet[::-1])), samples)


@dataclass(frozen=True, kw_only=True, eq=False)
class RejectData:
    """The reject recordings of a speech data set.

    Attributes:
        classes: by label and set, the recordings; no recording is in two sets.
        spoken: synthetic clips of the words, for training only, so that a synthetic voice is no
            sign of a reject; None if nothing is synthetic, or everything. ``sources`` are words.
        key: SHA-256 (hex) of names, sets and samples.
        taken: how the recordings were found and split; one sentence each.
        dropped: recordings that are not used, by reason.
        damaged: files that were left out because they cannot be decoded.
    """

    classes: Mapping[str, Mapping[str, RejectSounds]]
    spoken: RejectSounds | None
    key: str
    taken: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    damaged: tuple[BrokenFile, ...] = ()

    def __post_init__(self) -> None:
        if any(tuple(subsets) != SUBSETS for subsets in self.classes.values()):
            raise ValueError(f"each class needs the sets {', '.join(SUBSETS)}")

    def without(self, others: Collection[RejectSounds]) -> "RejectData":
        """Return the same without the training recordings that others contain."""
        names = {name for other in others for name in other.names}
        digests = {digest for other in others for digest in other.digests}

        def outside(sounds: RejectSounds) -> RejectSounds:
            pairs = zip(sounds.names, sounds.digests, strict=True)
            return sounds.kept(np.array([n not in names and d not in digests for n, d in pairs]))

        classes = {
            label: {**subsets, "train": outside(subsets["train"])}
            for label, subsets in self.classes.items()
        }
        kept = [list(subsets["train"].names) for subsets in classes.values()]
        key = hashlib.sha256(json.dumps([self.key, kept]).encode()).hexdigest()
        return replace(self, classes=classes, key=key)
