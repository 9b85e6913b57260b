"""A teacher's say in the targets: the mixture, its reproducibility, and a training on it."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.graph.execute import float32
from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.spec.errors import DataError
from motefit.spec.recipe import TrainSpec
from motefit.train.distilled_source import DistilledSource
from motefit.train.loop import train

PROBLEM = Problem(input_shape=(12, 8), outputs=3)
SETTINGS = TrainSpec(epochs=4, batch_size=16, learning_rate=0.02)


@dataclass(frozen=True, kw_only=True)
class Blobs:
    """Rows that are high, low or in turn high and low; a share of the training labels is wrong."""

    wrong: float = 0.0
    key: str = "blobs"

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(192) % 3
        rows = np.array([np.ones(12), -np.ones(12), np.tile([1, -1], 6)])
        x = rng.normal(0, 0.5, (192, 12, 8)) + rows[label][:, :, None]
        label[np.random.default_rng(0).random(192) < self.wrong] = 0
        return x.astype(np.float32), label

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return Blobs().epoch(0, rng=np.random.default_rng(99))


def network(seed: int = 0, *, softmax: bool = False) -> Graph:
    knobs = {"width": 6, "blocks": 1, "softmax": softmax}
    return build("dscnn", knobs, problem=PROBLEM, rng=np.random.default_rng(seed))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), weight=st.floats(0, 1), softmax=st.booleans())
def test_targets_mix_label_and_teacher(*, seed: int, weight: float, softmax: bool) -> None:
    source, teacher = Blobs(), network(seed % 7, softmax=softmax)
    x, targets = DistilledSource(source, teacher, weight=weight).epoch(
        0, rng=np.random.default_rng(seed)
    )
    plain, labels = source.epoch(0, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(x, plain)
    out = float32.run(teacher, plain)
    if not softmax:
        out = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(targets, (1 - weight) * np.eye(3)[labels] + weight * out, atol=1e-5)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
    assert targets.dtype == np.float32


def test_validation_has_labels_and_the_key_names_the_teacher() -> None:
    source = Blobs()
    first = DistilledSource(source, network(0), weight=0.5)
    assert first.validation()[1].shape == (192,)
    assert first.key == DistilledSource(source, network(0), weight=0.5).key
    others = [
        DistilledSource(source, network(1), weight=0.5),
        DistilledSource(source, network(0), weight=0.6),
    ]
    assert len({source.key, first.key, *(other.key for other in others)}) == 4


def test_a_teacher_that_knows_better_mends_wrong_labels() -> None:
    teacher = train(network(1), Blobs(), SETTINGS, loss="cross-entropy", seed=1).graph
    wrong = Blobs(wrong=0.6)
    alone = train(network(), wrong, SETTINGS, loss="cross-entropy", seed=0)
    helped = train(
        network(),
        DistilledSource(wrong, teacher, weight=1.0),
        SETTINGS,
        loss="cross-entropy",
        seed=0,
    )
    final, baseline = helped.history[-1], alone.history[-1]
    assert final.validation_loss < 0.5 * baseline.validation_loss
    assert final.score > 0.95


def test_probabilities_of_another_number_of_classes_are_refused() -> None:
    problem = Problem(input_shape=(12, 8), outputs=4)
    knobs = {"width": 6, "blocks": 1}
    other = build("dscnn", knobs, problem=problem, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="do not fit a graph"):
        train(
            network(), DistilledSource(Blobs(), other, weight=0.5), SETTINGS, loss="cross-entropy"
        )
