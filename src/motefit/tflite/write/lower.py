"""Lowering of a Graph's operations to TensorFlow Lite operators.

Kernel versions: tensorflow/lite/tools/versioning/op_version.cc. A rule is chosen by the type of
the operation; adding one needs no other change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from types import MappingProxyType

import numpy as np

from motefit.graph.execute.integer_mean import mean_form, same_parameters
from motefit.graph.graph import Graph, Quantization
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
    Quantize,
    Softmax,
    TimePadding,
)
from motefit.graph.ops_signal import (
    Concatenate,
    Function,
    FunctionKind,
    MatMul,
    Multiply,
    Reshape,
    Slice,
)
from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.schema import Operator, Options
from motefit.tflite.flatbuffer.writer import Scalar
from motefit.tflite.write.model_builder import ABSENT, ModelBuilder, OperatorSpec

ACTIVATIONS: dict[ActivationKind, int] = {"none": 0, "relu": 1, "relu6": 3}
PADDINGS: dict[TimePadding, int] = {"same": 0, "valid": 1, "causal": 1}
"""Padding codes; causal padding is done by a preceding PAD."""
TANH = 4
GATES = ("input", "forget", "cell", "output")


@singledispatch
def lower(op: Op, graph: Graph, builder: ModelBuilder) -> None:  # noqa: ARG001
    """Append an operation's tensors and operators to a model.

    Raises:
        ModelFileError: if the operation has no TensorFlow Lite form.
    """
    raise ModelFileError(f"{op.output}: {type(op).__name__} cannot be written to a .tflite file")


@lower.register(Activation)
@lower.register(BatchNorm)
@lower.register(Dropout)
def _unfolded(op: Op, graph: Graph, builder: ModelBuilder) -> None:  # noqa: ARG001
    raise ModelFileError(
        f"{op.output}: {type(op).__name__} belongs to the trained form of a graph; "
        "fold it first (motefit.graph.fold.fold)"
    )


def _is_int8(graph: Graph, name: str) -> bool:
    return name in graph.quantization


def sources(op: Op, graph: Graph, builder: ModelBuilder) -> list[int]:
    """Return the tensors of an operation's inputs; missing constants are added."""
    for name in op.inputs:
        if name in graph.constants and name not in builder.index:
            data = graph.constants[name]
            quantization = graph.quantization.get(name)
            builder.tensor(name, data.shape, data.dtype, quantization=quantization, data=data)
    return [builder.index[name] for name in op.inputs]


def add_activation(name: str, graph: Graph, builder: ModelBuilder) -> int:
    """Append the tensor of an activation, with a batch of one; return its index."""
    quantization = graph.quantization.get(name)
    dtype = np.float32 if quantization is None else np.int8
    return builder.tensor(name, (1, *graph.shapes[name]), dtype, quantization=quantization)


@dataclass(frozen=True, slots=True)
class Kernel:
    """An operator code, its versions for float32 and int8, and its kind of options.

    ``hybrid`` is the version for float activations and int8 weights, per tensor and per channel;
    ``int4`` that for int8 activations and int4 weights.
    """

    code: Operator
    float32: int
    int8: int
    kind: Options = Options.NONE
    hybrid: tuple[int, int] = (0, 0)
    int4: int = 0


CONV = Kernel(Operator.CONV_2D, 1, 3, Options.CONV_2D, (2, 5), 7)
DEPTHWISE = Kernel(Operator.DEPTHWISE_CONV_2D, 1, 3, Options.DEPTHWISE_CONV_2D, (4, 6), 7)
DEPTHWISE_DILATED = replace(DEPTHWISE, float32=2)
DENSE = Kernel(Operator.FULLY_CONNECTED, 1, 4, Options.FULLY_CONNECTED, (3, 12), 10)
AVERAGE_POOL = Kernel(Operator.AVERAGE_POOL_2D, 1, 2, Options.POOL_2D)
MEAN = Kernel(Operator.MEAN, 1, 2, Options.REDUCER)
ADD = Kernel(Operator.ADD, 1, 2, Options.ADD)
SOFTMAX = Kernel(Operator.SOFTMAX, 1, 2, Options.SOFTMAX)
GATHER = Kernel(Operator.GATHER, 1, 2, Options.GATHER)
PAD = Kernel(Operator.PAD, 1, 2)
QUANTIZE = Kernel(Operator.QUANTIZE, 1, 1)
DEQUANTIZE = Kernel(Operator.DEQUANTIZE, 2, 2)
DEQUANTIZE_FLOAT16 = Kernel(Operator.DEQUANTIZE, 3, 3)
DEQUANTIZE_PER_CHANNEL = Kernel(Operator.DEQUANTIZE, 5, 5)
DEQUANTIZE_INT4 = Kernel(Operator.DEQUANTIZE, 6, 6)
LSTM_SEQUENCE = Kernel(
    Operator.UNIDIRECTIONAL_SEQUENCE_LSTM, 1, 1, Options.UNIDIRECTIONAL_SEQUENCE_LSTM, (2, 2)
)


