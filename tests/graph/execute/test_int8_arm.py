"""The integer executor computes what LiteRT's builtin kernels computed on an (emulated) Arm."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph import fixed_point
from motefit.graph.execute import int8
from motefit.tflite.importer.read import read_graph

GOLDEN = np.load(Path(__file__).parent.parent.parent / "golden" / "arm.npz")
NAMES = GOLDEN["names"].tolist()


def stored(name):
    """Graph, inputs and outputs of a network."""
    number = NAMES.index(name)
    graph = read_graph(GOLDEN[f"model_{number}"].tobytes())
    inputs, outputs = (GOLDEN[f"{what}_{number}"] for what in ("inputs", "outputs"))
    return graph, inputs.reshape(-1, *graph.input_shape), outputs


@pytest.mark.parametrize("name", NAMES)
def test_bit_for_bit(name):
    graph, inputs, outputs = stored(name)
    got = int8.run(graph, inputs, machine="aarch64")
    np.testing.assert_array_equal(got, outputs.reshape(got.shape))


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_of_the_two_machines_differ_where_said(name):
    """A dense layer of 4 rows of 8 is alike, and so is a convolution with a single column."""
    graph, inputs, outputs = stored(name)
    here = int8.run(graph, inputs, machine="x86-64")
    apart = np.abs(here.astype(int) - outputs.reshape(here.shape)).max()
    if name in {"dense-4x8", "conv-4x8-1"}:
        assert apart == 0
    elif name.startswith(("dense", "conv-")):
        assert apart == 1
    else:
        assert apart <= 3


@given(
    x=st.integers(-(2**31), 2**31 - 1),
    real=st.floats(1e-6, 1.0, exclude_max=True, allow_nan=False),
)
def test_one_rounding_is_the_nearest_integer(x, real):
    by = fixed_point.multiplier(np.array([real]))
    exact = Fraction(x) * Fraction(int(by.mantissa[0])) / 2 ** (31 - int(by.exponent[0]))
    wanted = (exact + Fraction(1, 2)).__floor__()
    assert fixed_point.multiply_once(np.array([x]), by)[0] == wanted
