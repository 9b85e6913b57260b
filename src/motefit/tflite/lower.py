"""From each operation of a Graph to TensorFlow Lite operators.

Kernel versions: tensorflow/lite/tools/versioning/op_version.cc. A rule is chosen by the type of
the operation; adding one edits nothing else.
"""

from functools import singledispatch

import numpy as np

from motefit.graph.graph import Graph, Quantisation
from motefit.graph.ops import (
    LSTM,
    Activation,
    ActivationKind,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Dropout,
    LastStep,
    Op,
    Padding,
    Quantize,
    Softmax,
)
from motefit.spec.errors import ModelFileError
from motefit.tflite.draft import ABSENT, Call, Draft
from motefit.tflite.flatbuffer import Scalar
from motefit.tflite.schema import Operator, Options

ACTIVATIONS: dict[ActivationKind, int] = {"none": 0, "relu": 1, "relu6": 3}
PADDINGS: dict[Padding, int] = {"same": 0, "valid": 1}
TANH = 4
GATES = ("input", "forget", "cell", "output")


@singledispatch
def lower(op: Op, graph: Graph, draft: Draft) -> None:  # noqa: ARG001
    """Append an operation's tensors and operators to a draft.

    Raises:
        ModelFileError: for an operation that has no TensorFlow Lite form.
    """
    raise ModelFileError(f"{op.output}: {type(op).__name__} cannot be written to a .tflite file")


@lower.register(Activation)
@lower.register(BatchNorm)
@lower.register(Dropout)
def _unfolded(op: Op, graph: Graph, draft: Draft) -> None:  # noqa: ARG001
    raise ModelFileError(
        f"{op.output}: {type(op).__name__} belongs to the trained form of a graph; "
        "fold it first (motefit.graph.transform.fold)"
    )


def _is_int8(graph: Graph, name: str) -> bool:
    return name in graph.quantisation


def _sources(op: Op, graph: Graph, draft: Draft) -> list[int]:
    for name in op.inputs:
        if name in graph.constants and name not in draft.index:
            data = graph.constants[name]
            quantisation = graph.quantisation.get(name)
            draft.tensor(name, data.shape, data.dtype, quantisation=quantisation, data=data)
    return [draft.index[name] for name in op.inputs]


def add_activation(name: str, graph: Graph, draft: Draft) -> int:
    """Append the tensor of an activation, with a batch of one; returns its index."""
    quantisation = graph.quantisation.get(name)
    dtype = np.float32 if quantisation is None else np.int8
    return draft.tensor(name, (1, *graph.shapes[name]), dtype, quantisation=quantisation)


def _call(
    op: Op,
    graph: Graph,
    draft: Draft,
    *,
    code: Operator,
    versions: tuple[int, int] = (1, 1),
    kind: Options = Options.NONE,
    options: dict[int, Scalar] | None = None,
) -> None:
    """Append one operator with the operation's own inputs; versions are (float32, int8)."""
    inputs = _sources(op, graph, draft)
    output = add_activation(op.output, graph, draft)
    version = versions[_is_int8(graph, op.inputs[0])]
    draft.calls.append(
        Call(
            code=code,
            version=version,
            inputs=inputs,
            output=output,
            kind=kind,
            options=options or {},
        )
    )


@lower.register
def _conv(op: Conv2D, graph: Graph, draft: Draft) -> None:
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("b", ACTIVATIONS[op.activation]),
        4: Scalar("i", op.dilation[1], 1),
        5: Scalar("i", op.dilation[0], 1),
    }
    _call(
        op,
        graph,
        draft,
        code=Operator.CONV_2D,
        versions=(1, 3),
        kind=Options.CONV_2D,
        options=options,
    )


@lower.register
def _depthwise(op: DepthwiseConv2D, graph: Graph, draft: Draft) -> None:
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("i", 1),
        4: Scalar("b", ACTIVATIONS[op.activation]),
        5: Scalar("i", op.dilation[1], 1),
        6: Scalar("i", op.dilation[0], 1),
    }
    _call(
        op,
        graph,
        draft,
        code=Operator.DEPTHWISE_CONV_2D,
        versions=(1 if op.dilation == (1, 1) else 2, 3),
        kind=Options.DEPTHWISE_CONV_2D,
        options=options,
    )


@lower.register
def _dense(op: Dense, graph: Graph, draft: Draft) -> None:
    _call(
        op,
        graph,
        draft,
        code=Operator.FULLY_CONNECTED,
        versions=(1, 4),
        kind=Options.FULLY_CONNECTED,
        options={0: Scalar("b", ACTIVATIONS[op.activation])},
    )


@lower.register
def _average_pool(op: AveragePool2D, graph: Graph, draft: Draft) -> None:
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("i", op.window[1]),
        4: Scalar("i", op.window[0]),
    }
    _call(
        op,
        graph,
        draft,
        code=Operator.AVERAGE_POOL_2D,
        versions=(1, 2),
        kind=Options.POOL_2D,
        options=options,
    )


