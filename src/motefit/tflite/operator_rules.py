"""Names of operators, and the fewest tensors that each needs.

LiteRT's kernels read that many inputs and outputs without a check.

The numbers are those that the kernels of LiteRT and TensorFlow Lite Micro require. An input that
may be absent is given as -1 and counts. More tensors are not checked: newer versions of an operator
have more.
"""

from collections.abc import Mapping, Sequence

from motefit.tflite.flatbuffer.reader import DecodedTable, operators
from motefit.tflite.flatbuffer.schema import ModelSlot, OperatorCodeSlot

_INPUTS = """
0 VAR_HANDLE
1 ABS ADD_N AVERAGE_POOL_2D BITCAST CAST CEIL COMPLEX_ABS CONCATENATION COS DENSIFY DEPTH_TO_SPACE
1 DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH IMAG L2_NORMALIZATION L2_POOL_2D LEAKY_RELU
1 LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX MATRIX_DIAG MAX_POOL_2D NEG PACK
1 QUANTIZE RANK READ_VARIABLE REAL RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE ROUND RSQRT SHAPE
1 SIGN SIN SOFTMAX SPACE_TO_DEPTH SQRT SQUARE SQUEEZE TANH UNIQUE UNPACK WHERE ZEROS_LIKE
2 ADD ARG_MAX ARG_MIN ASSIGN_VARIABLE ATAN2 BATCH_MATMUL BITWISE_XOR BROADCAST_ARGS BROADCAST_TO
2 CONV_2D CONV_3D CUMSUM DEPTHWISE_CONV_2D DIV EMBEDDING_LOOKUP EQUAL EXPAND_DIMS FILL FLOOR_DIV
2 FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND
2 LOGICAL_OR MATRIX_SET_DIAG MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NOT_EQUAL PAD POW PRELU REDUCE_ALL
2 REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2
2 RIGHT_SHIFT SEGMENT_SUM SPLIT SQUARED_DIFFERENCE SUB SUM TILE TOPK_V2 TRANSPOSE
3 BATCH_TO_SPACE_ND CONV_3D_TRANSPOSE DYNAMIC_UPDATE_SLICE PADV2 RANGE REVERSE_SEQUENCE SCATTER_ND
3 SELECT SELECT_V2 SLICE SPACE_TO_BATCH_ND SPLIT_V TRANSPOSE_CONV UNSORTED_SEGMENT_MAX
3 UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM
4 ONE_HOT SPARSE_TO_DENSE STRIDED_SLICE
5 LSTM RNN SVDF UNIDIRECTIONAL_SEQUENCE_RNN
20 UNIDIRECTIONAL_SEQUENCE_LSTM
"""
_LSTM_OPTIONAL = frozenset({1, 5, 9, 10, 11, 12, 16, 17})
"""Weights of the input gate (absent where it is coupled), peepholes, projection."""
OPTIONAL: Mapping[str, frozenset[int]] = {
    "SVDF": frozenset({3}),
    "LSTM": _LSTM_OPTIONAL,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM_OPTIONAL,
}
"""Places among the fewest inputs whose tensor may be absent."""
ALL_INPUTS = frozenset({"ADD_N", "CONCATENATION", "PACK"})
"""Operators of any number of inputs, none of which may be absent."""
LOOPS = frozenset({"WHILE", "STABLEHLO_WHILE"})
"""Operators that repeat others until a condition is false."""
_NO_OUTPUT = frozenset({"ASSIGN_VARIABLE"})

LEAST_INPUTS: Mapping[str, int] = {
    name: int(line.split()[0]) for line in _INPUTS.split("\n") for name in line.split()[1:]
}
"""Fewest inputs, by the name of the operator; operators without an entry have any number."""


def absent_inputs(name: str, inputs: Sequence[int]) -> tuple[int, ...]:
    """Return the places of inputs that are absent although the kernel reads them.

    >>> absent_inputs("ADD", [3, -1]), absent_inputs("FULLY_CONNECTED", [0, 1, -1])
    ((1,), ())
    """
    needed = len(inputs) if name in ALL_INPUTS else LEAST_INPUTS.get(name, 0)
    optional = OPTIONAL.get(name, frozenset())
    return tuple(
        place
        for place, index in enumerate(inputs)
        if index == -1 and place < needed and place not in optional
    )


def least_outputs(name: str) -> int:
    """Return the fewest outputs of an operator with an entry in :data:`LEAST_INPUTS`.

    >>> least_outputs("ADD"), least_outputs("ASSIGN_VARIABLE")
    (1, 0)
    """
    return int(name in LEAST_INPUTS and name not in _NO_OUTPUT)


Code = tuple[str, int]
"""Name and version of an operator."""


def operator_code(code: DecodedTable) -> Code:
    """Read an operator code; only an operator that is not builtin has a name in the file."""
    name = _builtin(code)
    if name == "CUSTOM":
        name = code.text(OperatorCodeSlot.CUSTOM_CODE) or name
    return name, int(code.number(OperatorCodeSlot.VERSION))


def has_loops(model: DecodedTable) -> bool:
    """Return whether an operator of a file is one of :data:`LOOPS`."""
    return any(_builtin(code) in LOOPS for code in model.records(ModelSlot.OPERATOR_CODES))


def _builtin(code: DecodedTable) -> str:
    """Return the builtin operator: the greater of both fields (``GetBuiltinCode`` in LiteRT)."""
    old = code.number(OperatorCodeSlot.DEPRECATED_BUILTIN_CODE)
    number = int(max(old, code.number(OperatorCodeSlot.BUILTIN_CODE)))
    names = operators()
    return names[number] if number < len(names) else f"OPERATOR_{number}"