def call(
    op: Op,
    graph: Graph,
    builder: ModelBuilder,
    kernel: Kernel,
    options: Mapping[int, Scalar] = MappingProxyType({}),
    settings: Sequence[Sequence[int]] = (),
) -> None:
    """Append one operator that reads the operation's own inputs.

    Args:
        op: the operation.
        graph: graph that it belongs to.
        builder: builder to append to.
        kernel: operator code and versions.
        options: options of the operator.
        settings: additional inputs after the operation's own, int32 constants.
    """
    inputs = sources(op, graph, builder)
    if isinstance(op, Conv2D | DepthwiseConv2D) and op.padding == "causal":
        inputs[0] = _padded(op, graph, builder)
    for number, value in enumerate(settings):
        data = np.array(value, np.int32)
        inputs.append(builder.tensor(f"{op.output}.{number}", data.shape, np.int32, data=data))
    output = add_activation(op.output, graph, builder)
    builder.calls.append(
        OperatorSpec(
            code=kernel.code,
            version=_version(op, graph, kernel),
            inputs=inputs,
            output=output,
            kind=kernel.kind,
            options=options,
        )
    )


def _version(op: Op, graph: Graph, kernel: Kernel) -> int:
    """Return the kernel's version for the types of the first input and of the weights."""
    weight = graph.quantization.get(op.inputs[1]) if len(op.inputs) > 2 else None
    if _is_int8(graph, op.inputs[0]):
        return kernel.int4 if weight is not None and weight.bits == 4 else kernel.int8
    return kernel.float32 if weight is None else kernel.hybrid[weight.axis is not None]


@lower.register
def _conv(op: Conv2D, graph: Graph, builder: ModelBuilder) -> None:
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("b", ACTIVATIONS[op.activation]),
        4: Scalar("i", op.dilation[1], 1),
        5: Scalar("i", op.dilation[0], 1),
    }
    call(op, graph, builder, CONV, options)


@lower.register
def _depthwise(op: DepthwiseConv2D, graph: Graph, builder: ModelBuilder) -> None:
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("i", 1),
        4: Scalar("b", ACTIVATIONS[op.activation]),
        5: Scalar("i", op.dilation[1], 1),
        6: Scalar("i", op.dilation[0], 1),
    }
    kernel = DEPTHWISE if op.dilation == (1, 1) else DEPTHWISE_DILATED
    call(op, graph, builder, kernel, options)


def _padded(op: Conv2D | DepthwiseConv2D, graph: Graph, builder: ModelBuilder) -> int:
    """Append a PAD of the input if needed; return the resulting tensor."""
    x, weight = (graph.shapes[name] for name in op.inputs[:2])
    pads = op.pads(x, (weight[1], weight[2]))
    if pads == ((0, 0), (0, 0)):
        return builder.index[op.inputs[0]]
    table = np.array([(0, 0), *pads, (0, 0)], np.int32)
    name = f"{op.output}.padded"
    inputs = [
        builder.index[op.inputs[0]],
        builder.tensor(f"{name}.pads", table.shape, np.int32, data=table),
    ]
    size = [n + sum(pad) for n, pad in zip(x, (*pads, (0, 0)), strict=True)]
    quantization = graph.quantization.get(op.inputs[0])
    dtype = np.float32 if quantization is None else np.int8
    output = builder.tensor(name, (1, *size), dtype, quantization=quantization)
    version = PAD.float32 if quantization is None else PAD.int8
    builder.calls.append(OperatorSpec(code=PAD.code, version=version, inputs=inputs, output=output))
    return output


@lower.register
def _dense(op: Dense, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, DENSE, {0: Scalar("b", ACTIVATIONS[op.activation])})


