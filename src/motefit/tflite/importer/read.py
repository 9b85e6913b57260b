"""Reading of a .tflite file as a Graph, the inverse of :mod:`motefit.tflite.write.write`.

It reads all forms that motefit writes, and those of TensorFlow's converter and litert-torch for
the same networks. Anything else is refused by name; nothing is guessed.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from motefit.graph.execute.integer_mean import mean_form
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import AveragePool2D, Shape
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.tflite.content import Content, FileOp, read_content
from motefit.tflite.flatbuffer.reader import DecodedTable
from motefit.tflite.importer.recurrent import fuse_unrolled
from motefit.tflite.importer.state import IMPORT_RULES, ImportState, refuse_all, signed

UNSIGNED = (
    "ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LOGISTIC",
    "MAX_POOL_2D", "RESHAPE", "SOFTMAX", "SQUEEZE",
)  # fmt: skip
"""Operators of networks that are uint8 throughout whose integers are known to be LiteRT's."""
SHAPERS = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE", "TRANSPOSE", "QUANTIZE")
"""Operators after the input, whose output shape it may take."""


def read_graph(data: bytes) -> Graph:
    """Read a model with one input, one output and a batch of one.

    Operators that only reshape are left out, so that the Graph's input and
    output may have other shapes than the file's, with the same numbers in the same order. A PAD,
    a rectifier and a factor or offset per channel become part of the operation they belong to.

    Args:
        data: the whole file.

    Returns:
        A Graph in shipped form (float32, or quantized as the file is) whose file, written by
        :func:`motefit.tflite.write.write.write`, computes the same: integers bit for bit with the
        builtin kernels, floats up to the order of sums. Names are kept if the file has them.

    Raises:
        ModelFileError: if the bytes are damaged, or have operators or forms that a Graph lacks;
            the message names them.
    """
    return read_named(data)[0]


def read_named(
    data: bytes, tables: DecodedTable | None = None, *, unsigned: bool = False
) -> tuple[Graph, Mapping[int, str]]:
    """Read a Graph as in :func:`read_graph`, with its names of the file's tensors by index.

    Args:
        data: the whole file.
        tables: its root table, if it has been read before.
        unsigned: whether uint8 may be read as int8, moved by 128: an input and an output beside a
            QUANTIZE to or from int8, or all numbers of a network. Such a Graph is not written.

    Raises:
        ModelFileError: as in :func:`read_graph`.
    """
    content = fuse_unrolled(read_content(data, tables))
    rules = IMPORT_RULES.all()
    unknown = sorted({op.name for op in content.ops} - set(rules))
    if unknown:
        raise refuse_all(", ".join(unknown))
    if unsigned and _is_unsigned(content):
        content = _signed_throughout(content)
    state = ImportState(content=content, unsigned=unsigned)
    try:
        _read_input(state)
        for op in content.ops:
            if len(op.outputs) != 1 or op.outputs[0] < 0 or not op.inputs or op.inputs[0] < 0:
                raise op.refuse("it needs a first input and one output")
            rules[op.name](state, op)
        return _finished(state), state.names
    except RecipeError as error:
        raise ModelFileError(f"this file's operators do not match: {error}") from error


def _is_unsigned(content: Content) -> bool:
    """Return whether a network computes in uint8, and not only its edges are."""
    readers = {op.name for op in content.readers(content.input)}
    return content.tensors[content.input].dtype == "uint8" and "QUANTIZE" not in readers


def _signed_throughout(content: Content) -> Content:
    others = sorted({op.name for op in content.ops} - set(UNSIGNED))
    if others:
        raise ModelFileError(f"operators that motefit does not read in uint8: {', '.join(others)}")
    return replace(content, tensors=tuple(map(signed, content.tensors)))


def _read_input(state: ImportState) -> None:
    content = state.content
    tensor = content.tensors[content.input]
    tensor = signed(tensor) if state.unsigned else tensor
    if tensor.dtype not in {"float32", "int8"} or tensor.data is not None:
        raise ModelFileError(
            f"the model's input is {tensor.dtype}; only float32 and int8 are supported"
        )
    if tensor.shape[:1] != (1,) or not math.prod(tensor.shape):
        raise ModelFileError(
            f"the model's input is {tensor.shape}; only a batch of one is supported"
        )
    state.names[content.input] = INPUT
    state.shapes[INPUT] = _input_shape(content)
    if tensor.dtype == "int8":
        if tensor.quantization is None or len(tensor.quantization.scale) != 1:
            raise ModelFileError("the model's int8 input needs one scale")
        state.quantization[INPUT] = tensor.quantization


def _input_shape(content: Content) -> Shape:
    """Return the shape, without the batch, of the first operator that does more than reshape."""
    index = content.input
    size = math.prod(content.tensors[index].shape)
    for _ in content.ops:
        readers = [op for op in content.readers(index) if op.name != "SHAPE"]
        if len(readers) != 1 or readers[0].name not in SHAPERS or len(readers[0].outputs) != 1:
            break
        follower = readers[0].outputs[0]
        shape = content.tensors[follower].shape
        if math.prod(shape) != size or shape[:1] != (1,):
            break
        index = follower
    return content.tensors[index].shape[1:]


def _finished(state: ImportState) -> Graph:
    output = state.names.get(state.content.output)
    if not state.ops:
        raise ModelFileError("this file computes nothing")
    graph = state.graph()
    if output != graph.output:
        raise ModelFileError("the model's output is not the output of its last operator")
    for made in graph.ops:
        mean = state.means.get(made.output)
        if mean is not None and isinstance(made, AveragePool2D):
            _check_mean(state, graph, made, mean)
    shape = state.tensor(state.content.output).shape
    if math.prod(graph.output_shape) != math.prod(shape):
        raise ModelFileError(f"the model's output has the shape {shape}")
    return graph


def _check_mean(state: ImportState, graph: Graph, made: AveragePool2D, op: FileOp) -> None:
    """Require an integer mean to keep its axes or not, as the writer does: rounding differs."""
    axes, keep = mean_form(made, graph)
    if keep != bool(op.option(0)) or (keep and len(axes) != state.value(op, 1).size):
        raise op.refuse(
            "as integers, its axes must stay (keep_dims) before an image's operators and go "
            "before a dense layer; a Graph would round differently"
        )
