"""Each defect of a file's tables is found by name, and what is just inside a limit is accepted."""

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from model_edits import packed
from odd_models import ModelMaker, Operators, Types

from motefit.spec.errors import ModelFileError
from motefit.tflite import validate as rules
from motefit.tflite.flatbuffer.reader import read_tables
from motefit.tflite.validate import check_structure, unaligned, validate

Change = Callable[[ModelMaker], None]


def dense() -> ModelMaker:
    """Tensors 0 to 3 of an int8 layer: input, weight by channel, bias, output; and metadata."""
    make = ModelMaker()
    make.tensor([1, 4], Types.INT8, scale=0.5)
    make.constant(np.ones((3, 4), np.int8))
    make.constant(np.zeros(3, np.int32))
    make.tensor([1, 3], Types.INT8, scale=0.5)
    parameters = official.QuantizationParametersT()
    parameters.scale, parameters.zeroPoint = [0.5, 0.25, 0.125], [0, 0, 0]
    make.model.subgraphs[0].tensors[1].quantization = parameters
    options = official.FullyConnectedOptionsT()
    make.operator(Operators.FULLY_CONNECTED, [0, 1, 2], [3], options)
    make.model.metadata = [official.MetadataT()]
    make.model.metadata[0].name, make.model.metadata[0].buffer = b"about", 0
    return make


def changed(change: Change) -> bytes:
    make = dense()
    change(make)
    return make.finish(getattr(make, "inputs", [0]), getattr(make, "outputs", [3]))


def tensor(make: ModelMaker, number: int) -> official.TensorT:
    return make.model.subgraphs[0].tensors[number]


def operator(make: ModelMaker) -> official.OperatorT:
    return make.model.subgraphs[0].operators[0]


def assign(owner: Callable[[ModelMaker], object], name: str, value: object) -> Change:
    return lambda make: setattr(owner(make), name, value)


def of(number: int, name: str, value: object) -> Change:
    return assign(lambda make: tensor(make, number), name, value)


def parameter(number: int, name: str, value: object) -> Change:
    return assign(lambda make: tensor(make, number).quantization, name, value)


def of_operator(name: str, value: object) -> Change:
    return assign(operator, name, value)


