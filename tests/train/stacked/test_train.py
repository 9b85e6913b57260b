"""A stack trains each of its models as the model would train alone."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from combinations import crossed
from family_cases import SMALL

from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.graph import Graph
from motefit.graph.ops import LSTM, Activation, Add, AveragePool2D, Conv2D, Softmax
from motefit.spec.augment import AugmentSpec
from motefit.spec.errors import DataError, ModelFileError, RecipeError
from motefit.spec.recipe import TrainSpec
from motefit.spec.teacher import TeacherSpec
from motefit.train.loop import DivergedError, EpochReport, Trained, train
from motefit.train.stacked.train import can_stack, stack_key, train_stacked, worth_stacking

WORDS = Problem(input_shape=(12, 8), outputs=3)
SERIES = Problem(input_shape=(4, 2), outputs=3, naive=(6, 7, 6))
SETTINGS = TrainSpec(epochs=3, batch_size=16)
RECURRENT = {"lstm"}
FORMS: Mapping[str, Mapping[str, object]] = {
    **{name: knobs for name, knobs in SMALL.items() if name not in RECURRENT},
    "bcresnet": {"channels": (4, 6), "blocks": (1, 2), "head_channels": 8, "dropout": 0.1},
    "cnn": {"filters": (6, 4), "dropout": 0.1, "softmax": True},
    "conv1d": {"filters": (4,), "units": (5,)},
    "dscnn": {"width": 6, "blocks": 2, "dropout": 0.1, "first_kernel": (4, 2)},
    "linear": {},
    "mlp": {"units": (9, 7), "dropout": 0.2},
    "residual-mlp": {"units": 6},
    "tcnet": {"width": 8, "blocks": 2, "dilations": (1, 2), "first_kernel": 4, "dropout": 0.1},
    "tcnet without padding": {
        "width": 8,
        "blocks": 2,
        "kernels": (2,),
        "dilations": (1, 2),
        "first_kernel": 4,
        "dropout": 0.1,
        "padding": "valid",
    },
}
DISTANCE = 2e-4
"""Largest difference of a weight to the one trained alone, after three epochs; weights whose
gradient is nothing but rounding move by Adam's full step, or there would be a zero less."""


