"""Writing of a Graph as the smallest valid .tflite file, without names, metadata or end padding."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import LSTM
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.writer import assemble
from motefit.tflite.write.lower import add_activation, lower
from motefit.tflite.write.model_builder import ModelBuilder

MAX_BYTES = 2**31 - 1
BiasQuantization = Literal["own", "borrowed", "none"]


def write(
    graph: Graph,
    *,
    keep_names: bool = False,
    metadata: Mapping[str, bytes] | None = None,
    bias_quantization: BiasQuantization = "own",
) -> bytes:
    """Write a graph in shipped float, int8 or int8-weights form.

    Args:
        graph: folded graph with one input, one output, and its states after them; a batch of one.
        keep_names: whether to write the names of tensors, for people who inspect the file.
        metadata: bytes by name, for files that must describe themselves.
        bias_quantization: how the file states the scales of int32 biases; the integers are
            the same. ``"own"``: input scale x weight scale, as in the specification.
            ``"borrowed"``: biases of per-channel weights refer to the weights' scales, for a tenth
            smaller file; LiteRT, XNNPACK and TensorFlow Lite Micro ignore the values and
            compute the same, but a tool that converts biases to reals is misled. ``"none"``: no
            scales; builtin kernels run, but XNNPACK does not take over such operators.

    Returns:
        The bytes of the file; equal for equal arguments.

    Raises:
        ModelFileError: if the graph is not folded, an operation has no TensorFlow Lite
            form, a constant is not finite, or the file has 2 GiB or more.
    """
    if bias_quantization != "own":
        graph = _with_biases(graph, borrow=bias_quantization == "borrowed")
    builder = ModelBuilder(keep_names=keep_names)
    inputs = [INPUT, *(state.name for state in graph.states)]
    for name in inputs:
        add_activation(name, graph, builder)
    for op in graph.ops:
        lower(op, graph, builder)
    size = sum(array.nbytes for array in graph.constants.values())
    if size > MAX_BYTES:
        raise ModelFileError(f"constants of {size} bytes do not fit a .tflite file (2 GiB)")
    outputs = [graph.output, *(state.after for state in graph.states)]
    root = builder.model(inputs, outputs, metadata or {})
    return assemble(root, schema.IDENTIFIER)


def _with_biases(graph: Graph, *, borrow: bool) -> Graph:
    """Change the scales of a graph's int32 biases, except per-tensor ones, which kernels check."""
    kept = dict(graph.quantization)
    for op in graph.ops:
        if isinstance(op, LSTM) or len(op.inputs) != 3 or op.inputs[2] not in kept:
            continue
        weight = graph.quantization[op.inputs[1]]
        if not borrow:
            del kept[op.inputs[2]]
        elif weight.axis is not None:
            kept[op.inputs[2]] = replace(weight, axis=0, bits=8)
    return replace(graph, quantization=kept)
