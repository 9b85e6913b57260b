"""The operations of a front end inside the model as TensorFlow Lite operators.

Float32, but for those that move the columns of a streaming form.
"""

from motefit.graph.graph import Graph
from motefit.graph.ops_signal import (
    Concatenate,
    Function,
    FunctionKind,
    MatMul,
    Multiply,
    Reshape,
    Slice,
)
from motefit.tflite.draft import Draft
from motefit.tflite.flatbuffer import Scalar
from motefit.tflite.lower import Kernel, call, lower
from motefit.tflite.schema import Operator, Options

CONCATENATION = Kernel(Operator.CONCATENATION, 1, 2, Options.CONCATENATION)
MATMUL = Kernel(Operator.BATCH_MATMUL, 1, 1)
MUL = Kernel(Operator.MUL, 1, 1)
RESHAPE = Kernel(Operator.RESHAPE, 1, 1)
SLICE = Kernel(Operator.SLICE, 1, 2)
FUNCTIONS: dict[FunctionKind, Kernel] = {
    "square-root": Kernel(Operator.SQRT, 1, 1),
    "logarithm": Kernel(Operator.LOG, 1, 1),
}


@lower.register
def _reshape(op: Reshape, graph: Graph, draft: Draft) -> None:
    call(op, graph, draft, RESHAPE, settings=[(1, *op.shape)])


@lower.register
def _slice(op: Slice, graph: Graph, draft: Draft) -> None:
    size = (1, *graph.shapes[op.output])
    begin = [0] * len(size)
    begin[op.axis + 1] = op.start
    call(op, graph, draft, SLICE, settings=[begin, size])


@lower.register
def _concatenate(op: Concatenate, graph: Graph, draft: Draft) -> None:
    call(op, graph, draft, CONCATENATION, {0: Scalar("i", op.axis + 1)})


@lower.register
def _multiply(op: Multiply, graph: Graph, draft: Draft) -> None:
    call(op, graph, draft, MUL)


@lower.register
def _matmul(op: MatMul, graph: Graph, draft: Draft) -> None:
    call(op, graph, draft, MATMUL)


@lower.register
def _function(op: Function, graph: Graph, draft: Draft) -> None:
    call(op, graph, draft, FUNCTIONS[op.kind])
