"""Small networks of every family in every form, and LiteRT to run their files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from motefit.graph.families import FAMILIES, Problem, build
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range, halve_weights, quantize_weights

SPEECH = Problem(input_shape=(25, 10), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=12, naive=(10, 11) * 6)
SMALL: dict[str, dict[str, Any]] = {
    "bcresnet": {
        "channels": (4, 6),
        "blocks": (2, 1),
        "first_stride": (1, 1),
        "frequency_strides": (1, 2),
        "bands": 5,
        "published_head": True,
        "softmax": True,
    },
    "cnn": {"filters": (6, 5), "pointwise_depthwise": True, "softmax": True},
    "conv1d": {"filters": (5,), "units": (7,)},
    "dscnn": {"width": 8, "blocks": 2, "first_stride": (2, 1)},
    "linear": {},
    "lstm": {"units": 5, "layers": 2},
    "mlp": {"units": (4,)},
    "residual-mlp": {"units": 4},
    "tcnet": {"width": 8, "blocks": 2, "dilations": (1, 2)},
}
"""Knobs of a small network of every family."""

FLOAT_FORMS: dict[str, Callable[[Graph], Graph]] = {
    "weights": partial(quantize_weights, min_size=1),
    "weights-tensor": partial(quantize_weights, min_size=1, per_channel=False),
    "weights4": partial(quantize_weights, min_size=1, bits=4),
    "weights4-tensor": partial(quantize_weights, min_size=1, bits=4, per_channel=False),
    "float16": partial(halve_weights, min_size=1),
    "dynamic": partial(dynamic_range, min_size=1),
    "dynamic-tensor": partial(dynamic_range, min_size=1, per_channel=False),
}
"""Forms whose activations stay float32."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A graph in one form with examples in its input's dtype."""

    graph: Graph
    examples: np.ndarray


def lively(graph: Graph, rng: np.random.Generator) -> Graph:
    """Set statistics and biases like those of a trained graph, not all zero or one."""
    constants = {}
    for name, array in graph.constants.items():
        value = array
        if name.endswith("variance"):
            value = rng.uniform(0.7, 1.5, array.shape)
        elif np.ptp(array) == 0 or name.endswith(".bias"):
            value = array + rng.normal(0, 0.3, array.shape)
        constants[name] = value.astype(np.float32)
    return graph.with_constants(constants)


@cache
def make(family: str, form: str) -> Case:
    rng = np.random.default_rng(7)
    problem = SPEECH if "keyword-spotting" in FAMILIES.all()[family].tasks else SERIES
    if family == "mlp":
        problem = SERIES
    trained = build(family, SMALL[family], problem=problem, rng=rng)
    graph = fold(lively(trained, rng))
    examples = rng.normal(0, 1, (12, *graph.input_shape)).astype(np.float32)
    if form == "float32":
        return Case(graph=graph, examples=examples)
    if form in FLOAT_FORMS:
        return Case(graph=FLOAT_FORMS[form](graph), examples=examples)
    io = "float32" if form == "int8-float-edges" else "int8"
    shipped = quantize(
        graph,
        calibrate(graph, examples),
        io=io,
        per_channel=not form.endswith("tensor"),
        weight_bits=4 if form.startswith("int4") else 8,
    )
    if io == "int8":
        edge = shipped.quantization["input"]
        steps = np.round(examples / edge.scale[0]) + edge.zero_point
        examples = np.clip(steps, -128, 127).astype(np.int8)
    return Case(graph=shipped, examples=examples)


def run_litert(model: bytes, examples: np.ndarray, *, xnnpack: bool) -> np.ndarray:
    options = {}
    if not xnnpack:
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        options["experimental_op_resolver_type"] = plain
    interpreter = Interpreter(model_content=model, num_threads=1, **options)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for example in examples:
        interpreter.reset_all_variables()
        interpreter.set_tensor(source["index"], example[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"])[0])
    return np.stack(outputs)
