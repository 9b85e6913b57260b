"""Changes to the bytes of a model through LiteRT's own bindings, as other programs make them."""

from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as official


def unpacked(data: bytes) -> official.ModelT:
    """A file as objects."""
    return official.ModelT.InitFromObj(official.Model.GetRootAs(bytearray(data)))


def packed(model: official.ModelT) -> bytes:
    """A file of objects, laid out as converters do it."""
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def rewritten(data: bytes, change: Callable[[official.ModelT], None] = lambda _: None) -> bytes:
    """The file after a change of its objects."""
    model = unpacked(data)
    change(model)
    return packed(model)


def custom_operation(model: official.ModelT) -> None:
    """The first kind of operation becomes one that no runtime has heard of."""
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = official.BuiltinOperator.CUSTOM
    code.customCode = b"FancyOp"
    for operator in model.subgraphs[0].operators:
        if operator.opcodeIndex == 0:
            operator.builtinOptions, operator.builtinOptionsType = None, 0


def newer_operation(model: official.ModelT) -> None:
    """The first kind of operation is of a later version than any runtime has."""
    model.operatorCodes[0].version = 99


def crashing(model: official.ModelT) -> None:
    """The first operator adds integers without a scale, by which its kernel divides."""
    code = official.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = official.BuiltinOperator.ADD
    model.operatorCodes.append(code)
    graph = model.subgraphs[0]
    operator = graph.operators[0]
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = np.array([operator.inputs[0]] * 2, np.int32)
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    for index in (operator.inputs[0], operator.outputs[0]):
        tensor = graph.tensors[index]
        tensor.type, tensor.quantization = official.TensorType.INT8, None
