"""The loop learns, repeats itself under a seed, and resumes to the same bytes."""

import functools
import io
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from combinations import crossed

from motefit.data.cache import open_checked
from motefit.graph.execute import float32
from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.spec.errors import DataError, ModelFileError, MotefitError, OutputError, RecipeError
from motefit.spec.recipe import TrainSpec
from motefit.train.loop import DivergedError, EpochReport, Trained, train
from motefit.train.optimizer import learning_rate, loss_function, score

SETTINGS = TrainSpec(epochs=6, batch_size=16, learning_rate=0.02)
PROBLEM = Problem(input_shape=(12, 8), outputs=3)
DSCNN: Mapping[str, object] = {"width": 6, "blocks": 1, "dropout": 0.1}


@dataclass(frozen=True, kw_only=True)
class Blobs:
    """Rows that are high, low or in turn high and low; noise is drawn again per epoch."""

    n: int = 193
    noise: float = 0.5
    key: str = "blobs"

    def _draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(n) % 3
        x = rng.normal(0, self.noise, (n, 12, 8))
        rows = np.array([np.ones(12), -np.ones(12), np.tile([1, -1], 6)])
        x += rows[label][:, :, None]
        return x.astype(np.float32), label

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(rng, self.n)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(np.random.default_rng(99), 60)


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Targets are a fixed matrix times the inputs."""

    key: str = "lines"
    scale: float = 1.0

    def epoch(self, _: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(0, 1, (256, 4, 2)).astype(np.float32)
        matrix = np.linspace(-1, 1, 24).reshape(8, 3)
        return x, (x.reshape(-1, 8) @ matrix * self.scale).astype(np.float32)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return self.epoch(0, rng=np.random.default_rng(5))


def dscnn(seed: int = 0) -> Graph:
    return build("dscnn", DSCNN, problem=PROBLEM, rng=np.random.default_rng(seed))


def linear() -> Graph:
    problem = Problem(input_shape=(4, 2), outputs=3)
    return build("linear", {"change": False}, problem=problem, rng=np.random.default_rng(0))


def content(graph: Graph) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in graph.constants.items()}


def untimed(trained: Trained) -> list[EpochReport]:
    return [replace(report, seconds=0.0) for report in trained.history]


def fit(**knobs: object) -> Trained:
    return train(dscnn(), Blobs(), SETTINGS, **{"loss": "cross-entropy", "seed": 3, **knobs})


@functools.cache
def whole() -> Trained:
    """Return what ``fit`` trains, once for all tests."""
    return fit()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """Return the checkpoint of a finished ``fit``, which tests must not change, and its result."""
    path = tmp_path_factory.mktemp("finished") / "checkpoint.npz"
    return path, fit(checkpoint=path)


@pytest.fixture
def copied(finished: tuple[Path, Trained], tmp_path: Path) -> Path:
    """Return a checkpoint of a finished ``fit`` that a test may damage."""
    return Path(shutil.copy(finished[0], tmp_path / "checkpoint.npz"))


def test_it_learns_and_reports() -> None:
    seen: list[EpochReport] = []
    trained = fit(progress=seen.append)
    assert tuple(seen) == trained.history
    assert [r.epoch for r in seen] == list(range(6))
    assert trained.finished
    best = trained.history[trained.best_epoch]
    assert best.score == max(r.score for r in seen) == seen[-1].best_score
    assert best.score > 0.95
    x, y = Blobs().validation()
    outputs = float32.run(trained.graph, x)
    assert np.mean(outputs.argmax(1) == y) == best.score
    shifted = outputs - outputs.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    assert best.validation_loss == pytest.approx(-log_p[np.arange(60), y].mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "schedule"), crossed(("mae", "mse", "huber"), ("one-cycle", "linear", "constant"))
)
def test_regression_losses_find_the_matrix(loss: str, schedule: str) -> None:
    settings = TrainSpec(
        epochs=25, batch_size=16, learning_rate=0.02, weight_decay=0.0, schedule=schedule
    )
    trained = train(linear(), Lines(), settings, loss=loss, seed=0)
    x, y = Lines().validation()
    error = np.abs(float32.run(trained.graph, x.reshape(-1, 8)) - y).mean()
    assert error < 0.05
    assert trained.history[trained.best_epoch].score == pytest.approx(-error, abs=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_pinball_loss_is_least_at_its_quantile(quantile: float) -> None:
    values = torch.from_numpy(np.random.default_rng(0).standard_normal(1001)).reshape(-1, 1)
    loss = loss_function(f"pinball {quantile}")
    guesses = torch.linspace(-3, 3, 601, dtype=torch.float64)
    losses = [float(loss(guess.expand(1001, 1), values)) for guess in guesses]
    best = float(guesses[int(np.argmin(losses))])
    assert best == pytest.approx(float(np.quantile(values, quantile)), abs=0.02)
    assert score(f"pinball {quantile}", torch.zeros_like(values), values) == pytest.approx(
        -float(loss(torch.zeros_like(values), values))
    )


def test_quantiles_alternate_along_the_outputs() -> None:
    """Of outputs that are all 0, and true values of 1 and -1."""
    loss = loss_function("pinball 0.1 0.9")
    outputs = torch.zeros(1, 4)
    assert float(loss(outputs, torch.tensor([[1.0, 1.0, -1.0, -1.0]]))) == pytest.approx(
        (0.1 + 0.9 + 0.9 + 0.1) / 4
    )
    assert float(loss(outputs, torch.tensor([[1.0, -1.0, 1.0, -1.0]]))) == pytest.approx(0.1)


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not() -> None:
    first, again, other = whole(), fit(), fit(seed=4)
    assert content(first.graph) == content(again.graph)
    assert untimed(first) == untimed(again)
    assert content(first.graph) != content(other.graph)


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_stopped_training_resumes_to_the_same_bytes(tmp_path: Path, stop_after: int) -> None:
    path = tmp_path / "run" / "checkpoint.npz"
    seen: list[EpochReport] = []
    part = fit(checkpoint=path, progress=seen.append, stop=lambda: len(seen) == stop_after)
    assert not part.finished
    assert len(part.history) == stop_after
    resumed = fit(checkpoint=path, progress=seen.append)
    assert content(resumed.graph) == content(whole().graph)
    assert untimed(resumed) == untimed(whole())
    assert resumed.best_epoch == whole().best_epoch
    assert len(seen) == 6
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_resuming_keeps_the_moments_in_place(tmp_path: Path, optimizer: str) -> None:
    """Constant rate, so that wrong moments cannot hide behind a rate near zero."""
    settings = replace(SETTINGS, schedule="constant", optimizer=optimizer, epochs=4)
    path = tmp_path / "checkpoint.npz"
    source, knobs = Blobs(n=65), {"loss": "cross-entropy", "seed": 1}
    train(dscnn(), source, settings, **knobs, checkpoint=path, stop=lambda: True)
    resumed = train(dscnn(), source, settings, **knobs, checkpoint=path)
    whole = train(dscnn(), source, settings, **knobs)
    assert untimed(resumed) == untimed(whole)


def test_averaged_weights_are_kept_and_resume_to_the_same_bytes(tmp_path: Path) -> None:
    averaged = replace(SETTINGS, averaging=0.95, schedule="cosine", warm_up_epochs=1.0)

    def fit(spec: TrainSpec = averaged, **knobs: object) -> Trained:
        return train(dscnn(), Blobs(n=65), spec, **{"loss": "cross-entropy", "seed": 3, **knobs})

    seen: list[EpochReport] = []
    path = tmp_path / "checkpoint.npz"
    fit(checkpoint=path, progress=seen.append, stop=lambda: len(seen) == 3)
    resumed, whole = fit(checkpoint=path), fit()
    assert content(resumed.graph) == content(whole.graph)
    assert untimed(resumed) == untimed(whole)
    plain = fit(replace(averaged, averaging=0.0))
    assert content(plain.graph) != content(whole.graph)
    # an average of the weights does not disturb the training that it is an average of
    rates = [(r.train_loss, r.learning_rate) for r in whole.history]
    assert rates == [(r.train_loss, r.learning_rate) for r in plain.history]
    best = whole.history[whole.best_epoch]
    x, y = Blobs().validation()
    assert np.mean(float32.run(whole.graph, x).argmax(1) == y) == best.score


def test_cosine_warms_up_linearly_and_ends_at_the_final_rate() -> None:
    spec = TrainSpec(
        epochs=20, schedule="cosine", warm_up_epochs=5, learning_rate=0.4, final_learning_rate=0.01
    )
    rates = [learning_rate(spec, i / 1000) for i in range(1001)]
    assert rates[0] == 0
    assert rates[125] == pytest.approx(0.2)
    assert rates[250] == pytest.approx(0.4)
    assert rates[625] == pytest.approx((0.4 + 0.01) / 2)
    assert rates[1000] == pytest.approx(0.01)
    assert max(rates) == rates[250]
    long = replace(spec, warm_up_epochs=50)  # at most half of the epochs
    assert learning_rate(long, 0.5) == pytest.approx(0.4)


def test_a_finished_checkpoint_returns_its_result_without_training(
    finished: tuple[Path, Trained],
) -> None:
    path, first = finished
    seen: list[EpochReport] = []
    again = fit(checkpoint=path, progress=seen.append)
    assert seen == []
    assert content(again.graph) == content(first.graph)
    assert again.history == first.history


def test_an_interrupt_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motefit.train.loop.CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "checkpoint.npz"

    def interrupt(report: EpochReport) -> None:
        if report.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=path, progress=interrupt)
    seen: list[EpochReport] = []
    resumed = fit(checkpoint=path, progress=seen.append)
    assert [r.epoch for r in seen] == [3, 4, 5]
    assert content(resumed.graph) == content(whole().graph)


def test_a_checkpoint_holds_no_pickle(copied: Path) -> None:
    stored, facts = open_checked(copied)
    with np.load(io.BytesIO(stored.tobytes()), allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
    assert len(facts["history"]) == 6


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_refused_with_the_remedy(copied: Path, damage: str) -> None:
    data = bytearray(copied.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    new = {"truncated": data[: len(data) // 2], "empty": b"", "text": b"hello"}.get(damage, data)
    copied.write_bytes(new)
    with pytest.raises(ModelFileError, match=r"(?s)damaged .* delete it to start over"):
        fit(checkpoint=copied)


def test_the_checkpoint_of_another_training_is_refused(copied: Path) -> None:
    knobs = {"loss": "cross-entropy", "seed": 3, "checkpoint": copied}
    others = [
        lambda: fit(checkpoint=copied, seed=4),
        lambda: train(dscnn(), Blobs(key="other"), SETTINGS, **knobs),
        lambda: train(dscnn(seed=1), Blobs(), SETTINGS, **knobs),
        lambda: train(dscnn(), Blobs(), replace(SETTINGS, batch_size=8), **knobs),
    ]
    for other in others:
        with pytest.raises(ModelFileError, match="to a different training"):
            other()
    same = train(dscnn(), Blobs(), replace(SETTINGS, seeds=(3, 8)), **knobs)
    assert same.finished


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "checkpoint.npz"
    with pytest.raises(OutputError, match=r"cannot write .*checkpoint\.npz"):
        train(linear(), Lines(), replace(SETTINGS, epochs=1), loss="mse", checkpoint=path)


def test_equal_scores_prefer_the_lower_loss() -> None:
    """Well separated classes, a high rate: every epoch scores 1, the loss goes up and down."""
    source = Blobs(noise=0.05)
    settings = replace(SETTINGS, schedule="constant", learning_rate=0.2, epochs=8)
    trained = train(dscnn(), source, settings, loss="cross-entropy", seed=0)
    perfect = [r for r in trained.history if r.score == 1.0]
    best = min(perfect, key=lambda r: r.validation_loss)
    assert trained.best_epoch == best.epoch
    assert best.epoch not in {perfect[0].epoch, perfect[-1].epoch}


def test_dropout_is_drawn_anew_in_every_epoch() -> None:
    """One example and a rate near zero: only the dropout can change the loss."""

    class One(Blobs):
        def _draw(self, _: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
            return np.ones((n, 12, 8), np.float32), np.zeros(n, np.int64)

    options = {"units": (16,), "dropout": 0.5}
    graph = build("mlp", options, problem=PROBLEM, rng=np.random.default_rng(0))
    settings = replace(SETTINGS, learning_rate=1e-30, epochs=4)
    trained = train(graph, One(n=1), settings, loss="cross-entropy", seed=0)
    assert len({r.train_loss for r in trained.history}) == 4
    assert len({r.validation_loss for r in trained.history}) == 1


def test_divergence_names_epoch_and_learning_rate() -> None:
    settings = replace(SETTINGS, learning_rate=1e30, schedule="constant")
    with pytest.raises(DivergedError, match=r"epoch 1 of 6 at a learning rate of 1e\+30") as caught:
        train(linear(), Lines(scale=1e30), settings, loss="mse", seed=0)
    assert isinstance(caught.value, MotefitError)


def test_weight_decay_shrinks_weights_and_spares_biases_and_norms() -> None:
    class Nothing(Blobs):
        """No signal: gradients vanish, only the decay is left."""

        def _draw(self, _: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((n, 12, 8), np.float32), np.arange(n) % 3

    graph = build("mlp", {"units": (5,)}, problem=PROBLEM, rng=np.random.default_rng(0))
    graph = graph.with_constants({"dense0.bias": np.full(5, -1, np.float32)})
    settings = replace(SETTINGS, schedule="constant", learning_rate=0.1, weight_decay=0.5, epochs=3)
    trained = train(graph, Nothing(n=60), settings, loss="cross-entropy", seed=0)
    steps = (trained.best_epoch + 1) * 4
    weight = graph.constants["dense0.weight"] * np.float32(0.95) ** steps
    np.testing.assert_allclose(trained.graph.constants["dense0.weight"], weight, rtol=1e-5)
    np.testing.assert_array_equal(trained.graph.constants["dense0.bias"], np.full(5, -1))


def test_label_smoothing_reaches_the_loss_and_only_in_training() -> None:
    smooth = train(
        dscnn(), Blobs(), replace(SETTINGS, label_smoothing=0.3), loss="cross-entropy", seed=3
    )
    plain = whole()
    floor = -(0.8 * math.log(0.8) + 0.2 * math.log(0.1))
    assert min(r.train_loss for r in smooth.history) > 0.95 * floor
    assert min(r.train_loss for r in plain.history) < 0.5 * floor
    assert smooth.history[-1].validation_loss < floor


def test_a_rest_of_one_example_does_not_break_a_norm() -> None:
    trained = train(dscnn(), Blobs(n=65), replace(SETTINGS, epochs=1), loss="cross-entropy", seed=0)
    assert math.isfinite(trained.history[0].train_loss)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"unknown loss 'mea' \(did you mean 'm.e'\?\)"):
        fit(loss="mea")
    with pytest.raises(DataError, match="do not fit a graph"):
        train(linear(), Blobs(), SETTINGS, loss="mse")
    problem = replace(PROBLEM, outputs=2)
    graph = build("mlp", {}, problem=problem, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match=r"labels are 0\.\.2, but the graph has 2 outputs"):
        train(graph, Blobs(), SETTINGS, loss="cross-entropy")
    with pytest.raises(RecipeError, match="device 'tpu9' cannot be used"):
        fit(device="tpu9")


def test_training_uses_one_thread() -> None:
    torch.set_num_threads(2)
    train(linear(), Lines(), replace(SETTINGS, epochs=1), loss="mse")
    assert torch.get_num_threads() == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_trains_and_resumes(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    part = fit(device="cuda", checkpoint=path, stop=lambda: True)
    assert not part.finished
    trained = fit(device="cuda", checkpoint=path)
    assert trained.history[trained.best_epoch].score > 0.95
    x, y = Blobs().validation()
    assert np.mean(float32.run(trained.graph, x).argmax(1) == y) > 0.95
