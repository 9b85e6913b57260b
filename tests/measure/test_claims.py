"""What is claimed of a file is what its bytes hold."""

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range, halve_weights, quantize_weights
from motefit.measure.claims import read_claims
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

SPEECH = Problem(input_shape=(20, 12), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=6)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def speech_net(rng):
    return fold(build("dscnn", {"width": 16, "blocks": 2}, problem=SPEECH, rng=rng))


def int8(graph: Graph, rng, **settings) -> Graph:
    examples = rng.normal(size=(8, *graph.input_shape)).astype(np.float32)
    return quantize(graph, calibrate(graph, examples), **settings)


FORMS = {
    "float32": lambda graph, _: graph,
    "float16": lambda graph, _: halve_weights(graph, min_size=1),
    "dynamic-range": lambda graph, _: dynamic_range(graph, min_size=1),
    "int8-weights": lambda graph, _: quantize_weights(graph, min_size=1),
    "int4-weights": lambda graph, _: quantize_weights(graph, min_size=1, bits=4),
    "int8": int8,
    "int4": lambda graph, rng: int8(graph, rng, weight_bits=4),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_form_is_read_back(form, rng):
    graph = speech_net(rng)
    claims = read_claims(ModelFile(data=write(FORMS[form](graph, rng))))
    assert claims.precision == form
    weights = [a for n, a in graph.constants.items() if n.endswith("weight")]
    assert claims.numbers_by_form == {form: sum(a.size for a in weights)}
    assert [weight.shape for weight in claims.weights] == [a.shape for a in weights]
    io = "int8" if form in {"int8", "int4"} else "float32"
    assert (claims.input_dtype, claims.output_dtype) == (io, io)
    assert claims.techniques == (() if form == "float32" else (f"{form}: 100.0 % of the weights",))


def test_small_weights_that_stay_float_are_counted_apart(rng):
    graph = speech_net(rng)
    claims = read_claims(ModelFile(data=write(quantize_weights(graph, min_size=200))))
    assert claims.precision == "int8-weights"
    assert set(claims.numbers_by_form) == {"int8-weights", "float32"}
    small = sum(w.size for w in claims.weights if w.form == "float32")
    assert claims.numbers_by_form["float32"] == small > 0


def test_an_lstm_is_counted_gate_by_gate(rng):
    graph = fold(build("lstm", {"units": 9}, problem=SERIES, rng=rng))
    claims = read_claims(ModelFile(data=write(dynamic_range(graph))))
    lstm = [w for w in claims.weights if w.operator == "UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert len(lstm) == 8
    assert sum(w.size for w in lstm) == 4 * 9 * (2 + 9)
    assert {w.form for w in lstm} == {"dynamic-range"}


def pruned(graph, share):
    changed = {}
    for name, array in graph.constants.items():
        if name.endswith("weight"):
            limit = np.quantile(np.abs(array), share)
            changed[name] = np.where(np.abs(array) <= limit, 0, array).astype(np.float32)
    return graph.with_constants(changed)


@pytest.mark.parametrize("form", ["float32", "int8", "float16", "int4-weights"])
def test_zeros_are_counted(form, rng):
    graph = FORMS[form](pruned(speech_net(rng), 0.6), rng)
    claims = read_claims(ModelFile(data=write(graph)))
    zeros = {n: int((a == 0).sum()) for n, a in graph.constants.items() if n.endswith("weight")}
    assert [weight.zeros for weight in claims.weights] == list(zeros.values())
    assert claims.sparsity >= 0.58
    assert all(weight.sparse for weight in claims.weights)
    assert any(text.startswith("sparse: ") for text in claims.techniques)


def test_shared_values_are_counted(rng):
    graph = speech_net(rng)
    name = "conv1.weight"
    weight = graph.constants[name]
    assert weight.size == 256
    centers = np.linspace(-1, 1, 8).astype(np.float32)
    shared = centers[rng.integers(0, 8, weight.shape)]
    claims = read_claims(ModelFile(data=write(graph.with_constants({name: shared}))))
    found = next(w for w in claims.weights if w.shape == weight.shape)
    assert (found.distinct, found.clustered) == (8, True)
    assert sum(w.clustered for w in claims.weights) == 1
    assert any("at most 8 different numbers in 1 of" in text for text in claims.techniques)


@pytest.mark.parametrize("kind", ["own", "borrowed", "none"])
def test_bias_scales_are_read_back(kind, rng):
    graph = int8(speech_net(rng), rng)
    assert read_claims(ModelFile(data=write(graph, bias_quantization=kind))).bias_scales == kind
    assert not read_claims(ModelFile(data=write(speech_net(rng)))).bias_scales


def test_fewer_channels_are_seen(rng):
    narrow = fold(build("dscnn", {"width": 5, "blocks": 2}, problem=SPEECH, rng=rng))
    channels = [w.channels for w in read_claims(ModelFile(data=write(narrow))).weights]
    assert channels == [5, 5, 5, 5, 5, 4]


def test_a_claim_does_not_come_from_names(rng):
    graph = speech_net(rng)
    assert read_claims(ModelFile(data=write(graph, keep_names=True))) == read_claims(
        ModelFile(data=write(graph))
    )