@lower.register
def _add(op: Add, graph: Graph, draft: Draft) -> None:
    options = {0: Scalar("b", ACTIVATIONS[op.activation])}
    _call(
        op,
        graph,
        draft,
        code=Operator.ADD,
        versions=(1, 2),
        kind=Options.ADD,
        options=options,
    )


@lower.register
def _softmax(op: Softmax, graph: Graph, draft: Draft) -> None:
    _call(
        op,
        graph,
        draft,
        code=Operator.SOFTMAX,
        versions=(1, 2),
        kind=Options.SOFTMAX,
        options={0: Scalar("f", 1.0)},
    )


@lower.register
def _quantize(op: Quantize, graph: Graph, draft: Draft) -> None:
    _call(op, graph, draft, code=Operator.QUANTIZE)


@lower.register
def _dequantize(op: Dequantize, graph: Graph, draft: Draft) -> None:
    name = op.inputs[0]
    if name not in graph.constants:
        _call(op, graph, draft, code=Operator.DEQUANTIZE, versions=(2, 2))
    elif any(isinstance(reader, LSTM) for reader in graph.consumers(op.output)):
        for gate, source in enumerate(_gates(name, graph, draft)):
            shape = graph.shapes[name][1:]
            output = draft.tensor(f"{op.output}.{GATES[gate]}", shape, np.float32)
            draft.calls.append(_widen(source, output, version=2))
    else:
        source = _sources(op, graph, draft)[0]
        output = draft.tensor(op.output, graph.shapes[name], np.float32)
        per_channel = graph.quantisation[name].axis is not None
        draft.calls.append(_widen(source, output, version=5 if per_channel else 2))


def _widen(source: int, output: int, *, version: int) -> Call:
    return Call(code=Operator.DEQUANTIZE, version=version, inputs=[source], output=output)


@lower.register
def _last_step(op: LastStep, graph: Graph, draft: Draft) -> None:
    """GATHER with one index: a constant of 4 bytes where STRIDED_SLICE would need three."""
    source = draft.index[op.inputs[0]]
    last = np.array(graph.shapes[op.inputs[0]][0] - 1, np.int32)
    inputs = [source, draft.tensor(f"{op.output}.step", (), np.int32, data=last)]
    output = add_activation(op.output, graph, draft)
    draft.calls.append(
        Call(
            code=Operator.GATHER,
            version=2 if _is_int8(graph, op.output) else 1,
            inputs=inputs,
            output=output,
            kind=Options.GATHER,
            options={0: Scalar("i", 1)},
        )
    )


def _gates(name: str, graph: Graph, draft: Draft) -> list[int]:
    """Tensors of the four gates of an LSTM's weight or bias (4, ...)."""
    if f"{name}.{GATES[0]}" in draft.index:
        return [draft.index[f"{name}.{gate}"] for gate in GATES]
    quantisation = graph.quantisation.get(name)
    indices = []
    for i, gate in enumerate(GATES):
        part = graph.constants[name][i]
        own = None
        if quantisation is not None:
            scale = quantisation.scale[i if quantisation.axis == 0 else 0]
            own = Quantisation(scale=np.array([scale]))
        indices.append(draft.tensor(f"{name}.{gate}", part.shape, part.dtype, quantisation=own, data=part))
    return indices


@lower.register
def _lstm(op: LSTM, graph: Graph, draft: Draft) -> None:
    weights, recurrents, biases = (_gates(name, graph, draft) for name in op.inputs[1:])
    units = graph.shapes[op.output][1]
    int8 = _is_int8(graph, op.output)
    hidden = draft.tensor(
        f"{op.output}.state",
        (1, units),
        np.int8 if int8 else np.float32,
        quantisation=graph.quantisation.get(op.output),
        variable=True,
    )
    cell = draft.tensor(
        f"{op.output}.cell",
        (1, units),
        np.int16 if int8 else np.float32,
        quantisation=graph.quantisation.get(f"{op.output}.cell"),
        variable=True,
    )
    output = add_activation(op.output, graph, draft)
    no_peephole, no_projection, no_norm = [ABSENT] * 3, [ABSENT] * 2, [ABSENT] * 4
    inputs = [draft.index[op.inputs[0]], *weights, *recurrents, *no_peephole, *biases]
    inputs += [*no_projection, hidden, cell, *no_norm]
    draft.calls.append(
        Call(
            code=Operator.UNIDIRECTIONAL_SEQUENCE_LSTM,
            version=1,
            inputs=inputs,
            output=output,
            kind=Options.UNIDIRECTIONAL_SEQUENCE_LSTM,
            options={0: Scalar("b", TANH)},
            intermediates=_inner_scales(op, graph, draft) if int8 else (),
        )
    )


def _inner_scales(op: LSTM, graph: Graph, draft: Draft) -> list[int]:
    """Five tensors of no element whose scales an integer LSTM may ask for.

    Without layer norm and projection only the last one, the hidden state's, is looked at, so one
    tensor stands for all five. TensorFlow Lite Micro refuses any with elements.
    """
    name = f"{op.output}.hidden"
    quantisation = graph.quantisation.get(name, graph.quantisation[op.output])
    return [draft.tensor(name, (0,), np.int8, quantisation=quantisation)] * 5
