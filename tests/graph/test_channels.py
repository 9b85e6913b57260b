"""Channels that are zero can go without a change of the outputs, wherever they are passed on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.channels import spaces, without_channels
from motefit.graph.counter import count
from motefit.graph.execute import float32
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.ops import BatchNorm
from motefit.spec.errors import RecipeError

NETS = {
    "dscnn": {"width": 6, "blocks": 2},
    "tcnet": {"width": 6, "blocks": 2, "kernels": (3,)},
    "tcnet without padding": {"width": 6, "blocks": 2, "kernels": (3,), "padding": "valid"},
    "bcresnet": {"channels": (4, 6), "blocks": (2,), "first_channels": 5, "head_channels": 7},
    "cnn": {"filters": (5, 6), "pointwise_depthwise": True},
    "mlp": {"units": (6, 5)},
    "conv1d": {"filters": (5,), "units": (6,)},
    "lstm": {"units": 5, "layers": 2, "flatten": True},
    "residual-mlp": {"units": 5},
}


def net(name, rng):
    speech = name.partition(" ")[0] in {"dscnn", "tcnet", "bcresnet", "cnn"}
    shape, outputs = ((15, 10), 3) if speech else ((6, 2), 4)
    problem = Problem(input_shape=shape, outputs=outputs)
    graph = build(name.partition(" ")[0], NETS[name], problem=problem, rng=rng)
    drawn = {n: a + rng.uniform(0.05, 0.5, a.shape) for n, a in graph.constants.items()}
    return graph.with_constants({n: a.astype(np.float32) for n, a in drawn.items()})


def silenced(graph, keep):
    """The graph with the channels that will go set to 0, all the way."""
    constants = {name: array.copy() for name, array in graph.constants.items()}
    norms = {n: op for op in graph.ops if isinstance(op, BatchNorm) for n in op.inputs[1:]}
    for space in spaces(graph):
        for use in space.uses:
            moved = np.moveaxis(constants[use.constant], use.axis, 0)
            norm = norms.get(use.constant)
            shifts = norm is not None and use.constant in {norm.inputs[2], norm.inputs[3]}
            if space.name in keep and (use.makes or shifts):
                moved[~keep[space.name]] = 0
    return graph.with_constants(constants)


@given(name=st.sampled_from(sorted(NETS)), seed=st.integers(0, 2**31), data=st.data())
def test_channels_that_are_zero_can_go(name, seed, data) -> None:
    rng = np.random.default_rng(seed)
    graph = net(name, rng)
    keep = {}
    for space in spaces(graph):
        gone = data.draw(st.sets(st.integers(0, space.size - 1), max_size=space.size - 1))
        keep[space.name] = ~np.isin(np.arange(space.size), list(gone))
    before = silenced(graph, keep)
    after = without_channels(before, keep)
    batch = rng.standard_normal((4, *graph.input_shape)).astype(np.float32)
    wanted = float32.run(before, batch)
    np.testing.assert_allclose(float32.run(after, batch), wanted, rtol=1e-4, atol=1e-4)
    for form in (after, fold(after)):
        assert form.output_shape == graph.output_shape
        assert form.input_shape == graph.input_shape
    sizes = {space.name: space.size for space in spaces(after)}
    assert sizes == {n: int(chosen.sum()) for n, chosen in keep.items()}
    if any(not chosen.all() for chosen in keep.values()):
        assert count(after).parameters < count(before).parameters


def test_sums_and_depthwise_convolutions_share_their_channels(rng) -> None:
    found = {name: [space.size for space in spaces(net(name, rng))] for name in NETS}
    assert found["dscnn"] == [6, 6, 6]  # of the first and of each pointwise convolution
    assert found["tcnet"] == [6]  # residual sums make all layers one
    assert found["mlp"] == [6, 5]
    assert found["lstm"] == [5, 5]


def test_inputs_and_outputs_stay(rng) -> None:
    graph = net("dscnn", rng)
    assert not {"input", graph.output} & {t for s in spaces(graph) for t in s.tensors}


@pytest.mark.parametrize(
    "keep",
    [
        {"conv9": np.ones(6, bool)},
        {"conv0": np.ones(5, bool)},
        {"conv0": np.zeros(6, bool)},
    ],
)
def test_cuts_that_do_not_fit_are_refused(keep, rng) -> None:
    with pytest.raises(RecipeError, match=r"channels 'conv.'.*spaces: conv0"):
        without_channels(net("dscnn", rng), keep)
