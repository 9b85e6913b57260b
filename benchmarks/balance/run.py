"""A rare word: 200 training clips against 8, unbalanced, with class weights, with sampling.

    MOTEFIT_DATA=... python benchmarks/balance/run.py

Prints a table in Markdown: recall of both words on equally many test clips, mean and range over
word pairs and seeds. Weights are those of scikit-learn's ``class_weight = "balanced"``.
"""

import argparse
import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from motefit.data.speech import Clips, SpeechDataset, load_speech
from motefit.graph.families import Problem, build
from motefit.measure.accuracy import score
from motefit.spec.augment import AugmentSpec
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import TrainSpec
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.train.loop import train
from motefit.train.module import GraphModule
from motefit.train.optimizer import CLASSIFICATION
from motefit.train.speech_source import SpeechSource

PAIRS = (("up", "down"), ("yes", "no"), ("go", "stop"))
"""The frequent word, then the rare one."""
SEEDS = (0, 1, 2)
TRAIN, VALIDATION, TEST = (200, 8), (25, 3), (80, 80)
FRONT_END = FrontEnd(upper_hz=7600)
SETTINGS = TrainSpec(epochs=10, batch_size=16)
WAYS = ("none", "weights", "sampling")


class Weighted:
    """A source whose targets are weighted one-hot vectors, for a weighted cross-entropy."""

    def __init__(self, source: SpeechSource) -> None:
        self._source = source
        self.key = f"{source.key} weighted"

    def epoch(self, index: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs of the source, and one-hot vectors scaled by the weight of each label."""
        x, y = self._source.epoch(index, rng=rng)
        counts = np.bincount(y)
        weights = (len(y) / (len(counts) * counts)).astype(np.float32)
        return x, np.eye(len(counts), dtype=np.float32)[y] * weights[y][:, None]

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the source's own validation examples."""
        return self._source.validation()


def thinned(clips: Clips, labels: tuple[int, int], counts: tuple[int, int]) -> Clips:
    """Keep the first clips of the frequent and of the rare label."""
    places = np.concatenate(
        [np.flatnonzero(clips.label == k)[:n] for k, n in zip(labels, counts, strict=True)]
    )
    names = {k: tuple(np.array(getattr(clips, k))[places]) for k in ("ids", "speakers", "digests")}
    own = {k: getattr(clips, k)[places] for k in ("pcm", "label", "lengths")}
    return replace(clips, **names, **own)


def unbalanced(folder: Path, pair: tuple[str, str]) -> tuple[SpeechDataset, tuple[int, int]]:
    """Load a pair of words with few clips of one; also return the frequent and the rare label."""
    data = SpeechData(words=pair)
    whole = load_speech(folder, data, rate_hz=FRONT_END.rate_hz, seconds=FRONT_END.seconds)
    labels = (whole.labels.index(pair[0]), whole.labels.index(pair[1]))
    subsets = {
        "train": thinned(whole.train, labels, TRAIN),
        "validation": thinned(whole.validation, labels, VALIDATION),
        "test": thinned(whole.test, labels, TEST),
    }
    return replace(whole, **subsets, key=f"{whole.key} {TRAIN}"), labels


def recalls(dataset: SpeechDataset, way: str, seed: int) -> tuple[float, ...]:
    """Train in one way and return the recall of each label."""
    balance = "sampling" if way == "sampling" else "none"
    augment = AugmentSpec(shift_ms=100.0)
    with tempfile.TemporaryDirectory() as cache:
        source = SpeechSource(
            dataset, FRONT_END, augment=augment, balance=balance, cache=Path(cache)
        )
        # with weights, too, the epoch is chosen by balanced accuracy
        settings = replace(SETTINGS, balance="none" if way == "none" else "sampling")
        problem = Problem(input_shape=FRONT_END.shape, outputs=2)
        rng = np.random.default_rng(seed)
        graph = build("dscnn", {"width": 16, "blocks": 2}, problem=problem, rng=rng)
        examples = Weighted(source) if way == "weights" else source
        trained = train(graph, examples, settings, loss=CLASSIFICATION, seed=seed)
        x, y = source.subset("test")
    module = GraphModule(trained.graph, seed=0).eval()
    with torch.no_grad():
        outputs = module.logits(torch.tensor(np.array(x)).reshape(len(x), *graph.input_shape))
    return tuple(r or 0.0 for r in score(dataset.labels, outputs.argmax(1).numpy(), y).recalls)


def main() -> None:
    """Train every pair in every way with every seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ["MOTEFIT_DATA"]) / "speech")
    folder = parser.parse_args().data
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for pair in PAIRS:
        dataset, (frequent, rare) = unbalanced(folder, pair)
        for way in WAYS:
            for seed in SEEDS:
                own = recalls(dataset, way, seed)
                found[way].append((own[frequent], own[rare]))
    print("| training | recall of the frequent word | recall of the rare word | rare word lost |")
    print("|---|---|---|---:|")
    for way, pairs in found.items():
        columns = [
            f"{100 * statistics.fmean(column):.1f} % ({100 * min(column):.1f} to "
            f"{100 * max(column):.1f})"
            for column in zip(*pairs, strict=True)
        ]
        lost = sum(rare == 0 for _, rare in pairs)
        print(f"| {way} | {columns[0]} | {columns[1]} | {lost} of {len(pairs)} |")


if __name__ == "__main__":
    main()
