"""Every compressor keeps the rules of the ``Compressor`` protocol on nets of several families."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from motefit.graph.fold import fold
from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import RecipeError
from motefit.train import loop
from motefit.train.compressors import COMPRESSORS, check_steps, compress
from motefit.train.finetune.trained_model import chosen_weights, weight_names

FAMILIES = ("dscnn", "tcnet", "bcresnet", "mlp", "conv1d", "lstm", "residual-mlp")
QUICK: Mapping[str, Mapping[str, object]] = {
    "magnitude-pruning": {"sparsity": 0.4, "epochs": 2, "fine_tuning_epochs": 1},
    "channel-pruning": {"share": 0.2, "epochs": 2},
    "clustering": {"clusters": 6, "epochs": 2},
    "quantization-aware": {"epochs": 2},
    "zip-aware": {"tolerance": 0.05, "epochs": 2},
}


def step(name: str, **options: object) -> dict[str, object]:
    return {"name": name, **QUICK[name], **options}


def half_pruned(case):
    """A model with known zeros: every weight of two dimensions has lost its smallest third."""
    graph = fold(case.graph)
    constants = {}
    for name in weight_names(graph):
        array = graph.constants[name].copy()
        array[np.abs(array) < np.quantile(np.abs(array), 1 / 3)] = 0
        constants[name] = array
    return replace(case.model, graph=graph.with_constants(constants))


def test_every_compressor_is_here() -> None:
    assert set(COMPRESSORS.all()) == set(QUICK)
    assert all(registered.apply.__doc__ for registered in COMPRESSORS.all().values())


# whatever the network; zip-aware takes seconds, convolutions next
SLOW = {("zip-aware", family) for family in FAMILIES if family != "mlp"}
SLOW |= set(itertools.product(QUICK, ("tcnet", "bcresnet"))) - {
    ("quantization-aware", "tcnet"), ("magnitude-pruning", "bcresnet"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "family"),
    [
        pytest.param(*pair, marks=pytest.mark.proof if pair in SLOW else [])
        for pair in itertools.product(QUICK, FAMILIES)
    ],
)
def test_shapes_and_zeros_stay(case_of, family, name) -> None:
    case = case_of(family).of(64)
    model = half_pruned(case)
    tuner = case.tuner()
    first = compress(model, [step(name)], tuner)
    assert first.graph.input_shape == model.graph.input_shape
    assert first.graph.output_shape == model.graph.output_shape
    if name != "channel-pruning":
        for weight in weight_names(model.graph):
            zero = model.graph.constants[weight] == 0
            assert zero.any()
            assert np.all(first.graph.constants[weight][zero] == 0)
    file = tuner.file(first)
    x, _ = case.source.validation()
    assert np.isfinite(Interpreter(file).run(x)).all()
    again = case.tuner()
    assert again.file(compress(model, [step(name)], again)) == file


@pytest.mark.parametrize("name", QUICK)
def test_quality_is_kept(case_of, name) -> None:
    case = case_of("dscnn")
    tuner = case.tuner()
    before = tuner.score(tuner.file(case.model))
    assert before > 0.8
    after = tuner.score(tuner.file(compress(case.model, [step(name)], tuner)))
    assert after > before - 0.06


class InterruptedHereError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_an_interrupted_step_resumes_to_the_same_bytes(
    case_of, name, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    case = case_of("conv1d" if name == "zip-aware" else "tcnet").of(64)
    # a step of its own before, so that there are two checkpoints
    steps = [step("magnitude-pruning"), step(name)]
    whole = case.tuner()
    expected = whole.file(compress(case.model, steps, whole))
    seen = []

    def stop_at_last(report) -> None:
        seen.append(report)
        if len(seen) == len(whole.history):
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        compress(case.model, steps, case.tuner(tmp_path, progress=stop_at_last))
    assert list(tmp_path.glob("*.checkpoint"))
    resumed = case.tuner(tmp_path)
    assert resumed.file(compress(case.model, steps, resumed)) == expected
    untimed = [[replace(r, seconds=0.0) for r in c.history] for c in (resumed, whole)]
    assert untimed[0] == untimed[1]


def test_epochs_are_counted_on_from_the_training(case_of) -> None:
    case = case_of("mlp")
    seen = []
    tuner = case.tuner(progress=seen.append)
    compress(case.model, [step("clustering"), step("quantization-aware")], tuner)
    assert [report.epoch for report in tuner.history] == [3, 4, 5, 6]
    assert tuple(seen) == tuner.history


def test_all_steps_together_keep_what_each_settled(case_of, stored_weights) -> None:
    case = case_of("dscnn")
    tuner = case.tuner()
    model = case.model
    zeros: dict[str, np.ndarray] = {}
    for name in ("channel-pruning", "magnitude-pruning", "clustering", "quantization-aware"):
        model = compress(model, [step(name)], tuner)
        if name == "magnitude-pruning":
            pruned = chosen_weights(model.graph, (), depthwise=False)
            zeros = {n: model.graph.constants[n] == 0 for n in pruned}
            shapes = {n: a.shape for n, a in fold(model.graph).constants.items()}
    assert {n: a.shape for n, a in model.graph.constants.items()} == shapes
    for name, mask in zeros.items():
        assert mask.mean() == pytest.approx(0.4, abs=1 / mask.size)
        assert np.all(model.graph.constants[name][mask] == 0)
    weights = stored_weights(tuner.file(model))
    assert len(weights) == len(weight_names(model.graph))
    assert all(len(np.unique(array)) <= 6 for array in weights)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "clusterin"}, r"\[\[compress.steps\]\] 2: .*'clusterin'.*mean 'clustering'"),
        ({"epochs": 3}, "unknown compressor ''; allowed: channel-pruning"),
        ({"name": "clustering", "cluster": 3}, r"2 \(clustering\).*mean 'clusters'"),
        ({"name": "clustering", "clusters": "three"}, "clusters: expected int"),
        ({"name": "magnitude-pruning", "scope": "globl"}, "scope: got 'globl'.*mean 'global'"),
    ],
)
def test_steps_that_cannot_be_understood_name_the_nearest(wrong, message) -> None:
    with pytest.raises(RecipeError, match=message):
        check_steps([{"name": "quantization-aware"}, wrong])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "magnitude-pruning", "sparsity": 1.5}, r"1 \(magnitude-pruning\): sparsity must"),
        ({"name": "magnitude-pruning", "layers": ["conv9"]}, "no layer 'conv9'.*mean 'conv"),
        ({"name": "clustering", "clusters": 1}, "clusters must be 2..256"),
        ({"name": "channel-pruning", "share": 0.99}, "lower the share"),
        ({"name": "zip-aware", "tolerance": 2.0}, "tolerance must be 0..1"),
    ],
)
def test_options_that_do_not_fit_are_refused(case_of, wrong, message) -> None:
    case = case_of("dscnn")
    with pytest.raises(RecipeError, match=message):
        compress(case.model, [wrong], case.tuner())


def test_steps_that_need_integers_say_so(case_of) -> None:
    case = case_of("mlp")
    for name in ("quantization-aware", "zip-aware"):
        with pytest.raises(RecipeError, match=r"set compress\.precision"):
            compress(case.model, [step(name)], case.tuner(precision="float32"))
    recurrent = case_of("lstm")
    with pytest.raises(RecipeError, match="covers its weights only"):
        compress(recurrent.model, [step("quantization-aware")], recurrent.tuner(precision="int8"))
    with pytest.raises(RecipeError, match='by = "gamma": no norm'):
        compress(case.model, [step("channel-pruning", by="gamma")], case.tuner())
