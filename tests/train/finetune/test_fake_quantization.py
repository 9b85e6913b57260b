"""Training meets the rounding of the shipped file, and does not make it worse."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from motefit.graph.builder import Builder
from motefit.graph.execute import float32
from motefit.graph.execute import int8 as integer
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.ops import Add, Op
from motefit.graph.ops_signal import Multiply
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import quantize_weights
from motefit.spec.errors import RecipeError
from motefit.train.finetune.fake_quantization import FakeQuantization, rounded_weights
from motefit.train.module import GraphModule

SPEECH = Problem(input_shape=(25, 10), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=6, naive=(10, 11) * 3)
SMALL: Mapping[str, Mapping[str, object]] = {
    "cnn": {"filters": (12, 8)},
    "lstm": {"units": 5},
    # untrained, a deep net is chaotic: one tie that float32 sums break otherwise changes everything
    "bcresnet": {"channels": (6, 8), "blocks": (1, 2)},
}


def shipped(name: str, seed: int = 0) -> Graph:
    """A folded graph of sensible scale: its norms have the statistics of random inputs."""
    problem = SPEECH if "keyword-spotting" in FAMILIES.all()[name].tasks else SERIES
    graph = build(name, SMALL.get(name, {}), problem=problem, rng=np.random.default_rng(seed))
    settled = GraphModule(graph, seed=0, norm_momentum=0.0).train()
    settled(torch.from_numpy(batch_for(graph, 32)))
    return fold(settled.to_graph())


def batch_for(graph: Graph, n: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, *graph.input_shape)).astype(np.float32)


def rounded(graph: Graph, batch: np.ndarray, rounding: FakeQuantization) -> np.ndarray:
    module = GraphModule(graph, seed=0, rounding=rounding).eval()
    with torch.no_grad():
        return module(torch.from_numpy(batch)).numpy()


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", FAMILIES.all())
def test_rounded_weights_are_those_of_the_shipped_file(name, per_channel) -> None:
    graph = shipped(name)
    batch = batch_for(graph, 8)
    file = float32.run(quantize_weights(graph, per_channel=per_channel), batch)
    form = quantize_weights(graph, per_channel=per_channel)
    out = rounded(graph, batch, FakeQuantization(graph, form, ranges=None))
    np.testing.assert_allclose(out, file, atol=1e-5 * np.abs(file).max())
    assert not np.array_equal(out, float32.run(graph, batch))


def alone(op: Op, graph: Graph) -> Graph:
    """A graph of one operation of another graph."""
    source = op.inputs[0]
    return Graph(
        input_shape=graph.shapes[source],
        ops=(replace(op, inputs=("input", *op.inputs[1:])),),
        constants={n: graph.constants[n] for n in op.inputs if n in graph.constants},
    )


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", [n for n in FAMILIES.all() if n != "lstm"])
def test_rounded_activations_are_those_of_the_shipped_file(name, per_channel) -> None:
    """Each operation by itself gives the file's integers, but for what float32 sums do to ties."""
    graph = shipped(name)
    batch = batch_for(graph, 32)
    ranges = calibrate(graph, batch)
    tensors = float32.run_all(graph, batch)
    for op in graph.ops:
        if isinstance(op, Add):
            continue
        part = alone(op, graph)
        limits = {"input": ranges[op.inputs[0]], op.output: ranges[op.output]}
        int8 = quantize(part, limits, io="float32", per_channel=per_channel)
        out = rounded(part, tensors[op.inputs[0]], FakeQuantization(part, int8, ranges=limits))
        step = int8.quantization[op.output].scale[0]
        apart = np.abs(out - integer.run(int8, tensors[op.inputs[0]])) / step
        assert np.mean(apart < 0.01) > 0.998, op.output
        assert apart.max() < 1.01, op.output


def test_norms_with_bands_are_rounded_as_shipped() -> None:
    """Products and sums round halves otherwise: one step, in few of the numbers."""
    knobs = {"channels": (6,), "blocks": (2,), "first_stride": (1, 1), "bands": 5}
    graph = build("bcresnet", knobs, problem=SPEECH, rng=np.random.default_rng(0))
    settled = GraphModule(graph, seed=0, norm_momentum=0.0).train()
    settled(torch.from_numpy(batch_for(graph, 32)))
    graph = fold(settled.to_graph())
    batch = batch_for(graph, 32)
    ranges, tensors = calibrate(graph, batch), float32.run_all(graph, batch)
    numbers = {name for name in graph.constants if name.startswith("norm")}
    by_band = [op for op in graph.ops if numbers & set(op.inputs)]
    assert [type(op) for op in by_band] == [Multiply, Add] * 2
    for op in by_band:
        part = alone(op, graph)
        limits = {"input": ranges[op.inputs[0]], op.output: ranges[op.output]}
        int8 = quantize(part, limits, io="float32")
        assert not rounded_weights(int8)
        out = rounded(part, tensors[op.inputs[0]], FakeQuantization(part, int8, ranges=limits))
        step = int8.quantization[op.output].scale[0]
        apart = np.abs(out - integer.run(int8, tensors[op.inputs[0]])) / step
        assert np.mean(apart < 0.01) > 0.97
        assert apart.max() < 1.01