@lower.register
def _average_pool(op: AveragePool2D, graph: Graph, builder: ModelBuilder) -> None:
    if op.padding == "causal":
        raise ModelFileError(f"{op.output}: an average pool is not written with causal padding")
    if not same_parameters(op, graph):
        _mean(op, graph, builder)
        return
    options = {
        0: Scalar("b", PADDINGS[op.padding]),
        1: Scalar("i", op.stride[1]),
        2: Scalar("i", op.stride[0]),
        3: Scalar("i", op.window[1]),
        4: Scalar("i", op.window[0]),
    }
    call(op, graph, builder, AVERAGE_POOL, options)


def _mean(op: AveragePool2D, graph: Graph, builder: ModelBuilder) -> None:
    """Append a MEAN over whole axes, which can change the scale, unlike the kernel of a pool."""
    shape = graph.shapes[op.inputs[0]]
    axes, keep = mean_form(op, graph)
    if any(op.window[axis - 1] != shape[axis - 1] for axis in axes) or op.padding != "valid":
        raise ModelFileError(
            f"{op.output}: an average with its own output scale must be over the whole "
            f"height or width, not over {op.window} of {shape}"
        )
    inputs = [builder.index[op.inputs[0]]]
    data = np.array(axes, np.int32)
    inputs.append(builder.tensor(f"{op.output}.axes", data.shape, np.int32, data=data))
    out = (1, *graph.shapes[op.output]) if keep else (1, shape[2])
    quantization = graph.quantization[op.output]
    builder.calls.append(
        OperatorSpec(
            code=MEAN.code,
            version=MEAN.int8,
            inputs=inputs,
            output=builder.tensor(op.output, out, np.int8, quantization=quantization),
            kind=MEAN.kind,
            options={0: Scalar("?", value=keep)},
        )
    )


@lower.register
def _add(op: Add, graph: Graph, builder: ModelBuilder) -> None:
    options = {0: Scalar("b", ACTIVATIONS[op.activation])}
    call(op, graph, builder, ADD, options)


@lower.register
def _softmax(op: Softmax, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, SOFTMAX, {0: Scalar("f", 1.0)})


@lower.register
def _quantize(op: Quantize, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, QUANTIZE)


@lower.register
def _dequantize(op: Dequantize, graph: Graph, builder: ModelBuilder) -> None:
    name = op.inputs[0]
    if name not in graph.constants:
        call(op, graph, builder, DEQUANTIZE)
    elif any(isinstance(reader, LSTM) for reader in graph.consumers(op.output)):
        for gate, source in enumerate(_gates(name, graph, builder)):
            shape = graph.shapes[name][1:]
            output = builder.tensor(f"{op.output}.{GATES[gate]}", shape, np.float32)
            builder.calls.append(_widen(source, output, _widening(name, graph, by_gate=True)))
    else:
        source = sources(op, graph, builder)[0]
        output = builder.tensor(op.output, graph.shapes[name], np.float32)
        builder.calls.append(_widen(source, output, _widening(name, graph)))


def _widening(name: str, graph: Graph, *, by_gate: bool = False) -> Kernel:
    """Choose the DEQUANTIZE of a constant: float16, or integers with one scale or several."""
    quantization = graph.quantization.get(name)
    if quantization is None:
        return DEQUANTIZE_FLOAT16
    if quantization.bits == 4:
        return DEQUANTIZE_INT4
    return DEQUANTIZE if by_gate or quantization.axis is None else DEQUANTIZE_PER_CHANNEL


def _widen(source: int, output: int, kernel: Kernel) -> OperatorSpec:
    return OperatorSpec(code=kernel.code, version=kernel.int8, inputs=[source], output=output)


@lower.register
def _last_step(op: LastStep, graph: Graph, builder: ModelBuilder) -> None:
    """Append a GATHER with one index: one constant of 4 bytes; STRIDED_SLICE would need three."""
    source = builder.index[op.inputs[0]]
    last = np.array(graph.shapes[op.inputs[0]][0] - 1, np.int32)
    inputs = [source, builder.tensor(f"{op.output}.step", (), np.int32, data=last)]
    output = add_activation(op.output, graph, builder)
    builder.calls.append(
        OperatorSpec(
            code=GATHER.code,
            version=GATHER.int8 if _is_int8(graph, op.output) else GATHER.float32,
            inputs=inputs,
            output=output,
            kind=GATHER.kind,
            options={0: Scalar("i", 1)},
        )
    )