def indices(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def a_float_weight(value: float) -> Change:
    def change(make: ModelMaker) -> None:
        weight = tensor(make, 1)
        weight.type, weight.quantization = Types.FLOAT32, None
        numbers = np.ones(12, np.float32)
        numbers[-1] = value
        make.model.buffers[weight.buffer].data = np.frombuffer(numbers.tobytes(), np.uint8)

    return change


def several(*changes: Change) -> Change:
    def change(make: ModelMaker) -> None:
        for each in changes:
            each(make)

    return change


STRUCTURE = {
    "version": (assign(lambda m: m.model, "version", 2), "schema version 2"),
    "no subgraph": (assign(lambda m: m.model, "operatorCodes", None), "has no field 1"),
    "no buffers": (assign(lambda m: m.model, "buffers", None), "has no field 4"),
    "metadata": (
        lambda m: setattr(m.model.metadata[0], "buffer", len(m.model.buffers)),
        "metadata refers to number 3 of 3",
    ),
    "edge": (assign(lambda m: m, "inputs", [4]), "the graph's edge refers to number 4 of 4"),
    "absent edge": (assign(lambda m: m, "outputs", [-1]), "the graph's edge refers to number -1"),
    "code": (of_operator("opcodeIndex", 1), "an operator refers to number 1 of 1"),
    "input": (of_operator("inputs", indices(0, 1, 4)), "an operator's input refers to number 4"),
    "before": (of_operator("inputs", indices(0, 1, -2)), "an operator's input refers to number -2"),
    "output": (of_operator("outputs", indices(4)), "an operator's output refers to number 4"),
    "no output": (of_operator("outputs", indices(-1)), "an operator's output refers to number -1"),
    "kept": (of_operator("intermediates", indices(4)), "an operator's output refers to number 4"),
    "few inputs": (of_operator("inputs", indices(0)), "FULLY_CONNECTED needs 2 inputs, has 1"),
    "few outputs": (of_operator("outputs", indices()), "FULLY_CONNECTED needs 1 outputs, has 0"),
    "absent input": (of_operator("inputs", indices(0, -1)), "needs its input 1, which is absent"),
    "buffer": (of(0, "buffer", 3), "tensor 0 refers to number 3 of 3"),
    "shape": (of(0, "shape", [1, -2]), r"tensor 0 has the shape \[1, -2\]"),
}
VALUES = {
    "short constant": (
        of(1, "shape", [3, 5]),
        r"tensor 1 of shape \[3, 5\] needs 15 bytes, has 12",
    ),
    "long constant": (of(1, "shape", [3, 3]), "needs 9 bytes, has 12"),
    "nan": (a_float_weight(np.nan), "tensor 1 contains NaN or infinity"),
    "infinity": (a_float_weight(-np.inf), "tensor 1 contains NaN or infinity"),
    "no scale": (parameter(0, "scale", [0.0]), "tensor 0 has a scale that is not a positive"),
    "negative scale": (parameter(1, "scale", [0.5, -0.25, 0.5]), "tensor 1 has a scale that is"),
    "infinite scale": (parameter(3, "scale", [np.inf]), "tensor 3 has a scale that is not"),
    "zero points": (parameter(1, "zeroPoint", [0, 0]), "tensor 1: 3 scales, 2 zero points"),
    "axis": (parameter(1, "quantizedDimension", 1), "has 3 scales on axis 1"),
    "no axis": (parameter(1, "quantizedDimension", 2), "has 3 scales on axis 2"),
    "two on an axis of three": (
        several(parameter(1, "scale", [0.5, 0.5]), parameter(1, "zeroPoint", [0, 0])),
        "has 2 scales on axis 0",
    ),
    "axis before": (parameter(1, "quantizedDimension", -1), "has 3 scales on axis -1"),
}
ACCEPTED = {
    "as it is": lambda _: None,
    "last buffer": lambda m: setattr(m.model.metadata[0], "buffer", 2),
    "absent bias": of_operator("inputs", indices(0, 1, -1)),
    "kept": of_operator("intermediates", indices(3)),
    "unknown size": of(0, "shape", [1, -1]),
    "empty": of(0, "shape", [0, 4]),
    "one scale on any axis": several(
        parameter(0, "quantizedDimension", 7), parameter(3, "quantizedDimension", -1)
    ),
    "no scales": several(parameter(1, "scale", []), parameter(1, "zeroPoint", [0, 0])),
    "negative zero point": parameter(0, "zeroPoint", [-128]),
    "finite": a_float_weight(-3.4e38),
    "text": of(1, "type", Types.STRING),
}


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure_that_litert_takes_for_granted(name):
    change, said = STRUCTURE[name]
    data = changed(change)
    for check in (validate, lambda data: check_structure(read_tables(data))):
        with pytest.raises(ModelFileError, match=said):
            check(data)


@pytest.mark.parametrize("name", VALUES)
def test_values_that_make_no_sense(name):
    change, said = VALUES[name]
    data = changed(change)
    check_structure(read_tables(data))  # it is about values alone
    with pytest.raises(ModelFileError, match=said):
        validate(data)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_inside_the_limits_is_accepted(name):
    data = changed(ACCEPTED[name])
    validate(data)
    validate(b"", read_tables(data))


def test_a_file_without_a_subgraph():
    make = dense()
    make.model.subgraphs = []
    with pytest.raises(ModelFileError, match="it has no subgraph"):
        validate(packed(make.model))


def test_every_subgraph_is_checked():
    def add(make: ModelMaker) -> None:
        make.graph()
        make.tensor([2], Types.INT8, scale=0.5)
        make.model.subgraphs[1].inputs, make.model.subgraphs[1].outputs = [0], [1]

    with pytest.raises(ModelFileError, match="the graph's edge refers to number 1 of 1"):
        validate(changed(add))


@pytest.mark.parametrize(
    ("kind", "bits"),
    [(Types.INT4, 4), (Types.INT8, 8), (Types.FLOAT16, 16), (Types.FLOAT32, 32), (Types.INT64, 64)],
)
def test_a_tensor_has_as_many_bytes_as_the_limit(kind, bits):
    most = rules.TENSOR_BYTES * 8 // bits
    for count, fits in ((most, True), (most + 1, False)):
        data = changed(several(of(0, "shape", [1, count]), of(0, "type", kind)))
        if fits:
            check_structure(read_tables(data))
            continue
        with pytest.raises(ModelFileError, match=f"of more than {rules.TENSOR_BYTES} bytes"):
            check_structure(read_tables(data))
    unknown = of(0, "shape", [-1, most + 1]), of(0, "type", kind)  # counts as one
    with pytest.raises(ModelFileError, match="of more than"):
        check_structure(read_tables(changed(several(*unknown))))


def test_a_type_without_a_size_counts_bytes():
    whole = several(of(0, "shape", [1, rules.TENSOR_BYTES]), of(0, "type", Types.STRING))
    check_structure(read_tables(changed(whole)))
    more = several(of(0, "shape", [2, rules.TENSOR_BYTES]), of(0, "type", Types.STRING))
    with pytest.raises(ModelFileError, match="of more than"):
        check_structure(read_tables(changed(more)))


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 1), (3, 2), (24, 12)])
def test_numbers_of_four_bits_share_bytes(count, size):
    def change(make: ModelMaker) -> None:
        weight = tensor(make, 1)
        weight.shape, weight.type, weight.quantization = [1, count], Types.INT4, None
        make.model.buffers[weight.buffer].data = np.zeros(size, np.uint8)

    validate(changed(change))
    with pytest.raises(ModelFileError, match=f"needs {size} bytes, has {size + 1}"):
        validate(
            changed(
                several(
                    change,
                    lambda m: setattr(m.model.buffers[1], "data", np.zeros(size + 1, np.uint8)),
                )
            )
        )


def test_a_sparse_constant_has_fewer_bytes():
    def change(make: ModelMaker) -> None:
        tensor(make, 1).shape = [3, 40]
        tensor(make, 1).sparsity = official.SparsityParametersT()

    validate(changed(change))


@pytest.mark.parametrize(("size", "alignment"), [(4, 4), (15, 4), (16, 16), (40, 16)])
def test_a_constant_off_its_alignment_is_counted(size, alignment):
    """Its position is moved by bytes in front of the file's first table."""
    make = dense()
    make.model.buffers[1].data, make.model.buffers[2].data = np.ones(size, np.uint8), None
    tables = read_tables(make.finish([0], [3]))
    (buffer,) = (b for b in tables.records(4) if b.numbers(0).size)
    start, length = buffer.spans[0]
    assert length == 4 + size
    for shift in range(0, 32, 4):
        moved = {**buffer.spans, 0: (shift, length)}
        object.__setattr__(buffer, "spans", moved)
        assert unaligned(tables) == ((shift + 4) % alignment != 0)
    object.__setattr__(buffer, "spans", {0: (start, length)})
    assert unaligned(tables) == ((start + 4) % alignment != 0)
