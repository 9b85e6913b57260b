"""What each compressor promises, as numbers."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from combinations import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.graph.channels import spaces
from motefit.graph.counter import count
from motefit.graph.fold import fold
from motefit.graph.graph import Quantization
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import with_weight_scales
from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import RecipeError
from motefit.tflite.archive import zip_bytes
from motefit.train.compressors import compress
from motefit.train.compressors.clustering import k_means
from motefit.train.compressors.magnitude_pruning import Masks, Schedule
from motefit.train.finetune.finetuner import Ties
from motefit.train.finetune.rate_distortion import Layer, bits_of, integers_at, scale_at
from motefit.train.finetune.trained_model import Model, chosen_weights

shares = st.integers(0, 100).map(lambda percent: percent / 100)


@given(ends=st.tuples(shares, shares), span=st.tuples(shares, shares), power=st.floats(0.1, 9))
def test_a_schedule_rises_from_first_to_last(ends, span, power) -> None:
    (initial, final), (begin, end) = sorted(ends), sorted(span)
    schedule = Schedule(initial=initial, final=final, begin=begin, end=end, power=power)
    found = [schedule.sparsity(p) for p in np.linspace(0, 1, 41)]
    assert all(a <= b + 1e-12 for a, b in pairwise(found))
    assert schedule.sparsity(1.0) == final
    if 0 < begin < end:
        assert schedule.sparsity(begin * 0.999) == 0
        assert schedule.sparsity(begin) == pytest.approx(initial)


def test_the_schedule_is_the_published_polynomial() -> None:
    schedule = Schedule(initial=0.5, final=0.9, begin=0.2, end=0.6)
    assert schedule.sparsity(0.3) == pytest.approx(0.9 + (0.5 - 0.9) * (1 - 0.25) ** 3)


@examples(12)
@given(
    sparsity=st.floats(0.01, 0.95),
    scope=st.sampled_from(["layer", "global"]),
    steps=st.integers(1, 30),
    frequency=st.integers(1, 7),
    seed=st.integers(0, 999),
)
def test_masks_only_grow_and_end_within_one_weight(
    case_of, sparsity, scope, steps, frequency, seed
) -> None:
    graph = case_of("dscnn").graph
    names = chosen_weights(graph, (), depthwise=False)
    schedule = Schedule(initial=0.0, final=sparsity, begin=0.0, end=0.8)
    masks = Masks(schedule, Model(graph=graph), names=names, frequency=frequency, scope=scope)
    generator = torch.Generator().manual_seed(seed)
    shapes = {n: masks.get_buffer(n.replace(".", "/")).shape for n in names}
    gone = dict.fromkeys(names, torch.tensor(False))  # noqa: FBT003 - a tensor's value
    for step in range(steps):
        drawn = {n: torch.randn(shape, generator=generator) for n, shape in shapes.items()}
        masks.advance(step, steps, drawn)
        now = {n: masks.constant(n, torch.ones(shape)) == 0 for n, shape in shapes.items()}
        assert all((gone[n] <= now[n]).all() for n in names)
        gone = now
    zeros = np.array([int(gone[n].sum()) for n in names])
    sizes = np.array([gone[n].numel() for n in names])
    if scope == "layer":
        assert np.all(np.abs(zeros - sparsity * sizes) <= 1)
    else:
        assert abs(zeros.sum() - sparsity * sizes.sum()) <= 1
        assert np.all(zeros < sizes)


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_sparsity_is_in_the_file(case_of, stored_weights, scope) -> None:
    case = case_of("mlp")
    tuner = case.tuner()
    step = {
        "name": "magnitude-pruning", "sparsity": 0.6, "scope": scope,
        "epochs": 2, "fine_tuning_epochs": 1,
    }  # fmt: skip
    file = tuner.file(compress(case.model, [step], tuner))
    weights = stored_weights(file)
    total = sum(w.size for w in weights)
    zeros = sum(int((w == 0).sum()) for w in weights)
    assert 0.6 - 1 / total <= zeros / total < 0.7  # rounding adds some


def test_only_the_named_layers_are_pruned(case_of) -> None:
    case = case_of("mlp")
    step = {"name": "magnitude-pruning", "layers": ["dense1"], "epochs": 0, "fine_tuning_epochs": 0}
    pruned = compress(case.model, [step], case.tuner()).graph.constants
    assert np.mean(pruned["dense1.weight"] == 0) == 0.5
    np.testing.assert_array_equal(pruned["dense0.weight"], case.graph.constants["dense0.weight"])


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-9, 9), min_size=1, max_size=60),
    clusters=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_k_means_gives_each_value_its_nearest_center(values, clusters, seed) -> None:
    array = np.array(values)
    rng = np.random.default_rng(seed)
    index, centers = k_means(array, np.ones(len(array)), clusters, rng=rng)
    assert len(centers) <= clusters
    distances = np.abs(array[:, None] - centers)
    chosen = distances[np.arange(len(array)), index]
    np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-9)
    assert chosen.max() <= np.ptp(array) + 1e-9


@pytest.mark.parametrize("precision", ["int8", "int8-weights", "float32"])
def test_the_file_has_no_more_values_than_clusters(case_of, precision, stored_weights) -> None:
    case = case_of("dscnn")
    tuner = case.tuner(precision=precision)
    step = {"name": "clustering", "clusters": 5, "epochs": 1}
    model = compress(case.model, [step], tuner)
    if precision == "float32":
        weights = [a for n, a in model.graph.constants.items() if n.endswith("weight")]
    else:
        weights = stored_weights(tuner.file(model))
    assert weights
    assert all(len(np.unique(w)) <= 5 for w in weights)


def test_tied_weights_move_together(case_of) -> None:
    graph = fold(case_of("mlp").graph)
    weight = graph.constants["dense0.weight"].copy()
    weight[0] = 0
    groups = np.arange(weight.size).reshape(weight.shape) % 3
    model = Model(
        graph=graph.with_constants({"dense0.weight": weight}), groups={"dense0.weight": groups}
    )
    value = torch.randn(weight.shape, requires_grad=True)
    seen = Ties(model).constant("dense0.weight", value)
    assert len(np.unique(seen.detach().numpy()[1:])) == 3
    assert (seen[0] == 0).all()
    (seen * torch.randn(weight.shape)).sum().backward()
    assert value.grad is not None
    assert (value.grad[0] == 0).all()
    assert len(np.unique(value.grad.numpy()[1:].round(6))) == 3


@pytest.mark.parametrize("target", ["channels", "macs", "bytes"])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_channels_leave_the_file(case_of, target, scope) -> None:
    case = case_of("dscnn")
    tuner = case.tuner()
    step = {"name": "channel-pruning", "share": 0.2, "target": target, "scope": scope, "epochs": 0}
    model = compress(case.model, [step], tuner)
    costs = {
        "channels": lambda m: sum(s.size for s in spaces(m.graph)),
        "macs": lambda m: count(fold(m.graph)).macs,
        "bytes": lambda m: len(tuner.file(m)),
    }
    before, after = (costs[target](m) for m in (case.model, model))
    assert 0.4 * before < after <= 0.8 * before


def test_zip_aware_is_smaller_and_within_its_tolerance(case_of) -> None:
    case = case_of("conv1d")
    tuner = case.tuner()
    plain = tuner.file(case.model)
    sizes = [len(zip_bytes(plain))]
    for tolerance in (0.01, 0.2):
        step = {"name": "zip-aware", "tolerance": tolerance}
        file = tuner.file(compress(case.model, [step], tuner))
        assert tuner.loss_of_score(tuner.score(plain), tuner.score(file)) <= tolerance
        sizes.append(len(zip_bytes(file)))
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [pytest.param(0, marks=pytest.mark.proof), 2])
def test_zip_aware_makes_the_zip_of_a_wanted_size(case_of, epochs: int) -> None:
    case = case_of("conv1d")
    tuner = case.tuner()
    before = len(zip_bytes(tuner.file(case.model)))
    fine = {"name": "zip-aware", "tolerance": 0.0}
    smallest = len(zip_bytes(tuner.file(compress(case.model, [fine], tuner))))
    for wanted in (before, (before + smallest) // 2):
        step = {"name": "zip-aware", "zip_bytes": wanted, "epochs": epochs}
        file = tuner.file(compress(case.model, [step], case.tuner()))
        assert 0.9 * wanted < len(zip_bytes(file)) <= wanted
    tight = {"name": "zip-aware", "zip_bytes": 100}
    with pytest.raises(RecipeError, match="zip_bytes = 100 is out of reach"):
        compress(case.model, [tight], tuner)


def test_clustered_weights_keep_their_integers_when_zipped(case_of, stored_weights) -> None:
    case = case_of("conv1d")
    tuner = case.tuner()
    clustered = compress(case.model, [{"name": "clustering", "clusters": 5, "epochs": 0}], tuner)
    zipped = compress(clustered, [{"name": "zip-aware", "tolerance": 0.05}], tuner)
    files = [tuner.file(model) for model in (clustered, zipped)]
    for before, after in zip(*map(stored_weights, files), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(zip_bytes(files[1])) < len(zip_bytes(files[0]))  # by the biases alone


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), per_channel=st.booleans(), correlated=st.booleans())
def test_bits_that_cost_more_are_fewer(seed, per_channel, correlated) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, 9))
    rows[0, :3] = 0
    mixing = rng.normal(size=(9, 9))
    layer = Layer(
        name="w",
        bias="",
        rule=Quantization(scale=np.ones(6 if per_channel else 1), axis=0 if per_channel else None),
        axis=0,
        rows=rows,
        sensitivity=rng.uniform(0.1, 1, (6, 1)),
        covariance=mixing @ mixing.T + np.eye(9) if correlated else None,
        mean=np.zeros((1, 9)),
        bias_sensitivity=np.ones(6),
    )
    spent = []
    for price in (1e-7, 1e-2, 1.0):
        scale = scale_at(layer, price)
        assert np.all(scale * 127 >= np.abs(rows).max() / (1 if not per_channel else 99))
        whole = integers_at([layer], {"w": scale}, price)["w"]
        assert np.all(whole[rows == 0] == 0)
        assert np.abs(whole).max() <= 127
        spent.append(bits_of([whole])[whole.astype(int) + 127].sum())
    assert spent[0] >= spent[1] >= spent[2]


def test_chosen_scales_reach_the_file(case_of) -> None:
    case = case_of("mlp")
    folded = fold(case.graph)
    tuner = case.tuner()
    ranges = tuner.ranges(Model(graph=folded))
    form = quantize(folded, ranges)
    name = "dense0.weight"
    chosen = {name: 4 * form.quantization[name].scale}
    changed = with_weight_scales(form, folded, chosen)
    assert np.abs(changed.constants[name]).max() == pytest.approx(127 / 4, abs=1)
    model = replace(case.model.folded(), scales=chosen, ranges=ranges)
    x, _ = case.source.validation()
    plain, coarse = (Interpreter(tuner.file(m)).run(x) for m in (case.model, model))
    assert 0 < np.abs(plain - coarse).mean() < 0.1 * np.abs(plain).mean()