def _gates(name: str, graph: Graph, builder: ModelBuilder) -> list[int]:
    """Return the tensors of the four gates of an LSTM's weight or bias (4, ...)."""
    if f"{name}.{GATES[0]}" in builder.index:
        return [builder.index[f"{name}.{gate}"] for gate in GATES]
    quantization = graph.quantization.get(name)
    indices = []
    for i, gate in enumerate(GATES):
        part = graph.constants[name][i]
        own = None
        if quantization is not None:
            scale = quantization.scale[i if quantization.axis == 0 else 0]
            own = Quantization(scale=np.array([scale]), bits=quantization.bits)
        index = builder.tensor(
            f"{name}.{gate}", part.shape, part.dtype, quantization=own, data=part
        )
        indices.append(index)
    return indices


@lower.register
def _lstm(op: LSTM, graph: Graph, builder: ModelBuilder) -> None:
    weights, recurrents, biases = (_gates(name, graph, builder) for name in op.inputs[1:])
    units = graph.shapes[op.output][1]
    int8 = _is_int8(graph, op.output)
    hidden = builder.tensor(
        f"{op.output}.state",
        (1, units),
        np.int8 if int8 else np.float32,
        quantization=graph.quantization.get(op.output),
        variable=True,
    )
    cell = builder.tensor(
        f"{op.output}.cell",
        (1, units),
        np.int16 if int8 else np.float32,
        quantization=graph.quantization.get(f"{op.output}.cell"),
        variable=True,
    )
    output = add_activation(op.output, graph, builder)
    no_peephole, no_projection, no_norm = [ABSENT] * 3, [ABSENT] * 2, [ABSENT] * 4
    inputs = [builder.index[op.inputs[0]], *weights, *recurrents, *no_peephole, *biases]
    inputs += [*no_projection, hidden, cell, *no_norm]
    builder.calls.append(
        OperatorSpec(
            code=LSTM_SEQUENCE.code,
            version=_version(op, graph, LSTM_SEQUENCE),
            inputs=inputs,
            output=output,
            kind=LSTM_SEQUENCE.kind,
            options={0: Scalar("b", TANH)},
            intermediates=_inner_scales(op, graph, builder) if int8 else (),
        )
    )


def _inner_scales(op: LSTM, graph: Graph, builder: ModelBuilder) -> list[int]:
    """Return five empty tensors whose scales an integer LSTM may need.

    Without layer norm and projection only the last one, the hidden state's, is used, so one
    tensor serves for all five. TensorFlow Lite Micro refuses tensors with elements.
    """
    name = f"{op.output}.hidden"
    quantization = graph.quantization.get(name, graph.quantization[op.output])
    return [builder.tensor(name, (0,), np.int8, quantization=quantization)] * 5


CONCATENATION = Kernel(Operator.CONCATENATION, 1, 2, Options.CONCATENATION)
MATMUL = Kernel(Operator.BATCH_MATMUL, 1, 1)
MUL = Kernel(Operator.MUL, 1, 2)
RESHAPE = Kernel(Operator.RESHAPE, 1, 1)
SLICE = Kernel(Operator.SLICE, 1, 2)
FUNCTIONS: dict[FunctionKind, Kernel] = {
    "square-root": Kernel(Operator.SQRT, 1, 1),
    "logarithm": Kernel(Operator.LOG, 1, 1),
}


@lower.register
def _reshape(op: Reshape, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, RESHAPE, settings=[(1, *op.shape)])


@lower.register
def _slice(op: Slice, graph: Graph, builder: ModelBuilder) -> None:
    size = (1, *graph.shapes[op.output])
    begin = [0] * len(size)
    begin[op.axis + 1] = op.start
    call(op, graph, builder, SLICE, settings=[begin, size])


@lower.register
def _concatenate(op: Concatenate, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, CONCATENATION, {0: Scalar("i", op.axis + 1)})


@lower.register
def _multiply(op: Multiply, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, MUL)


@lower.register
def _matmul(op: MatMul, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, MATMUL)


@lower.register
def _function(op: Function, graph: Graph, builder: ModelBuilder) -> None:
    call(op, graph, builder, FUNCTIONS[op.kind])
