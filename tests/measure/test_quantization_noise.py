"""Noise per layer: its end is what LiteRT's output shows, and a coarse layer is found."""

from dataclasses import replace

import numpy as np
import pytest
from family_cases import make

from motefit.graph.execute import float32
from motefit.graph.families import FAMILIES
from motefit.graph.ops import Conv2D
from motefit.measure.quantization_noise import measure_noise, signal_to_noise
from motefit.runtime.interpreter import Interpreter
from motefit.spec.recipe import CompressSpec
from motefit.tflite.importer.read import read_graph
from motefit.tflite.model import ModelFile
from motefit.tflite.write.precision import file_of, shipped_graph

FORMS = {
    "int8": CompressSpec(precision="int8", io="int8", rounding="nearest"),
    "int8 between floats": CompressSpec(precision="int8", io="float32", rounding="nearest"),
    "int8 weights": CompressSpec(precision="int8-weights", rounding="nearest"),
    "dynamic range": CompressSpec(precision="dynamic-range", rounding="nearest"),
}


def net(name):
    case = make(name, "float32")
    return case.graph, case.examples[:8]


def file_in(graph, compress, examples):
    return ModelFile(data=file_of(shipped_graph(graph, compress, examples=examples), compress))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FAMILIES.names())
def test_all_layers_are_there_and_the_last_is_what_litert_puts_out(name, form):
    graph, examples = net(name)
    file = file_in(graph, FORMS[form], examples)
    found = measure_noise(file, graph, examples)
    if not read_graph(file.data).quantization:  # weights so few that they stay floats
        assert found is None
        return
    assert found is not None
    assert (found.examples, len(found.layers)) == (8, len(graph.ops))
    ops = file.inspection.ops
    places = [layer.place for layer in found.layers]
    assert places == sorted(places)
    assert [layer.operator for layer in found.layers] == [ops[place].name for place in places]
    assert (found.input_db is None) == form.endswith(("weights", "range"))
    out = Interpreter(file.data, xnnpack=False).run(examples)
    ideal = float32.run(graph, examples)
    expected = signal_to_noise(ideal, out.reshape(ideal.shape))
    assert found.layers[-1].total_db == pytest.approx(expected, abs=0.05)
    (first, *_) = found.layers
    if found.input_db is None:  # nothing is rounded before
        assert first.own_db == first.total_db


def test_a_layer_with_coarse_weights_adds_most():
    graph, examples = net("dscnn")
    convolutions = [place for place, op in enumerate(graph.ops) if isinstance(op, Conv2D)]
    for place in convolutions:
        name = graph.ops[place].inputs[1]
        weight = graph.constants[name]
        step = np.abs(weight).max() / 2
        coarse = replace(graph, constants={**graph.constants, name: np.round(weight / step) * step})
        found = measure_noise(file_in(coarse, FORMS["int8"], examples), graph, examples)
        assert found is not None
        own = [np.inf if layer.own_db is None else layer.own_db for layer in found.layers]
        assert int(np.argmin(own)) == place
        assert found.layers[place].total_db < 20


def test_files_without_integers_and_of_other_networks_have_none():
    graph, examples = net("dscnn")
    for precision in ("float32", "float16"):
        file = file_in(graph, CompressSpec(precision=precision), examples)
        assert measure_noise(file, graph, examples) is None
    other, _ = net("cnn")
    assert measure_noise(file_in(graph, FORMS["int8"], examples), other, examples) is None


def test_no_noise_is_no_ratio_and_a_dead_layer_has_a_limit():
    assert signal_to_noise(np.ones(3), np.ones(3)) is None
    assert signal_to_noise(np.zeros(3), np.ones(3)) == -99.0
