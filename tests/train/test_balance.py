"""Balanced sampling: as many clips of each word, whatever the folders hold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.speech import Clips, SpeechDataset
from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.measure.accuracy import score as count
from motefit.spec.augment import AugmentSpec
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import TrainSpec
from motefit.train.loop import Trained, train
from motefit.train.module import GraphModule
from motefit.train.optimizer import CLASSIFICATION, score
from motefit.train.speech_source import SpeechSource, balanced_places
from motefit.train.stacked.train import train_stacked

FRONT_END = FrontEnd(
    rate_hz=8000, seconds=0.4, frame_length=256, frame_step=128, mel_bins=16, coefficients=8
)
WORDS = ("low", "high")
PROBLEM = Problem(input_shape=FRONT_END.shape, outputs=2)
SETTINGS = TrainSpec(epochs=6, batch_size=16)


def tones(counts: tuple[int, int], seed: int) -> Clips:
    """Clips of two tones in noise whose pitches overlap, so that a rare word is easily given up."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(2), counts)
    n, samples = len(label), FRONT_END.clip_samples
    hz = np.where(label == 0, 500, 700) * 2 ** rng.normal(0, 0.35, n)
    time = np.arange(samples) / FRONT_END.rate_hz
    sound = np.sin(2 * np.pi * (hz[:, None] * time + rng.random((n, 1))))
    sound += 0.5 * rng.normal(0, 1, sound.shape)
    return Clips(
        pcm=(6000 * sound * rng.uniform(0.1, 1, (n, 1))).astype(np.int16),
        label=label.astype(np.int64),
        ids=tuple(f"{seed}/{i}" for i in range(n)),
        speakers=tuple(map(str, range(n))),
        lengths=np.full(n, samples),
        digests=tuple(f"{seed}-{i}" for i in range(n)),
    )


@pytest.fixture(scope="module")
def rare() -> SpeechDataset:
    """200 clips of one word against 8 of the other."""
    return SpeechDataset(
        labels=WORDS,
        rate_hz=8000,
        train=tones((200, 8), 0),
        validation=tones((25, 3), 1),
        test=tones((60, 60), 2),
        noise=np.zeros(0, np.int16),
        key="rare",
    )


def network(seed: int) -> Graph:
    return build(
        "dscnn", {"width": 8, "blocks": 1}, problem=PROBLEM, rng=np.random.default_rng(seed)
    )


def content(trained: Trained) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in trained.graph.constants.items()}


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6).flatmap(
        lambda counts: st.permutations(np.repeat(np.arange(len(counts)), counts).tolist())
    ),
    st.integers(0, 2**32 - 1),
)
def test_every_label_is_taken_as_often_and_every_example_in_turn(labels, seed):
    labels = np.array(labels)
    places = balanced_places(labels, rng=np.random.default_rng(seed))
    assert len(places) == len(labels)
    taken = np.bincount(labels[places])
    assert taken.max() - taken.min() <= 1
    for label in np.unique(labels):
        times = np.bincount(places, minlength=len(labels))[labels == label]
        assert times.max() - times.min() <= 1
    again = balanced_places(labels, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(places, again)


def test_an_epoch_holds_as_many_clips_of_each_word(rare, tmp_path):
    plain = SpeechSource(rare, FRONT_END, cache=tmp_path)
    source = SpeechSource(rare, FRONT_END, cache=tmp_path, balance="sampling")
    x, y = source.epoch(0, rng=np.random.default_rng(0))
    assert (x.shape, np.bincount(y).tolist()) == ((208, *FRONT_END.shape), [104, 104])
    clean, labels = source.subset("train")
    for features, label in zip(x[::13], y[::13], strict=True):
        assert label in labels[(clean == features).all((1, 2))]
    assert plain.key != source.key
    np.testing.assert_array_equal(source.validation()[0], plain.validation()[0])


def test_a_clip_that_is_taken_twice_is_augmented_twice(rare, tmp_path):
    shifted = AugmentSpec(shift_ms=50.0)
    source = SpeechSource(rare, FRONT_END, cache=tmp_path, balance="sampling", augment=shifted)
    x, y = source.epoch(0, rng=np.random.default_rng(0))
    assert len(np.unique(x[y == 1], axis=0)) > 8


def test_without_balance_an_epoch_is_as_it_always_was(rare, tmp_path):
    source = SpeechSource(rare, FRONT_END, cache=tmp_path)
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    x, y = source.epoch(0, rng=rng)
    assert rng.bit_generator.state == before
    np.testing.assert_array_equal(x, source.subset("train")[0])
    np.testing.assert_array_equal(y, rare.train.label)


def test_a_rare_word_is_given_up_without_balance_and_learned_with_it(rare, tmp_path):
    recalls = {}
    for balance in ("none", "sampling"):
        source = SpeechSource(rare, FRONT_END, cache=tmp_path, balance=balance)
        settings = replace(SETTINGS, balance=balance)
        trained = train(network(0), source, settings, loss=CLASSIFICATION)
        x, y = source.subset("test")
        module = GraphModule(trained.graph, seed=0).eval()
        with torch.no_grad():
            outputs = module.logits(torch.tensor(x).reshape(len(x), *trained.graph.input_shape))
        recalls[balance] = count(WORDS, outputs.argmax(1).numpy(), y).recalls[1]
    assert recalls["none"] == 0
    assert recalls["sampling"] > 0.5


def test_balanced_trainings_stack_and_resume_to_the_same_bytes(rare, tmp_path):
    settings = replace(SETTINGS, epochs=3, balance="sampling")

    def stacked(seeds: tuple[int, ...], **knobs: object) -> tuple[Trained, ...]:
        source = SpeechSource(rare, FRONT_END, cache=tmp_path / "cache", balance="sampling")
        return train_stacked(
            [network(seed) for seed in seeds], source, [settings] * len(seeds),
            loss=CLASSIFICATION, seeds=seeds, **knobs,
        )  # fmt: skip

    together = stacked((0, 1, 2))
    (alone,) = stacked((1,))
    assert content(alone) == content(together[1])
    paths = [tmp_path / f"{seed}.npz" for seed in range(3)]
    early = stacked((0, 1, 2), checkpoints=paths, until=1)
    assert [trained.finished for trained in early] == [False] * 3
    resumed = stacked((0, 1, 2), checkpoints=paths)
    assert [content(t) for t in resumed] == [content(t) for t in together]


def test_the_score_of_a_balanced_training_is_the_balanced_accuracy():
    outputs = torch.tensor([[2.0, 1.0, 0.0]] * 10)
    targets = torch.tensor([0] * 9 + [1])
    assert score(CLASSIFICATION, outputs, targets) == pytest.approx(0.9)
    assert score(CLASSIFICATION, outputs, targets, balanced=True) == pytest.approx(0.5)
