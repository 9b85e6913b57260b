"""Word clips as a source of training examples: cached clean features, augmented every epoch."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motefit.data.cache import SUFFIX, made_entry
from motefit.data.rejects.reject_sampler import RejectSampler
from motefit.data.speech import SpeechDataset
from motefit.signal.features import Features
from motefit.spec.augment import AugmentSpec
from motefit.spec.codec import dumps_json
from motefit.spec.errors import DataError
from motefit.spec.files import cache_folder
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.rejects import RejectSpec
from motefit.train.augmentation import Noise, Rooms, augment_clips, augments_clips, mask_features
from motefit.train.spectral_augmentation import check_colors, color_features, colors
from motefit.train.standardize import feature_normalization, normalized

Floats = NDArray[np.float32]

BLOCK = 256
"""Clips augmented at a time: 16 MB of samples."""


class SpeechSource:
    """Normalized features and labels of a speech data set (implements ``train.loop.Source``).

    Args:
        dataset: clips at the front end's rate.
        frontend: from clips to features.
        augment: of training clips.
        balance: ``"sampling"`` draws equally many clips of each word in an epoch; see
            ``TrainSpec``.
        rejects: how many windows of the reject classes an epoch has, if the data set has any; None:
            the defaults.
        mined: hard negatives: by the name of a recording, the first samples of windows in it.
        normalization: of the features, per column; None uses that of the clean training set.
        cache: folder of the cache of clean features, which processes share through memory maps;
            default ``$MOTEFIT_CACHE`` or ``~/.cache/motefit``.

    Raises:
        DataError: if data set and front end differ in rate.
        OutputError: if the cache cannot be written.
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing a caller decides
        self,
        dataset: SpeechDataset,
        frontend: FrontEnd,
        *,
        augment: AugmentSpec | None = None,
        balance: Literal["none", "sampling"] = "none",
        rejects: RejectSpec | None = None,
        mined: Mapping[str, Sequence[int]] | None = None,
        normalization: Normalization | None = None,
        cache: Path | None = None,
    ) -> None:
        if dataset.rate_hz != frontend.rate_hz:
            raise DataError(
                f"the clips were loaded at {dataset.rate_hz} Hz but the front end works at "
                f"{frontend.rate_hz} Hz; load the clips at the front end's rate"
            )
        self._dataset = dataset
        self._features = Features(frontend)
        self._augment = augment or AugmentSpec()
        check_colors(self._augment, frontend)
        self._balanced = balance == "sampling"
        self._cache = cache_folder(cache)
        self.normalization = normalization or feature_normalization(self.features("train"))
        facts = (frontend, self._augment, self.normalization)
        self.key = f"{dataset.key} {dumps_json(facts)}{' balanced' if self._balanced else ''}"
        self._rejects = rejects or RejectSpec()
        self.mined = mined or {}
        self._sampler: RejectSampler | None = None
        if dataset.sounds is not None:
            self._sampler = RejectSampler(
                dataset.sounds,
                dataset.train,
                labels=dataset.labels,
                spec=self._rejects,
                rate_hz=dataset.rate_hz,
                mined=self.mined,
            )
            self.key += f" {dumps_json([self._rejects, self.mined])}"

    def epoch(
        self,
        index: int,  # noqa: ARG002 - of the protocol; all randomness comes from rng
        *,
        rng: np.random.Generator,
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return features float32 (n, frames, features) and labels (n,) of the training set."""
        clips = self._dataset.train
        # a slice, not indices, if all are used: features stay a memory map of the cache
        chosen = balanced_places(clips.label, rng=rng) if self._balanced else slice(None)
        labels = clips.label[chosen]
        if self._sampler is not None:
            clean, labels = self._with_rejects(chosen, labels, rng)
        elif augments_clips(self._augment):
            clean = self._augmented(_blocks(clips.pcm, chosen), len(labels), rng)
        else:
            clean = self.features("train")[chosen]
        if colors(self._augment):
            clean = color_features(clean, self._augment, self._features.frontend, rng=rng)
        x = self._normalized(clean)
        return mask_features(x, self._augment, rng=rng), labels

    def _with_rejects(
        self,
        chosen: NDArray[np.int64] | slice,
        labels: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Augment the words and newly drawn windows of the reject classes alike."""
        sampler = self._sampler
        if sampler is None:
            raise ValueError("the data set has no reject classes")
        draws = np.random.default_rng(rng.integers(2**63))
        found = [labels]

        def blocks() -> Iterator[NDArray[np.int16]]:
            for pcm in _blocks(self._dataset.train.pcm, chosen):
                yield sampler.placed(pcm, rng=draws)
            for pcm, own in sampler.blocks(len(labels), rng=draws):
                found.append(own)
                yield pcm

        total = len(labels) + sampler.size(len(labels))
        clean = self._augmented(blocks(), total, rng)
        return clean, np.concatenate(found)

    def validation(self) -> tuple[Floats, NDArray[np.int64]]:
        """Return features float32 (n, frames, features) and labels (n,) of the validation set."""
        return self.subset("validation")

    def subset(self, name: str) -> tuple[Floats, NDArray[np.int64]]:
        """Return clean normalized features (n, frames, features) and labels (n,) of a set.

        Windows of reject classes follow the words, in the proportion of an epoch.
        """
        clean, labels = self.features(name), self._dataset.subsets[name].label
        if self._sampler is None:
            return self._normalized(clean), labels
        blocks = list(self._sampler.fixed(name, len(labels)))
        own = np.concatenate([label for _, label in blocks])
        more = self._cached(f"{name} rejects {self.key}", (pcm for pcm, _ in blocks))
        return self._normalized(np.concatenate([clean, more])), np.concatenate([labels, own])

    def features(self, subset: str) -> Floats:
        """Return clean features float32 (n, frames, features) of a set, not normalized, read-only.

        Raises:
            OutputError: if the cache cannot be written.
        """
        return self._cached(subset, [self._dataset.subsets[subset].pcm])

    def _cached(self, what: str, clips: Iterable[NDArray[np.int16]]) -> Floats:
        """Compute the features of clips, in blocks, unless the cache has them."""
        path = self._cache / "features" / f"{self._digest(what)}{SUFFIX}"
        return made_entry(path, lambda: map(self._features.batch, clips))[0]

    def _digest(self, subset: str) -> str:
        """Name the features by a hash of their inputs.

        These are clips, settings, and the front end's output for a fixed signal, so that a front
        end that computes differently never uses old features.
        """
        frontend = self._features.frontend
        sound = np.random.default_rng(0).normal(0, 0.1, frontend.clip_samples).astype(np.float32)
        digest = hashlib.sha256(self._features.clip(sound).tobytes())
        digest.update(f"{self._dataset.key} {subset} {dumps_json(frontend)}".encode())
        return digest.hexdigest()[:32]

    def _augmented(
        self, blocks: Iterable[NDArray[np.int16]], count: int, rng: np.random.Generator
    ) -> Floats:
        """Augment blocks of clips (b, samples), ``count`` in all; return their features."""
        samples = self._dataset.train.pcm.shape[1]
        noise = None
        if self._augment.noise_probability > 0:
            noise = Noise(self._dataset.noise, samples, rng=rng)
        rooms = None
        if self._augment.room_probability > 0:
            rooms = Rooms(
                samples,
                rate_hz=self._dataset.rate_hz,
                decay_s=self._augment.room_decay_s,
                rng=rng,
            )
        out = np.empty((count, *self._features.frontend.shape), np.float32)
        start = 0
        for block in blocks:
            sound = augment_clips(
                block,
                self._augment,
                rate_hz=self._dataset.rate_hz,
                noise=noise,
                rng=rng,
                rooms=rooms,
            )
            out[start : start + len(block)] = self._features.batch(sound)
            start += len(block)
        return out

    def _normalized(self, features: Floats) -> Floats:
        return normalized(features, self.normalization)


def _blocks(
    pcm: NDArray[np.int16], chosen: NDArray[np.int64] | slice
) -> Iterator[NDArray[np.int16]]:
    """Yield the chosen clips (b, samples) in blocks."""
    places = np.arange(len(pcm))[chosen]
    for start in range(0, len(places), BLOCK):
        yield pcm[places[start : start + BLOCK]]


def balanced_places(labels: NDArray[np.int64], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many examples as there are, as evenly over the labels as their number allows.

    Every example of a label is used equally often, within one: those of rare labels several times,
    of frequent labels a subset, drawn without repetition.

    Args:
        labels: (n,), each label at least once.
        rng: draws the examples to use once more, and the labels if n does not divide evenly.

    Returns:
        (n,) indices of examples, by label.
    """
    found = rng.permutation(np.unique(labels))
    counts = len(labels) // len(found) + (np.arange(len(found)) < len(labels) % len(found))
    places = []
    for label, count in zip(found, counts, strict=True):
        own = np.flatnonzero(labels == label)
        whole, rest = divmod(int(count), len(own))
        places += [np.tile(own, whole), rng.choice(own, rest, replace=False)]
    return np.concatenate(places)
