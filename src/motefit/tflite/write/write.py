"""Graph -> .tflite: the smallest valid file, without names, metadata or padding at its end."""

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
        graph: folded; one input, one output, and its states behind them; a batch of one.
        keep_names: write the names of tensors, for people who look at the file.
        metadata: bytes by name, for files that must describe themselves.
        bias_quantization: what the file says about the scales of int32 biases; the integers are
            the same. ``"own"``: input scale x weight scale, as the specification has it.
            ``"borrowed"``: biases of per-channel weights point at the weights' scales, a tenth
            smaller file; LiteRT, XNNPACK and TensorFlow Lite Micro do not look at the values and
            compute the same, but a tool that turns biases into reals is misled. ``"none"``: no
            scales; builtin kernels run, XNNPACK does not take such operators over.

    Returns:
        The bytes of the file; equal for equal arguments.

    Raises:
        ModelFileError: for a graph that is not folded, an operation without a TensorFlow Lite
            form, a constant that is not finite, or a file of 2 GiB and more.
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
    """The graph with other scales of its int32 biases; per tensor, kernels check them."""
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
