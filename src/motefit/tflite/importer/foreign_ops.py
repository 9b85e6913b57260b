"""Rules for operators that only other programs write: maximum pools, LEAKY_RELU, LOGISTIC."""

from motefit.graph.ops_foreign import LeakyRelu, Logistic, MaxPool2D
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