def test_a_rounded_sum_is_that_of_the_shipped_file() -> None:
    net = Builder((9, 7, 4), rng=np.random.default_rng(0))
    net.add("input", net.conv(4, (3, 3), bias=True))
    net.relu()
    graph = fold(net.build())
    batch = batch_for(graph, 32)
    ranges = calibrate(graph, batch)
    int8 = quantize(graph, ranges, io="float32")
    out = rounded(graph, batch, FakeQuantization(graph, int8, ranges=ranges))
    apart = np.abs(out - integer.run(int8, batch)) / int8.quantization[graph.output].scale[0]
    assert np.mean(apart < 0.01) > 0.95
    assert apart.max() < 2.01  # one from the convolution, one from the sum


def test_gradients_pass_straight_through() -> None:
    graph = shipped("dscnn")
    ranges = calibrate(graph, batch_for(graph, 64))
    rounding = FakeQuantization(graph, quantize(graph, ranges), ranges=ranges)
    modules = [GraphModule(graph, seed=0, rounding=r).train() for r in (rounding, None)]
    gradients = []
    for module in modules:
        out = module(torch.from_numpy(batch_for(graph, 64)))
        torch.nn.functional.cross_entropy(out, torch.arange(64) % 4).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    cosine = torch.nn.functional.cosine_similarity(*gradients, dim=0)
    assert cosine > 0.9


def test_ranges_follow_the_activations_in_training_only() -> None:
    graph = shipped("dscnn")
    ranges = calibrate(graph, batch_for(graph, 64))
    rounding = FakeQuantization(graph, quantize(graph, ranges), ranges=ranges)
    assert rounding.ranges() == {n: ranges[n] for n in rounding.ranges()}
    assert set(rounding.ranges()) == {n for n in ranges if not n.startswith("pool")}
    batch = torch.from_numpy(batch_for(graph, 64) * 3)
    module = GraphModule(graph, seed=0, rounding=rounding).eval()
    module(batch)
    assert rounding.ranges()["input"] == pytest.approx(ranges["input"])
    module.train()(batch)
    low, high = ranges["input"]
    seen = (float(batch.min()), float(batch.max()))
    moved = (0.98 * low + 0.02 * seen[0], 0.98 * high + 0.02 * seen[1])
    assert rounding.ranges()["input"] == pytest.approx(moved)


@pytest.mark.parametrize("name", [n for n in FAMILIES.all() if n != "lstm"])
def test_the_trained_network_is_the_shipped_one(name) -> None:
    """Through whole nets the fake-quantized outputs are those of the exact integer executor."""
    graph = shipped(name)
    batch = batch_for(graph, 64)
    ranges = calibrate(graph, batch)
    int8 = quantize(graph, ranges, io="float32")
    out = rounded(graph, batch, FakeQuantization(graph, int8, ranges=ranges))
    step = int8.quantization[graph.output].scale[0]
    apart = np.abs(out - integer.run(int8, batch)) / step
    assert np.mean(apart < 0.01) > 0.9
    assert apart.max() < 2.01


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", FAMILIES.all())
def test_rounded_weights_stay_as_they_are_when_rounded_again(name, per_channel) -> None:
    graph = shipped(name)
    form = quantize_weights(graph, per_channel=per_channel)
    rounding = FakeQuantization(graph, form, ranges=None)
    seen = GraphModule(graph, seed=0, rounding=rounding).to_graph()
    again = quantize_weights(seen, per_channel=per_channel)
    assert form.quantization
    for weight in form.quantization:
        np.testing.assert_array_equal(form.constants[weight], again.constants[weight])


def test_chosen_scales_are_used() -> None:
    graph = shipped("mlp")
    form = quantize_weights(graph)
    coarse = {name: 8 * q.scale for name, q in form.quantization.items()}
    only = frozenset(list(coarse)[:1])
    rounding = FakeQuantization(graph, form, ranges=None, scales=coarse, only=only)
    seen = GraphModule(graph, seed=0, rounding=rounding).to_graph()
    for name, scale in coarse.items():
        if name in only:
            steps = seen.constants[name] / scale[:, None]
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
            assert np.abs(steps).max() == pytest.approx(127 / 8, abs=0.5)
        else:
            np.testing.assert_array_equal(seen.constants[name], graph.constants[name])


def test_what_cannot_be_rounded_is_refused() -> None:
    graph = shipped("mlp")
    batch = batch_for(graph, 8)
    ranges = calibrate(graph, batch)
    form = quantize(graph, ranges)
    with pytest.raises(RecipeError, match="no calibrated range for 'input'"):
        FakeQuantization(graph, form, ranges={})
    recurrent = shipped("lstm")
    with pytest.raises(RecipeError, match="covers its weights only"):
        FakeQuantization(recurrent, form, ranges=ranges)
