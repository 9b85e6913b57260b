"""A Graph in torch is the Graph in numpy, and every parameter learns."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.builder import Builder
from motefit.graph.execute import float32
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.ops import (
    Activation,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    Quantize,
    Softmax,
)
from motefit.spec.errors import ModelFileError
from motefit.train.module import GraphModule

SPEECH = Problem(input_shape=(25, 10), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=6, naive=(10, 11) * 3)
SMALL: Mapping[str, Mapping[str, object]] = {
    "cnn": {"filters": (8, 6, 4), "dropout": 0.1},
    "dscnn": {"width": 8, "dropout": 0.1},
    "lstm": {"units": 5, "layers": 2},
}
PUBLISHED: Mapping[str, object] = {
    "tau": 0.5,
    "blocks": (2, 1, 2),
    "first_stride": (2, 1),
    "frequency_strides": (1, 2, 1),
    "published_head": True,
    "dropout": 0.1,
}
VARIANTS = [
    *((name, SMALL.get(name, {})) for name in FAMILIES.all()),
    ("cnn", {"filters": (8, 6), "strides": (3, 2), "first_padding": "same", "softmax": True}),
    ("dscnn", {"width": 6, "first_kernel": (4, 2), "strides": (2, 1), "norm_between": False}),
    ("bcresnet", {**PUBLISHED, "bands": 5}),
    ("bcresnet", {**PUBLISHED, "bands": 1}),
    ("tcnet", {"width": 8, "dilations": (1, 2, 4), "first_kernel": 4}),
    ("tcnet", {"width": 8, "blocks": 2, "padding": "valid", "kernels": (3,)}),
    ("tcnet", {"width": 8, "padding": "causal", "dilations": (1, 2), "strides": (1, 2)}),
    ("conv1d", {"padding": "same", "strides": (2,), "kernels": (2,), "filters": (4, 4)}),
    ("lstm", {"units": 3, "flatten": True}),
]


def randomized(graph: Graph, seed: int) -> Graph:
    """The graph with random biases and random statistics of its norms."""
    rng = np.random.default_rng(seed)
    constants = {}
    for name, array in graph.constants.items():
        if name.endswith(("variance", "gamma")):
            constants[name] = rng.uniform(0.5, 2, array.shape).astype(np.float32)
        elif array.ndim == 1:
            constants[name] = rng.normal(0, 0.3, array.shape).astype(np.float32)
    return graph.with_constants(constants)


def family_graph(name: str, options: Mapping[str, object], seed: int = 0) -> Graph:
    problem = SPEECH if "keyword-spotting" in FAMILIES.all()[name].tasks else SERIES
    graph = randomized(build(name, options, problem=problem, rng=np.random.default_rng(seed)), seed)
    settled = GraphModule(graph, seed=0, norm_momentum=0.0).train()
    settled(torch.from_numpy(batch_for(graph, 32, seed=2)))
    return settled.to_graph()


def batch_for(graph: Graph, n: int = 5, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, *graph.input_shape)).astype(np.float32)


def evaluated(graph: Graph, batch: np.ndarray) -> np.ndarray:
    module = GraphModule(graph, seed=0).eval()
    with torch.no_grad():
        return module(torch.from_numpy(batch)).numpy()


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("form", ["trained", "shipped"])
def test_evaluation_equals_the_reference(
    name: str, options: Mapping[str, object], form: str
) -> None:
    graph = family_graph(name, options)
    if form == "shipped":
        graph = fold(graph)
    batch = batch_for(graph)
    out = evaluated(graph, batch)
    assert out.shape == (5, *graph.output_shape)
    np.testing.assert_allclose(out, float32.run(graph, batch), atol=1e-4)


@given(
    size=st.tuples(st.integers(4, 11), st.integers(4, 11)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.sampled_from(["same", "valid"]),
    kind=st.sampled_from(["conv", "depthwise", "pool"]),
)
def test_windows_and_padding_are_tensorflows(size, kernel, stride, dilation, padding, kind) -> None:
    if padding == "valid" and any(
        (k - 1) * d + 1 > n for n, k, d in zip(size, kernel, dilation, strict=True)
    ):
        padding = "same"
    rng = np.random.default_rng(0)
    knobs = {"inputs": ("input", "w"), "output": "out", "stride": stride, "padding": padding}
    ops = {
        "conv": Conv2D(**knobs, dilation=dilation),
        "depthwise": DepthwiseConv2D(**knobs, dilation=dilation),
        "pool": AveragePool2D(**{**knobs, "inputs": ("input",)}, window=kernel),
    }
    weight = rng.standard_normal((5 if kind == "conv" else 1, *kernel, 3)).astype(np.float32)
    constants = {} if kind == "pool" else {"w": weight}
    graph = Graph(input_shape=(*size, 3), ops=(ops[kind],), constants=constants)
    batch = batch_for(graph, 2)
    np.testing.assert_allclose(evaluated(graph, batch), float32.run(graph, batch), atol=1e-4)


@pytest.mark.parametrize("shape", [(7,), (4, 7), (3, 4, 7)])
def test_norms_and_softmax_work_on_the_last_axis_of_any_rank(shape: tuple[int, ...]) -> None:
    names = ("gamma", "beta", "mean", "variance")
    graph = Graph(
        input_shape=shape,
        ops=(
            BatchNorm(inputs=("input", *names), output="norm", epsilon=0.02),
            Activation(inputs=("norm",), output="relu6", kind="relu6"),
            Softmax(inputs=("relu6",), output="probabilities"),
        ),
        constants={name: np.ones(7, np.float32) for name in names},
    )
    graph = randomized(graph, 3)
    batch = batch_for(graph)
    np.testing.assert_allclose(evaluated(graph, batch), float32.run(graph, batch), atol=1e-5)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_gradients_reach_every_parameter(name: str, options: Mapping[str, object]) -> None:
    graph = family_graph(name, options)
    module = GraphModule(graph, seed=0).train()
    out = module(torch.from_numpy(batch_for(graph, 16)))
    torch.nn.functional.huber_loss(out, torch.ones_like(out)).backward()
    silent = [key for key, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert len(list(module.parameters())) > 0


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_to_graph_gives_the_constants_back(name: str, options: Mapping[str, object]) -> None:
    graph = family_graph(name, options)
    module = GraphModule(graph, seed=0)
    same = module.to_graph()
    assert set(same.constants) == set(graph.constants)
    for key, array in graph.constants.items():
        np.testing.assert_array_equal(same.constants[key], array)
    other = family_graph(name, options, seed=9)
    module.load(other)
    for key, array in other.constants.items():
        np.testing.assert_array_equal(module.to_graph().constants[key], array)


def test_the_graph_is_not_written_to_by_training() -> None:
    graph = family_graph("dscnn", SMALL["dscnn"])
    before = {name: array.copy() for name, array in graph.constants.items()}
    module = GraphModule(graph, seed=0).train()
    with torch.no_grad():
        module(torch.from_numpy(batch_for(graph, 8)))
        for parameter in module.parameters():
            parameter.add_(1)
    for name, array in before.items():
        np.testing.assert_array_equal(graph.constants[name], array)


def test_running_statistics_follow_the_batch_with_the_given_momentum() -> None:
    net = Builder((4, 5, 3), rng=np.random.default_rng(0))
    net.batch_norm()
    net.dense(2)
    graph = net.build()
    x = batch_for(graph, 20) * 3 + 1
    module = GraphModule(graph, seed=0, norm_momentum=0.75).train()
    module(torch.from_numpy(x))
    new = module.to_graph().constants
    flat = x.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(new["norm0.mean"], 0.25 * flat.mean(0), rtol=1e-4)
    np.testing.assert_allclose(new["norm0.variance"], 0.75 + 0.25 * flat.var(0, ddof=1), rtol=1e-4)
    module.eval()(torch.from_numpy(x))
    np.testing.assert_array_equal(module.to_graph().constants["norm0.mean"], new["norm0.mean"])


def test_dropout_acts_in_training_only_and_follows_the_seed() -> None:
    net = Builder((400,), rng=np.random.default_rng(0))
    net.dropout(0.25)
    graph = net.build()
    ones = torch.ones(50, 400)
    module = GraphModule(graph, seed=5)
    first = module.train()(ones)
    again = GraphModule(graph, seed=5).train()(ones)
    other = GraphModule(graph, seed=6).train()(ones)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0.23 < (first == 0).float().mean() < 0.27
    assert abs(first.mean() - 1) < 0.03
    assert torch.equal(module.eval()(ones), ones)


def test_a_final_softmax_is_for_evaluation_only() -> None:
    graph = family_graph("cnn", {"filters": (4,), "softmax": True})
    x = torch.from_numpy(batch_for(graph))
    module = GraphModule(graph, seed=0).eval()
    logits = module.logits(x)
    assert not torch.allclose(logits.sum(1), torch.ones(5))
    torch.testing.assert_close(module(x), torch.softmax(logits, 1))
    plain = replace(graph, ops=graph.ops[:-1])
    trained = GraphModule(plain, seed=0).train()(x)
    torch.testing.assert_close(module.train()(x), trained)


def test_an_operation_that_cannot_be_trained_is_refused() -> None:
    op = Quantize(inputs=("input",), output="q")
    graph = Graph(input_shape=(3,), ops=(op,), constants={})
    with pytest.raises(ModelFileError, match="Quantize cannot be trained"):
        GraphModule(graph, seed=0)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("dilation", [(4, 1), (2, 3)])
def test_gradients_of_a_dilated_depthwise_convolution_are_torchs(padding, dilation) -> None:
    rng = np.random.default_rng(0)
    knobs = {"output": "out", "dilation": dilation, "padding": padding}
    graph = Graph(
        input_shape=(17, 11, 3),
        ops=(DepthwiseConv2D(inputs=("input", "w", "b"), **knobs),),
        constants={
            "w": rng.standard_normal((1, 3, 3, 3)).astype(np.float32),
            "b": rng.standard_normal(3).astype(np.float32),
        },
    )
    x = torch.from_numpy(batch_for(graph, 2)).requires_grad_()
    module = GraphModule(graph, seed=0)
    # In evaluation mode the step is torch's own convolution.
    outs = [module.train()(x), module.eval()(x)]
    torch.testing.assert_close(outs[0], outs[1])
    pull = torch.randn(outs[0].shape, generator=torch.Generator().manual_seed(0))
    sought = [x, module.tensor("w"), module.tensor("b")]
    found = [torch.autograd.grad(out, sought, pull) for out in outs]
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