@dataclass
class Toy:
    """Words that are high, low or in turn, or a series and a matrix times it."""

    words: bool
    augmented: bool = True
    n: int = 65
    scale: float = 1.0
    key: str = "toy"
    asked: list[int] = field(default_factory=list)

    def _draw(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.words:
            x = rng.normal(0, 1, (n, 4, 2)).astype(np.float32)
            matrix = np.linspace(-1, 1, 24).reshape(8, 3)
            return x, (x.reshape(-1, 8) @ matrix * self.scale).astype(np.float32)
        label = np.arange(n) % 3
        rows = np.array([np.ones(12), -np.ones(12), np.tile([1, -1], 6)])
        x = rows[label][:, :, None] + rng.normal(0, 0.5, (n, 12, 8))
        return x.astype(np.float32), label

    def epoch(self, index: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(index)
        return self._draw(rng if self.augmented else np.random.default_rng(8), self.n)

    def validation(self) -> tuple[np.ndarray, np.ndarray]:
        return self._draw(np.random.default_rng(9), 300)


def graph(family: str, seed: int, **knobs: object) -> Graph:
    problem = (
        WORDS if "keyword-spotting" in FAMILIES.all()[family.partition(" ")[0]].tasks else SERIES
    )
    options = {**FORMS[family], **knobs}
    return build(
        family.partition(" ")[0], options, problem=problem, rng=np.random.default_rng(seed)
    )


def toy(family: str) -> Toy:
    return Toy(words="keyword-spotting" in FAMILIES.all()[family.partition(" ")[0]].tasks)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Four trainings of one form that differ in all that may differ."""

    graphs: Sequence[Graph]
    settings: Sequence[TrainSpec]
    source: Toy
    loss: str
    seeds: Sequence[int] = (0, 1, 7, 1)

    def stacked(self, only: Sequence[int] = range(4), **knobs) -> tuple[Trained, ...]:
        return train_stacked(
            [self.graphs[i] for i in only],
            self.source,
            [self.settings[i] for i in only],
            loss=self.loss,
            seeds=[self.seeds[i] for i in only],
            **knobs,
        )

    def alone(self, i: int, **knobs) -> Trained:
        return train(
            self.graphs[i],
            self.source,
            self.settings[i],
            loss=self.loss,
            seed=self.seeds[i],
            **knobs,
        )


def case(family: str = "dscnn", loss: str = "", **common: object) -> Case:
    source = toy(family)
    dropout = "dropout" in FORMS[family]
    return Case(
        graphs=[
            graph(family, i, **({"dropout": 0.1 + i / 20} if dropout else {})) for i in range(4)
        ],
        settings=[
            replace(
                SETTINGS,
                learning_rate=0.003 * (i + 1),
                final_learning_rate=1e-4 * (i + 1),
                weight_decay=0.05 * i,
                label_smoothing=0.05 * i,
                **common,
            )
            for i in range(4)
        ],
        source=source,
        loss=loss or ("cross-entropy" if source.words else "mae"),
    )


def content(trained: Trained) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in trained.graph.constants.items()}


def untimed(trained: Trained) -> list[EpochReport]:
    return [replace(report, seconds=0.0) for report in trained.history]


def assert_same(one: Sequence[Trained], other: Sequence[Trained]) -> None:
    for a, b in zip(one, other, strict=True):
        assert content(a) == content(b)
        assert untimed(a) == untimed(b)
        assert (a.best_epoch, a.finished) == (b.best_epoch, b.finished)


def assert_close(one: Trained, other: Trained) -> None:
    for name, array in one.graph.constants.items():
        np.testing.assert_allclose(array, other.graph.constants[name], atol=DISTANCE, rtol=0)
    for a, b in zip(one.history, other.history, strict=True):
        assert a.score == pytest.approx(b.score, abs=0.004)  # one of 300 examples
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-4)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-3)
        assert a.learning_rate == b.learning_rate
    assert one.finished == other.finished


def test_every_family_without_a_recurrence_can_be_stacked() -> None:
    rng = np.random.default_rng(0)
    for name, family in FAMILIES.all().items():
        problem = WORDS if "keyword-spotting" in family.tasks else SERIES
        net = build(name, FORMS.get(name, SMALL[name]), problem=problem, rng=rng)
        assert can_stack(net) == (name not in RECURRENT)
        assert can_stack(net) != any(isinstance(op, LSTM) for op in net.ops)


def test_models_must_not_meet_along_the_channels() -> None:
    """A sum over channels would mix models: an image's hold them all."""
    pool = AveragePool2D(inputs=("input",), output="mean", window=(1, 1))
    wide = Conv2D(inputs=("input", "weight"), output="wide")
    graphs = {
        True: [
            pool,
            Add(inputs=("input", "mean"), output="sum"),
            Softmax(inputs=("sum",), output="p"),
        ],
        False: [wide, Add(inputs=("input", "wide"), output="sum")],
    }
    constants = {"weight": np.ones((3, 1, 1, 1), np.float32)}
    for stackable, ops in graphs.items():
        net = Graph(input_shape=(4, 5, 1), ops=tuple(ops), constants=constants)
        assert net.shapes["sum"][2] == (1 if stackable else 3)
        assert can_stack(net) == stackable
    early = Graph(
        input_shape=(5,),
        ops=(Softmax(inputs=("input",), output="p"), Activation(inputs=("p",), output="q")),
        constants={},
    )
    assert not can_stack(early)


def test_a_stack_is_worth_while_for_small_nets_only() -> None:
    assert worth_stacking(graph("linear", 0), replace(SETTINGS, batch_size=256))
    assert worth_stacking(graph("mlp", 0), SETTINGS)
    teacher = TeacherSpec(model={"family": "mlp"})
    assert not worth_stacking(graph("mlp", 0), replace(SETTINGS, teacher=teacher))
    wide = graph("mlp", 0, units=(500, 500))
    assert can_stack(wide)
    assert not worth_stacking(wide, SETTINGS)
    assert worth_stacking(wide, replace(SETTINGS, batch_size=4))
    lstm = build("lstm", {"units": 3}, problem=SERIES, rng=np.random.default_rng(0))
    assert not worth_stacking(lstm, SETTINGS)


@pytest.mark.parametrize("family", FORMS)
def test_a_stack_trains_each_model_as_alone(family: str) -> None:
    whole = case(family)
    for i, trained in enumerate(whole.stacked()):
        assert_close(trained, whole.alone(i))


@pytest.mark.parametrize(
    ("loss", "schedule", "optimizer"),
    crossed(
        ("mae", "mse", "huber", "pinball 0.1 0.5 0.9"),
        ("one-cycle", "linear", "constant"),
        ("adam", "adamw"),
    ),
)
def test_losses_schedules_and_optimizers(loss: str, schedule: str, optimizer: str) -> None:
    whole = case("conv1d", loss, schedule=schedule, optimizer=optimizer)
    for i, trained in enumerate(whole.stacked()):
        assert_close(trained, whole.alone(i))


@pytest.mark.parametrize("family", ["dscnn", "mlp", "linear"])
def test_a_model_does_not_depend_on_its_company(family: str) -> None:
    """Equal bytes in other stacks: what a kill and a resume put together does not matter."""
    whole = case(family)
    trained = whole.stacked()
    assert_same([trained[2], trained[0]], whole.stacked(only=(2, 0)))
    assert_same(trained[3:], whole.stacked(only=(3,)))


def test_equal_arguments_give_equal_bytes() -> None:
    assert_same(case().stacked(), case().stacked())
    assert content(case().stacked()[0]) != content(replace(case(), seeds=(5, 1, 7, 1)).stacked()[0])


@pytest.mark.parametrize("family", ["dscnn", "linear"])
def test_a_stopped_stack_resumes_to_the_same_bytes(family: str, tmp_path: Path) -> None:
    whole = case(family)
    paths = [tmp_path / str(i) / "training.npz" for i in range(4)]
    part = whole.stacked(checkpoints=paths, stop=lambda: True)
    assert [(len(t.history), t.finished) for t in part] == [(1, False)] * 4
    part = whole.stacked(checkpoints=paths, until=2)
    assert [(len(t.history), t.finished) for t in part] == [(2, False)] * 4
    assert_same(whole.stacked(checkpoints=paths), whole.stacked())
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == paths


def test_models_move_between_stacks_and_trainings_of_their_own(tmp_path: Path) -> None:
    whole = case()
    paths = [tmp_path / f"{i}.npz" for i in range(4)]
    whole.stacked(only=(0, 1), checkpoints=paths[:2], until=2)
    whole.alone(2, checkpoint=paths[2], until=1)
    seen: list[tuple[int, int]] = []
    trained = whole.stacked(
        checkpoints=paths, until=2, progress=lambda i, report: seen.append((i, report.epoch))
    )
    assert seen == [(3, 0), (2, 1), (3, 1)]  # those that are behind catch up first
    assert [t.finished for t in trained] == [False] * 4
    for i in range(4):
        on = whole.alone(i, checkpoint=paths[i])
        assert on.finished
        assert_close(on, whole.alone(i))
        assert on.history[:2] == trained[i].history


def test_an_interrupt_leaves_checkpoints_to_resume_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motefit.train.stacked.train.CHECKPOINT_SECONDS", 0.0)
    whole = case("mlp")
    paths = [tmp_path / f"{i}.npz" for i in range(4)]

    def interrupt(index: int, report: EpochReport) -> None:
        if (index, report.epoch) == (2, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole.stacked(checkpoints=paths, progress=interrupt)
    paths[1].unlink()  # as if the kill had come between two files
    assert_same(whole.stacked(checkpoints=paths), whole.stacked())


def test_finished_checkpoints_return_their_results_without_training(tmp_path: Path) -> None:
    whole = case("mlp")
    paths = [tmp_path / f"{i}.npz" for i in range(4)]
    first = whole.stacked(checkpoints=paths)
    whole.source.asked.clear()
    assert_same(whole.stacked(checkpoints=paths), first)
    assert whole.source.asked == []


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    whole = case("mlp")
    paths = [tmp_path / f"{i}.npz" for i in range(4)]
    whole.stacked(checkpoints=paths, until=1)
    with pytest.raises(ModelFileError, match="to a different training"):
        whole.stacked(only=(1, 0), checkpoints=paths[:2])


@pytest.mark.parametrize("family", ["dscnn", "mlp", "tcnet"])
def test_a_model_that_diverges_leaves_the_others_unharmed(family: str) -> None:
    whole = case(family)
    wild = replace(whole.settings[1], learning_rate=1e30, schedule="constant", weight_decay=0.0)
    calm = [replace(s, schedule="constant") for s in whole.settings]
    others = replace(whole, settings=calm).stacked(only=(0, 2, 3))
    seen: list[int] = []
    mixed = replace(whole, settings=[calm[0], wild, *calm[2:]]).stacked(
        progress=lambda index, _: seen.append(index)
    )
    assert isinstance(mixed[1], DivergedError)
    assert "epoch 1 of 3 at a learning rate of 1e+30" in str(mixed[1])
    assert seen == [0, 2, 3] * 3
    assert_same([mixed[0], *mixed[2:]], others)


def test_all_models_may_diverge() -> None:
    whole = replace(case("linear", "mse"), source=Toy(words=False, scale=1e30))
    assert all(isinstance(result, DivergedError) for result in whole.stacked())


def test_examples_are_shared_where_the_source_draws_nothing() -> None:
    whole = case("mlp")
    whole.stacked()
    assert whole.source.asked == [0] * 4 + [1] * 4 + [2] * 4
    plain = replace(whole, source=Toy(words=True, augmented=False))
    trained = plain.stacked()
    assert plain.source.asked == [0, 1, 2]
    assert_close(trained[2], plain.alone(2))


def test_stack_key_is_of_form_and_common_settings() -> None:
    net = graph("mlp", 0)
    key = stack_key(net, SETTINGS)
    free = replace(
        SETTINGS,
        seeds=(4, 5),
        learning_rate=0.3,
        final_learning_rate=0.2,
        weight_decay=0.1,
        label_smoothing=0.1,
    )
    assert stack_key(graph("mlp", 1, dropout=0.5), free) == key
    others = [
        stack_key(graph("mlp", 0, units=(9, 8)), SETTINGS),
        stack_key(graph("mlp", 0, dropout=0.0), SETTINGS),
        stack_key(graph("cnn", 0), SETTINGS),
        stack_key(net, replace(SETTINGS, epochs=4)),
        stack_key(net, replace(SETTINGS, batch_size=8)),
        stack_key(net, replace(SETTINGS, optimizer="adam")),
        stack_key(net, replace(SETTINGS, schedule="linear")),
        stack_key(net, replace(SETTINGS, loss="mse")),
        stack_key(net, replace(SETTINGS, augment=AugmentSpec(gain_db=1))),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_what_cannot_share_a_stack_is_refused() -> None:
    whole = case("mlp")
    with pytest.raises(RecipeError, match="4 trainings of 2 different forms cannot be stacked"):
        replace(whole, graphs=[*whole.graphs[:3], graph("mlp", 0, units=(3, 3))]).stacked()
    epochs = [replace(own, epochs=i + 1) for i, own in enumerate(whole.settings)]
    with pytest.raises(RecipeError, match="4 trainings of 4 different forms"):
        replace(whole, settings=epochs).stacked()
    lstm = build("lstm", {"units": 3}, problem=SERIES, rng=np.random.default_rng(0))
    with pytest.raises(RecipeError, match="train graphs for which can_stack is false alone"):
        train_stacked([lstm], Toy(words=False), [SETTINGS], loss="mae", seeds=[0])
    with pytest.raises(RecipeError, match="unknown loss 'l1'"):
        replace(whole, loss="l1").stacked()
    with pytest.raises(DataError, match="do not fit a graph"):
        replace(whole, source=Toy(words=False)).stacked()


@pytest.mark.proof
@pytest.mark.slow
def test_eight_small_nets_train_twice_as_fast_as_one_after_another() -> None:
    """About five times; see benchmarks/stacked."""
    source = Toy(words=False, augmented=False, n=20_000)
    nets = [graph("linear", i) for i in range(8)]
    settings = [replace(SETTINGS, batch_size=256, epochs=2)] * 8
    ratios = []
    for _ in range(5):
        begin = time.process_time()
        train_stacked(nets, source, settings, loss="mae", seeds=range(8))
        middle = time.process_time()
        for seed, net in enumerate(nets):
            train(net, source, settings[seed], loss="mae", seed=seed)
        ratios.append((time.process_time() - middle) / (middle - begin))
    assert np.median(ratios) > 2
