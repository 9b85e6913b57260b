"""Operators that only other programs write: every integer is LiteRT's, whatever shape and scale."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from hypothesis import given
from hypothesis import strategies as st
from odd_models import ModelMaker, Operators, Types

from motefit.measure.parity import measure_parity
from motefit.spec.errors import ModelFileError
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile

SCALES = st.floats(2.0**-9, 2.0)
ZEROS = st.integers(-128, 127)
SIZES = st.integers(1, 6)
KINDS = ("MAX_POOL_2D", "LEAKY_RELU", "LOGISTIC")


def quantized(make, shape, kind, scale, zero):
    index = make.tensor(shape, kind, scale=scale)
    make.model.subgraphs[-1].tensors[index].quantization.zeroPoint = [zero]
    return index


@st.composite
def models(draw, kind, *, whole, unsigned=False):
    """A file with one operator of a kind, between QUANTIZE operators if its edges are uint8."""
    make, height, width = ModelMaker(), draw(SIZES), draw(SIZES)
    shape = out = [1, height, width, draw(st.integers(1, 19))]
    source = to = draw(SCALES), draw(ZEROS)
    options = None
    if kind == "MAX_POOL_2D":
        options = official.Pool2DOptionsT()
        window = draw(st.integers(1, height)), draw(st.integers(1, width))
        step = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        options.filterHeight, options.filterWidth = window
        options.strideH, options.strideW = step
        options.padding = draw(st.integers(0, 1))
        options.fusedActivationFunction = draw(st.sampled_from([0, 1, 3]))
        reach = window if options.padding else (1, 1)
        sizes = [-(-(n - k + 1) // s) for n, k, s in zip((height, width), reach, step, strict=True)]
        out = [1, *sizes, shape[3]]
    elif kind == "LEAKY_RELU":
        options, to = official.LeakyReluOptionsT(), (draw(SCALES), draw(ZEROS))
        options.alpha = draw(st.floats(0, 2))
    else:
        to = 1 / 256, -128
    if not whole:
        ends = [make.tensor(shape), make.tensor(out)]
    else:
        ends = [quantized(make, shape, Types.INT8, *source), quantized(make, out, Types.INT8, *to)]
    edges = list(ends)
    if unsigned:
        edges[0] = quantized(make, shape, Types.UINT8, source[0], source[1] + 128)
        make.operator(Operators.QUANTIZE, edges[:1], ends[:1])
    make.operator(getattr(Operators, kind), ends[:1], ends[1:], options)
    if unsigned:
        edges[1] = quantized(make, out, Types.UINT8, to[0], to[1] + 128)
        make.operator(Operators.QUANTIZE, ends[1:], edges[1:])
    return make.finish(edges[:1], edges[1:]), source[0] if whole else 0.05, np.prod(shape)


def compared(case, seed):
    model, scale, size = case
    batch = np.random.default_rng(seed).normal(0, 60 * scale, (4, size))
    return measure_parity(ModelFile(data=model), batch)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), unsigned=st.booleans(), seed=st.integers(0, 9))
def test_every_integer_is_that_of_litert(kind, data, unsigned, seed):
    found = compared(data.draw(models(kind, whole=True, unsigned=unsigned)), seed)
    (layer,) = found.layers
    assert layer.exact
    assert layer.numbers == 4 * np.prod(layer.shape)
    assert (layer.differing, found.first) == (0, None)
    assert layer.operator == ("QUANTIZE" if unsigned else kind)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), seed=st.integers(0, 9))
def test_floats_agree_to_the_tolerance(kind, data, seed):
    found = compared(data.draw(models(kind, whole=False)), seed)
    (layer,) = found.layers
    assert not layer.exact
    assert layer.differing == 0


def test_a_graph_that_is_written_again_has_no_uint8():
    make = ModelMaker()
    source = quantized(make, [1, 3], Types.UINT8, 0.5, 128)
    out = quantized(make, [1, 3], Types.INT8, 0.5, 0)
    make.operator(Operators.QUANTIZE, [source], [out])
    with pytest.raises(ModelFileError, match="input is uint8"):
        read_graph(make.finish([source], [out]))
