"""Models that are no single example in and out, made with LiteRT's own bindings."""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as official
from model_edits import packed

Operators = official.BuiltinOperator
Types = official.TensorType
CODES = {
    np.dtype(np.float32): Types.FLOAT32,
    np.dtype(np.int8): Types.INT8,
    np.dtype(np.int16): Types.INT16,
    np.dtype(np.int32): Types.INT32,
}


class ModelMaker:
    """Tables of a model that grow."""

    def __init__(self) -> None:
        self.model = official.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.subgraphs = [], []
        self.model.buffers = [official.BufferT()]
        self.graph()

    def graph(self) -> official.SubGraphT:
        """Begin a subgraph."""
        graph = official.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        self.model.subgraphs.append(graph)
        return graph

    def tensor(
        self,
        shape: Sequence[int],
        kind: int = Types.FLOAT32,
        *,
        data: np.ndarray | None = None,
        scale: float = 0.0,
        variable: bool = False,
    ) -> int:
        """Add a tensor to the latest subgraph, and return its index."""
        made = official.TensorT()
        made.shape, made.type, made.isVariable, made.buffer = list(shape), kind, variable, 0
        made.name = f"t{len(self.model.subgraphs[-1].tensors)}".encode()
        if data is not None:
            buffer = official.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        if scale:
            made.quantization = official.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [0]
        self.model.subgraphs[-1].tensors.append(made)
        return len(self.model.subgraphs[-1].tensors) - 1

    def constant(self, values: np.ndarray) -> int:
        """Add a constant."""
        return self.tensor(values.shape, CODES[values.dtype], data=values)

    def operator(
        self, code: int, inputs: Sequence[int], outputs: Sequence[int], options: object = None
    ) -> None:
        """Add an operator to the latest subgraph."""
        made = official.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 1
        self.model.operatorCodes.append(made)
        op = official.OperatorT()
        op.opcodeIndex = len(self.model.operatorCodes) - 1
        op.inputs, op.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(official.BuiltinOptions, name)
            op.builtinOptions = options
        self.model.subgraphs[-1].operators.append(op)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the file; inputs and outputs are those of the first subgraph."""
        self.model.subgraphs[0].inputs = list(inputs)
        self.model.subgraphs[0].outputs = list(outputs)
        return packed(self.model)


def two_inputs() -> bytes:
    """Rows of a table that indices choose: an integer and a real input, batches of three."""
    make = ModelMaker()
    table, rows = make.tensor([3, 4]), make.tensor([3], Types.INT32)
    out = make.tensor([3, 4])
    make.operator(Operators.GATHER, [table, rows], [out], official.GatherOptionsT())
    return make.finish([table, rows], [out])


def sixteen_bits() -> bytes:
    """A logistic function of 16-bit numbers."""
    make = ModelMaker()
    given = make.tensor([1, 8], Types.INT16, scale=1 / 4096)
    out = make.tensor([1, 8], Types.INT16, scale=1 / 32768)
    make.operator(Operators.LOGISTIC, [given], [out])
    return make.finish([given], [out])


def stateful(features: int = 10, frames: int = 1) -> bytes:
    """A layer with memory (SVDF), which takes one frame at a time."""
    make, rng = ModelMaker(), np.random.default_rng(0)
    given = make.tensor([1, frames, features])
    flat, shape = make.tensor([1, frames * features]), np.array([1, frames * features], np.int32)
    by_feature = make.constant(rng.normal(size=(6, frames * features)).astype(np.float32))
    by_time = make.constant(rng.normal(size=(6, 4)).astype(np.float32))
    state, out = make.tensor([1, 24], variable=True), make.tensor([1, 3])
    make.operator(Operators.RESHAPE, [given, make.constant(shape)], [flat])
    options = official.SVDFOptionsT()
    options.rank = 2
    make.operator(Operators.SVDF, [flat, by_feature, by_time, -1, state], [out], options)
    return make.finish([given], [out])


def counting() -> bytes:
    """A sum of all inputs so far in a resource variable, as wake-word models keep their past."""
    make = ModelMaker()
    given, handle = make.tensor([1, 4]), make.tensor([1], Types.RESOURCE)
    before, after = make.tensor([1, 4]), make.tensor([1, 4])
    once, name = official.CallOnceOptionsT(), official.VarHandleOptionsT()
    once.initSubgraphIndex, name.container, name.sharedName = 1, b"", b"sum"
    make.operator(Operators.CALL_ONCE, [], [], once)
    make.operator(Operators.VAR_HANDLE, [], [handle], name)
    make.operator(Operators.READ_VARIABLE, [handle], [before])
    make.operator(Operators.ADD, [before, given], [after], official.AddOptionsT())
    make.operator(Operators.ASSIGN_VARIABLE, [handle, after], [])
    make.graph()
    handle = make.tensor([1], Types.RESOURCE)
    zero = make.constant(np.zeros((1, 4), np.float32))
    make.operator(Operators.VAR_HANDLE, [], [handle], name)
    make.operator(Operators.ASSIGN_VARIABLE, [handle, zero], [])
    return make.finish([given], [after])


def unknown_type() -> bytes:
    """A conversion from a type of numbers that numpy lacks."""
    make = ModelMaker()
    given, out = make.tensor([4], Types.BFLOAT16), make.tensor([4])
    make.operator(Operators.CAST, [given], [out], official.CastOptionsT())
    return make.finish([given], [out])


def endless() -> bytes:
    """A loop whose condition is always met."""
    make = ModelMaker()
    given, out = make.tensor([1], Types.INT32), make.tensor([1], Types.INT32)
    loop = official.WhileOptionsT()
    loop.condSubgraphIndex, loop.bodySubgraphIndex = 1, 2
    make.operator(Operators.WHILE, [given], [out], loop)
    for code, kind, options in (
        (Operators.EQUAL, Types.BOOL, None),
        (Operators.ADD, Types.INT32, official.AddOptionsT()),
    ):
        graph = make.graph()
        before, after = make.tensor([1], Types.INT32), make.tensor([1], kind)
        make.operator(code, [before, before], [after], options)
        graph.inputs, graph.outputs = [before], [after]
    return make.finish([given], [out])


def endless_below(limit: float, shape: Sequence[int], outputs: int) -> bytes:
    """A dense layer after a loop that ends at once unless all inputs are below a negative limit."""
    make, count = ModelMaker(), int(np.prod(shape))
    given, same = make.tensor([1, *shape]), make.tensor([1, *shape])
    out = make.tensor([1, outputs])
    loop = official.WhileOptionsT()
    loop.condSubgraphIndex, loop.bodySubgraphIndex = 1, 2
    make.operator(Operators.WHILE, [given], [same], loop)
    weights = make.constant(np.full((outputs, count), 0.1, np.float32))
    make.operator(
        Operators.FULLY_CONNECTED, [same, weights, -1], [out], official.FullyConnectedOptionsT()
    )
    condition = make.graph()
    before, most, is_below = make.tensor([1, *shape]), make.tensor([]), make.tensor([], Types.BOOL)
    axes = make.constant(np.arange(len(shape) + 1, dtype=np.int32))
    make.operator(Operators.REDUCE_MAX, [before, axes], [most], official.ReducerOptionsT())
    make.operator(Operators.LESS, [most, make.constant(np.array(limit, np.float32))], [is_below])
    condition.inputs, condition.outputs = [before], [is_below]
    body = make.graph()
    before, after = make.tensor([1, *shape]), make.tensor([1, *shape])
    make.operator(Operators.ADD, [before, before], [after], official.AddOptionsT())
    body.inputs, body.outputs = [before], [after]
    return make.finish([given], [out])
