"""Conformance: what holds for every registered family."""

import dataclasses
import pkgutil

import numpy as np
import pytest
from family_cases import SMALL

from motefit.graph import families as package
from motefit.graph.builder import per_layer, scaled
from motefit.graph.counter import count
from motefit.graph.execute import float32
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.ops import Activation, BatchNorm, Dropout
from motefit.spec.errors import RecipeError
from motefit.spec.tasks import TASK_SPECS

SPEECH = Problem(input_shape=(49, 20), outputs=8)
SERIES = Problem(input_shape=(6, 2), outputs=12, naive=(10, 11) * 6)
PROBLEMS = {"keyword-spotting": SPEECH, "forecasting": SERIES}


def knob_names(name):
    return [field.name for field in dataclasses.fields(FAMILIES.all()[name].knobs)]


CASES = [(name, task) for name, one in FAMILIES.all().items() for task in one.tasks]


def make(name, task, options=None, seed=0):
    problem = PROBLEMS[task]
    return build(name, options or {}, problem=problem, rng=np.random.default_rng(seed))


def test_every_file_registers_one_family():
    files = {m.name for m in pkgutil.iter_modules(package.__path__)}
    assert files == {name.replace("-", "_") for name in FAMILIES.all()}
    assert len(files) >= 9


def test_every_family_has_a_small_network():
    assert set(SMALL) == set(FAMILIES.names()), "the new family needs small knobs"


@pytest.mark.parametrize(("name", "task"), CASES)
def test_defaults_build_a_network_of_the_task(name, task):
    graph = make(name, task)
    assert graph.output_shape == (PROBLEMS[task].outputs,)
    assert np.prod(graph.input_shape) == np.prod(PROBLEMS[task].input_shape)
    x = np.random.default_rng(1).normal(size=(3, *graph.input_shape)).astype(np.float32)
    output = float32.run(graph, x)
    assert output.shape == (3, PROBLEMS[task].outputs)
    assert np.all(np.isfinite(output))
    assert len(np.unique(output)) > 3


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_seed_decides_the_weights(name, task):
    first, again, other = make(name, task), make(name, task), make(name, task, seed=1)
    for key, array in first.constants.items():
        np.testing.assert_array_equal(array, again.constants[key])
        assert array.dtype == np.float32
    assert any(np.any(a != other.constants[k]) for k, a in first.constants.items())


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_family_folds_to_the_same_function(name, task, randomize):
    rng = np.random.default_rng(2)
    graph = randomize(make(name, task), rng)
    shipped = fold(graph)
    assert not any(isinstance(op, BatchNorm | Activation | Dropout) for op in shipped.ops)
    x = rng.normal(size=(4, *graph.input_shape)).astype(np.float32)
    expected = float32.run(graph, x)
    np.testing.assert_allclose(
        float32.run(shipped, x), expected, atol=1e-4 * (1 + np.abs(expected).max())
    )
    counts = count(shipped)
    assert 0 < counts.parameters <= count(graph).parameters
    assert counts.macs > 0
    assert counts.activation_bytes >= 4 * np.prod(graph.input_shape)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_family_is_meant_for_a_task_there_is(name, task):
    assert task in TASK_SPECS.names()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_knob_refuses_another_type(name, task):
    for knob in knob_names(name):
        with pytest.raises(RecipeError, match=knob):
            make(name, task, {knob: object()})


@pytest.mark.parametrize("name", [n for n in FAMILIES.all() if "softmax" in knob_names(n)])
def test_softmax_knob(name):
    graph = make(name, "keyword-spotting", {"softmax": True})
    x = np.random.default_rng(1).normal(size=(3, *graph.input_shape)).astype(np.float32)
    np.testing.assert_allclose(float32.run(graph, x).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht": 8}, "did you mean 'width'"),
        ({"width": 8.5}, "width: expected int"),
        ({"width": True}, "width: expected int"),
        ({"width": -1}, "width must not be negative"),
        ({"kernel": (3, "a")}, r"kernel\[1\]: expected int"),
        ({"strides": ()}, "at least 1"),
        ({"first_padding": "full"}, "first_padding: got 'full'"),
        ({"first_padding": "valid", "first_kernel": (50, 3)}, "does not fit an input of 49"),
    ],
)
def test_bad_knobs(options, message):
    with pytest.raises(RecipeError, match=message):
        make("dscnn", "keyword-spotting", options)


def test_an_unknown_family():
    with pytest.raises(RecipeError, match="did you mean 'dscnn'"):
        make("dscn", "keyword-spotting")


def test_linear_begins_as_the_naive_forecast():
    graph = make("linear", "forecasting")
    x = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    error = float32.run(graph, x) - x[:, list(SERIES.naive)]
    assert np.abs(error).max() < 0.1


def test_linear_begins_at_zero_where_there_is_no_naive_forecast():
    change = dataclasses.replace(SERIES, naive=())
    graph = build("linear", {}, problem=change, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    assert np.abs(float32.run(graph, x)).max() < 0.1


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.all().items() if "forecasting" in f.tasks])
def test_a_forecaster_takes_a_calendar_with_its_window(name):
    shape = (6, 4) if FAMILIES.all()[name].sequence else (14,)
    problem = Problem(input_shape=shape, outputs=12)
    graph = build(name, {}, problem=problem, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(3, *graph.input_shape)).astype(np.float32)
    assert np.prod(graph.input_shape) == np.prod(shape)
    assert float32.run(graph, x).shape == (3, 12)


@pytest.mark.parametrize(
    ("name", "task", "options", "parameters"),
    [
        # counted from the layers of the published systems, biases and norms folded
        ("cnn", "keyword-spotting", {}, 256 * 9 + 2 * 256 * 256 * 9 + 3 * 256 + 256 * 8 + 8),
        (
            "cnn",
            "keyword-spotting",
            {"filters": (8, 6), "separable": True},
            8 * 9 + 8 + 8 * 9 + 8 + 8 * 6 + 6 + 6 * 8 + 8,
        ),
        ("mlp", "forecasting", {"units": (4,)}, 12 * 4 + 4 + 4 * 12 + 12),
        ("lstm", "forecasting", {"units": 64}, 4 * 64 * (2 + 64 + 1) + 64 * 12 + 12),
        ("conv1d", "forecasting", {}, 64 * 3 * 2 + 64 + 4 * 64 * 64 + 64 + 64 * 12 + 12),
        ("linear", "forecasting", {}, 12 * 12 + 12),
        (
            "dscnn",
            "keyword-spotting",
            {"width": 16, "blocks": 2},
            16 * 9 + 16 + 2 * (16 * 9 + 16 + 16 * 16 + 16) + 16 * 8 + 8,
        ),
    ],
)
def test_parameters_by_hand(name, task, options, parameters):
    assert count(fold(make(name, task, options))).parameters == parameters


def test_layer_rules():
    assert [scaled(256, m) for m in (1.0, 0.3, 0.001)] == [256, 76, 1]
    assert [per_layer((3, 2), i) for i in range(4)] == [3, 2, 2, 2]
    with pytest.raises(RecipeError, match="at least 1"):
        per_layer((0,), 0)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_settings_that_make_no_network_are_refused(name):
    problem = Problem(input_shape=(20, 8), outputs=2, naive=(0, 1))
    for key in knob_names(name):
        for value in (0, [], [0], 2**31, 1e308, [3] * 5000):
            try:
                graph = build(name, {key: value}, problem=problem, rng=np.random.default_rng(0))
            except RecipeError:
                continue
            assert len(graph.ops) <= 2000
