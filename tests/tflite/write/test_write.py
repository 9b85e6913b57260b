import zlib
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from model_edits import unpacked

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.spec.errors import ModelFileError
from motefit.tflite.inspect import inspect
from motefit.tflite.write import write as writer
from motefit.tflite.write.write import write

KWS = Problem(input_shape=(49, 10), outputs=8)
SERIES = Problem(input_shape=(6, 2), outputs=12, naive=(10, 11) * 6)


def deflated(data: bytes) -> int:
    return len(zlib.compress(data, 9))


def drawn(family, options, problem):
    rng = np.random.default_rng(3)
    graph = fold(build(family, options, problem=problem, rng=rng))
    noise = {
        name: rng.normal(0, 0.3, array.shape).astype(np.float32)
        for name, array in graph.constants.items()
    }
    return graph.with_constants(noise)


def test_the_sizes_of_the_design():
    mlp = write(drawn("mlp", {"units": (4,)}, SERIES))
    assert len(mlp) <= 916  # design: 1008
    assert deflated(mlp) <= 712  # design: 740
    graph = drawn("dscnn", {"width": 16}, KWS)
    examples = np.random.default_rng(0).normal(0, 1, (4, *graph.input_shape))
    int8 = quantize(graph, calibrate(graph, examples.astype(np.float32)))
    assert len(write(int8)) <= 6700  # design: 7280
    assert len(write(int8, bias_quantization="none")) <= 5950  # design: 6480
    assert len(write(int8, bias_quantization="borrowed")) <= 6000
    assert len(write(drawn("lstm", {"units": 4}, SERIES))) <= 1880  # design: 2128


@pytest.mark.parametrize("family", ["dscnn", "lstm", "mlp"])
@pytest.mark.parametrize("form", ["float32", "int8", "weights"])
def test_files_are_smaller_than_with_the_conventional_builder(case, family, form):
    data = write(case(family, form).graph)
    builder = flatbuffers.Builder()
    builder.Finish(unpacked(data).Pack(builder), b"TFL3")
    conventional = bytes(builder.Output())
    assert len(data) < (0.9 if form == "int8" else 0.96) * len(conventional)
    assert inspect(conventional).ops == inspect(data).ops
    assert inspect(conventional).tensors == inspect(data).tensors


@pytest.mark.parametrize("form", ["float32", "int8", "weights", "int8-float-edges"])
def test_the_file_matches_the_graph(case, form):
    graph = case("dscnn", form).graph
    model = unpacked(write(graph, keep_names=True))
    assert model.version == 3
    (subgraph,) = model.subgraphs
    by_name = {tensor.name.decode(): tensor for tensor in subgraph.tensors}
    assert by_name.keys() == {*graph.activations(), *graph.constants}
    for name, tensor in by_name.items():
        array = graph.constants.get(name)
        shape = (1, *graph.shapes[name]) if array is None else array.shape
        if name.endswith(".weight.float"):
            shape = graph.shapes[name]
        assert tuple(tensor.shape) == shape
        held = model.buffers[tensor.buffer].data
        assert (held is None) == (array is None)
        if array is not None:
            np.testing.assert_array_equal(held, np.frombuffer(array.tobytes(), np.uint8))
        expected = graph.quantization.get(name)
        if expected is None:
            assert tensor.quantization is None
        else:
            np.testing.assert_array_equal(tensor.quantization.scale, expected.scale)
            zero_points = [expected.zero_point] * len(expected.scale)
            assert tensor.quantization.zeroPoint.tolist() == zero_points
            assert tensor.quantization.quantizedDimension == (expected.axis or 0)
    assert len(subgraph.operators) == len(graph.ops)
    assert subgraph.inputs.tolist() == [0]
    assert subgraph.tensors[subgraph.outputs[0]].name.decode() == graph.output


def test_no_names_and_no_metadata_by_default(case):
    graph = case("mlp", "float32").graph
    bare, named = write(graph), write(graph, keep_names=True)
    described = write(graph, metadata={"card": b'{"a": 1}', "b": b"two"})
    assert inspect(bare).bytes_by_part["names"] == 0
    assert b"dense0" not in bare
    assert b"dense0.weight" in named
    assert inspect(described).metadata == ("b", "card")
    assert b'{"a": 1}' in described
    assert len(bare) < min(len(named), len(described))


@pytest.mark.parametrize("family", ["bcresnet", "lstm"])
def test_deterministic(case, family):
    graph = case(family, "int8").graph
    assert write(graph) == write(replace(graph))


def test_equal_constants_share_a_buffer():
    graph = drawn("mlp", {"units": (12,)}, SERIES)
    before = len(write(graph))
    shared = graph.with_constants({"dense1.weight": graph.constants["dense0.weight"].copy()})
    assert len(write(shared)) <= before - 12 * 12 * 4


def test_a_trained_form_must_be_folded_first():
    graph = build("dscnn", {"width": 4}, problem=KWS, rng=np.random.default_rng(0))
    with pytest.raises(ModelFileError, match="fold it first"):
        write(graph)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_constants_must_be_finite(bad):
    graph = drawn("linear", {}, SERIES)
    weight = graph.constants["dense0.weight"].copy()
    weight[3, 4] = bad
    with pytest.raises(ModelFileError, match=r"dense0\.weight"):
        write(graph.with_constants({"dense0.weight": weight}))


def test_an_unknown_operation_is_named():
    graph = drawn("linear", {}, SERIES)
    alien = type("Alien", (type(graph.ops[0]).__mro__[1],), {"infer": lambda _, s: s[0]})
    odd = replace(graph, ops=(alien(inputs=("input",), output="odd"),))
    with pytest.raises(ModelFileError, match="Alien"):
        write(odd)


def test_a_file_of_two_gib_is_refused(case, monkeypatch):
    monkeypatch.setattr(writer, "MAX_BYTES", 100)
    with pytest.raises(ModelFileError, match="2 GiB"):
        write(case("mlp", "float32").graph)
