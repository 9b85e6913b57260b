"""The parity report: every layer of a sound executor agrees, and a wrong one is found and named."""

import numpy as np
import pytest

from motefit.graph.execute import int8
from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.ops import Conv2D, DepthwiseConv2D
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.measure.parity import measure_parity
from motefit.spec.errors import DataError, ModelFileError
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

NETS = {"bcresnet": {"channels": (4, 6), "blocks": (2, 1)}, "dscnn": {"width": 8, "blocks": 2}}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def net(name, rng):
    speech = "keyword-spotting" in FAMILIES.all()[name].tasks and name != "mlp"
    shape = (25, 10) if speech else (6, 2)
    problem = Problem(input_shape=shape, outputs=6, naive=(10, 11) * 3)
    graph = fold(build(name, NETS.get(name, {}), problem=problem, rng=rng))
    return graph, rng.normal(size=(16, *graph.input_shape)).astype(np.float32)


@pytest.mark.parametrize("name", FAMILIES.names())
@pytest.mark.parametrize("io", ["int8", "float32"])
def test_every_layer_of_an_int8_file_is_exact(name, io, rng):
    graph, examples = net(name, rng)
    model = write(quantize(graph, calibrate(graph, examples), io=io))
    found = measure_parity(ModelFile(data=model), examples)
    assert found.examples == len(examples)
    assert found.first is None
    layers = [layer for layer in found.layers if layer.exact]
    assert len(layers) >= len(graph.ops)
    assert all(layer.differing == 0 and layer.greatest == 0 for layer in layers)
    assert all(layer.numbers == 16 * np.prod(layer.shape) for layer in layers)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_layers_of_a_float_file_agree_to_the_tolerance(name, rng):
    graph, examples = net(name, rng)
    found = measure_parity(ModelFile(data=write(graph)), examples)
    assert found.first is None
    assert not any(layer.exact for layer in found.layers)


@pytest.mark.parametrize("kind", [Conv2D, DepthwiseConv2D])
def test_the_first_layer_that_differs_is_named(kind, rng, monkeypatch):
    graph, examples = net("dscnn", rng)
    quantized = quantize(graph, calibrate(graph, examples))
    wrong = [place for place, op in enumerate(graph.ops) if isinstance(op, kind)][-1]
    honest = int8.step

    def step(op, graph, tensors, **machine):
        result = honest(op, graph, tensors, **machine)
        if result.keys() == {list(graph.ops)[wrong].output}:
            return {name: np.where(a < 127, a + 1, a).astype(a.dtype) for name, a in result.items()}
        return result

    monkeypatch.setattr(int8, "step", step)
    found = measure_parity(ModelFile(data=write(quantized)), examples)
    operator = "CONV_2D" if kind is Conv2D else "DEPTHWISE_CONV_2D"
    assert found.first == f"{wrong} {operator}"
    layer = found.layers[wrong]
    assert layer.greatest == 1
    assert 0 < layer.differing <= layer.numbers
    assert not any(before.differing for before in found.layers[:wrong])


def test_inputs_of_another_size(rng):
    graph, _ = net("linear", rng)
    with pytest.raises(DataError, match=r"takes \(n, 12\)"):
        measure_parity(ModelFile(data=write(graph)), np.zeros((3, 11)))
    with pytest.raises(DataError):
        measure_parity(ModelFile(data=write(graph)), np.zeros((0, 12)))


def test_damaged_files(rng):
    with pytest.raises(ModelFileError):
        measure_parity(ModelFile(data=b"\x10\0\0\0TFL3" + bytes(40)), np.zeros((1, 4)))
