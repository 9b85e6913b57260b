"""Rules for operators that only other programs write: maximum pools, LEAKY_RELU, LOGISTIC, SVDF."""

from motefit.graph.ops_foreign import STATE, SVDF, LeakyRelu, Logistic, MaxPool2D
from motefit.tflite.content import FileOp
from motefit.tflite.importer.layers import padding, positive
from motefit.tflite.importer.state import ImportState, equal, imports


@imports("MAX_POOL_2D")
def _max_pool(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    state.image(op, op.inputs[0])
    if not equal(*(state.tensor(i).quantization for i in (op.inputs[0], op.outputs[0]))):
        raise op.refuse("its output has other scales than its input")
    activation = state.fused(op, 5)
    made = MaxPool2D(
        inputs=(source,),
        output=state.activation(op, "pool"),
        window=positive(op, (op.option(4), op.option(3))),
        stride=positive(op, (op.option(2), op.option(1))),
        padding=padding(op),
        activation=activation,
    )
    state.add(op, made)


@imports("LEAKY_RELU")
def _leaky_relu(state: ImportState, op: FileOp) -> None:
    source, alpha = state.source(op), float(op.options.get(0, 0.0))
    if not 0.0 <= alpha < float("inf"):
        raise op.refuse(f"its alpha is {alpha}")
    name = state.activation(op, "leaky")
    state.add(op, LeakyRelu(inputs=(source,), output=name, alpha=alpha))


@imports("LOGISTIC")
def _logistic(state: ImportState, op: FileOp) -> None:
    source = state.source(op)
    state.add(op, Logistic(inputs=(source,), output=state.activation(op, "logistic")))


@imports("SVDF")
def _svdf(state: ImportState, op: FileOp) -> None:
    """Read a float layer, or an int8 one whose memory and weight over time are int16."""
    inputs, whole = [state.source(op)], state.is_int8(op.inputs[0])
    memory = state.tensor(op.inputs[4])
    if memory.dtype != ("int16" if whole else "float32") or not memory.variable:
        raise op.refuse(f"its memory is {memory.dtype}; only float32, and int16 with int8 inputs")
    activation = state.fused(op, 1)
    if whole and activation != "relu":  # which it leaves to the output's zero point
        raise op.refuse("LiteRT computes it in int8 with a RELU only")
    name = state.activation(op, "svdf")
    for position, wanted in ((1, "weight"), (2, "time")):
        inputs.append(_svdf_weight(state, op, position, f"{name}.{wanted}", whole=whole))
    if op.inputs[3] >= 0:
        inputs.append(state.constant(op, 3, f"{name}.bias"))
    if whole:
        if memory.quantization is None or len(memory.quantization.scale) != 1:
            raise op.refuse("its memory needs one scale")
        state.quantization[f"{name}{STATE}"] = memory.quantization
    made = SVDF(inputs=tuple(inputs), output=name, rank=op.option(0), activation=activation)
    state.add(op, made)


def _svdf_weight(state: ImportState, op: FileOp, position: int, wanted: str, *, whole: bool) -> str:
    """Hold a weight: float32, int8 over the input, or int16 over time."""
    data, tensor = state.value(op, position), state.tensor(op.inputs[position])
    dtype = ("int8", "int16")[position - 1] if whole else "float32"
    if tensor.dtype != dtype:
        raise op.refuse(f"its weight {position} is {tensor.dtype}, not {dtype}")
    known = tensor.quantization
    if whole and (known is None or len(known.scale) != 1 or known.zero_point):
        raise op.refuse(f"its weight {position} needs one scale, and 0 as its zero point")
    name = state.fresh(tensor.name, wanted)
    state.constants[name] = data
    if known is not None and whole:
        state.quantization[name] = known
    return name
