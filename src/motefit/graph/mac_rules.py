"""Multiply-accumulates of every operator of TensorFlow Lite's schema, from shapes and options.

A product that is added to a sum counts as one, and so does a number that a pool, a mean or another
sum adds up. What works element by element, compares or moves numbers counts as nothing. Padding is
counted like the numbers it surrounds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]
Shapes = Sequence[Shape]
Options = Mapping[int, float]

POOL_WIDTH, POOL_HEIGHT = 3, 4
"""Slots of the window in a pool's options."""
BASIC_LSTM = 1
"""Kernel type of an LSTM with one weight for all gates."""

_FREE = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE ATAN2 BATCH_TO_SPACE_ND BITCAST BITWISE_XOR
BROADCAST_ARGS BROADCAST_TO BUCKETIZE CALL_ONCE CAST CEIL COMPLEX_ABS CONCATENATION
CONCAT_EMBEDDINGS COS DENSIFY DEPTH_TO_SPACE DEQUANTIZE DILATE DIV DYNAMIC_UPDATE_SLICE ELU
EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FAKE_QUANT FILL FLOOR FLOOR_DIV FLOOR_MOD GATHER GATHER_ND
GELU GREATER GREATER_EQUAL HARD_SWISH HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP
HASHTABLE_SIZE IMAG LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC
LOG_SOFTMAX MATRIX_DIAG MATRIX_SET_DIAG MAXIMUM MAX_POOL_2D MINIMUM MIRROR_PAD MUL MULTINOMIAL NEG
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 NOT_EQUAL ONE_HOT PACK PAD PADV2
PLACEHOLDER_FOR_GREATER_OP_CODES POW PRELU QUANTIZE RANDOM_STANDARD_NORMAL RANDOM_UNIFORM RANGE RANK
READ_VARIABLE REAL REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_0_TO_1
RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE REVERSE_V2 RIGHT_SHIFT
ROUND RSQRT SCATTER_ND SELECT SELECT_V2 SHAPE SIGN SIN SKIP_GRAM SLICE SOFTMAX SPACE_TO_BATCH_ND
SPACE_TO_DEPTH SPARSE_TO_DENSE SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STABLEHLO_ABS
STABLEHLO_ADD STABLEHLO_AND STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CBRT STABLEHLO_CLAMP
STABLEHLO_COMPARE STABLEHLO_CONCATENATE STABLEHLO_CONVERT STABLEHLO_COSINE STABLEHLO_DIVIDE
STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR
STABLEHLO_GATHER STABLEHLO_IOTA STABLEHLO_LOG STABLEHLO_LOGISTIC STABLEHLO_MAXIMUM STABLEHLO_MINIMUM
STABLEHLO_MULTIPLY STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_PAD STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RESHAPE STABLEHLO_RNG_BIT_GENERATOR STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SHIFT_LEFT
STABLEHLO_SLICE STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_TRANSPOSE STRIDED_SLICE SUB TANH TILE
TOPK_V2 TRANSPOSE UNIQUE UNPACK UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD
VAR_HANDLE WHERE ZEROS_LIKE
"""
FREE = frozenset(_FREE.split())
"""Operators without a multiply-accumulate in a run."""
CALLS: Mapping[str, int] = {"CALL": 0, "STABLEHLO_COMPOSITE": 1}
"""Operators that run another subgraph once, and the slot of its number in their options."""
_UNCOUNTED = """
CUSTOM DELEGATE EMBEDDING_LOOKUP_SPARSE IF LSH_PROJECTION REDUCE_WINDOW RFFT2D STABLEHLO_CASE
STABLEHLO_CONVOLUTION STABLEHLO_CUSTOM_CALL STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE
STABLEHLO_REDUCE_WINDOW STABLEHLO_SCATTER STABLEHLO_SORT STABLEHLO_WHILE WHILE
"""
UNCOUNTED = frozenset(_UNCOUNTED.split())
"""Operators whose work depends on values, on other subgraphs or on the runtime."""


@dataclass(frozen=True, kw_only=True)
class MacRule:
    """How an operator is counted.

    Attributes:
        count: multiply-accumulates from the inputs' shapes, the first output's and the options.
        ranks: dimensions that an input needs at least, by its position.
    """

    count: Callable[[Shapes, Shape, Options], int]
    ranks: Mapping[int, int]


def macs(name: str, inputs: Shapes, output: Shape, options: Options) -> int | None:
    """Count one operator.

    >>> macs("FULLY_CONNECTED", [(1, 12), (4, 12)], (1, 4), {})
    48
    >>> macs("BATCH_MATMUL", [(7, 2), (7, 3)], (2, 3), {0: True})
    42
    >>> macs("WHILE", [], (), {}) is None
    True

    Args:
        name: as in the schema.
        inputs: shapes with the batch; empty for an absent input.
        output: shape of the first output.
        options: numbers of its options by slot, where they are not at their default.

    Returns:
        None where the shapes do not tell, as in a loop or an operator of somebody else.
    """
    rule = RULES.get(name)
    if rule is None:
        return 0 if name in FREE else None
    if any(len(shape) < rank for shape, rank in _needed(rule, inputs)):
        return None
    return rule.count(inputs, output, options)


def _needed(rule: MacRule, inputs: Shapes) -> list[tuple[Shape, int]]:
    return [(inputs[i] if i < len(inputs) else (), rank) for i, rank in rule.ranks.items()]


def _pool(_: Shapes, output: Shape, options: Options) -> int:
    window = options.get(POOL_WIDTH, 0) * options.get(POOL_HEIGHT, 0)
    return math.prod(output) * int(window)


def _sum(inputs: Shapes, _: Shape, __: Options) -> int:
    return math.prod(inputs[0])


def _transposed(inputs: Shapes, _: Shape, __: Options) -> int:
    """Multiply each number of the input by every number of its channel's kernels."""
    return math.prod(inputs[2]) * math.prod(inputs[1]) // inputs[1][-1]


def _matmul(inputs: Shapes, output: Shape, options: Options) -> int:
    adjoint = bool(options.get(0, 0))
    return math.prod(output) * inputs[0][-2 if adjoint else -1]


def _svdf(inputs: Shapes, _: Shape, __: Options) -> int:
    return inputs[0][0] * (math.prod(inputs[1]) + math.prod(inputs[2]))


def _normalized(_: Shapes, output: Shape, options: Options) -> int:
    radius = int(options.get(0, 0))
    return math.prod(output) * (2 * radius + 1)


def _recurrent(*positions: int) -> Callable[[Shapes, Shape, Options], int]:
    """Count every weight once per step; all input dimensions but the last are steps and batch."""

    def count(inputs: Shapes, _: Shape, __: Options) -> int:
        weights = [inputs[i] for i in positions if i < len(inputs)]
        return math.prod(inputs[0][:-1]) * sum(math.prod(w) for w in weights if len(w) == 2)

    return count


LSTM_WEIGHTS = (*range(1, 9), 16)
"""Inputs that are weights: four for the input, four for the state, the projection."""


def _lstm(inputs: Shapes, output: Shape, options: Options) -> int:
    basic = options.get(4, 0) == BASIC_LSTM
    return _recurrent(*((2,) if basic else LSTM_WEIGHTS))(inputs, output, options)


RULES: Mapping[str, MacRule] = {
    "CONV_2D": MacRule(count=lambda i, o, _: math.prod(o) * math.prod(i[1][1:]), ranks={1: 4}),
    "DEPTHWISE_CONV_2D": MacRule(
        count=lambda i, o, _: math.prod(o) * math.prod(i[1][1:3]), ranks={1: 4}
    ),
    "CONV_3D": MacRule(count=lambda i, o, _: math.prod(o) * math.prod(i[1][:4]), ranks={1: 5}),
    "FULLY_CONNECTED": MacRule(count=lambda i, o, _: math.prod(o) * i[1][1], ranks={1: 2}),
    "TRANSPOSE_CONV": MacRule(count=_transposed, ranks={1: 4, 2: 4}),
    "CONV_3D_TRANSPOSE": MacRule(count=_transposed, ranks={1: 5, 2: 5}),
    "BATCH_MATMUL": MacRule(count=_matmul, ranks={0: 2, 1: 2}),
    "SVDF": MacRule(count=_svdf, ranks={0: 2, 1: 2, 2: 2}),
    "LSTM": MacRule(count=_lstm, ranks={0: 2}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": MacRule(count=_recurrent(*LSTM_WEIGHTS), ranks={0: 3}),
    "BIDIRECTIONAL_SEQUENCE_LSTM": MacRule(
        count=_recurrent(*LSTM_WEIGHTS, *range(18, 26), 33, *range(40, 48)), ranks={0: 3}
    ),
    "RNN": MacRule(count=_recurrent(1, 2), ranks={0: 2, 1: 2, 2: 2}),
    "UNIDIRECTIONAL_SEQUENCE_RNN": MacRule(count=_recurrent(1, 2), ranks={0: 3, 1: 2, 2: 2}),
    "BIDIRECTIONAL_SEQUENCE_RNN": MacRule(count=_recurrent(1, 2, 5, 6, 10, 11), ranks={0: 3}),
    "AVERAGE_POOL_2D": MacRule(count=_pool, ranks={0: 4}),
    "L2_POOL_2D": MacRule(count=_pool, ranks={0: 4}),
    "L2_NORMALIZATION": MacRule(count=_sum, ranks={0: 1}),
    "LOCAL_RESPONSE_NORMALIZATION": MacRule(count=_normalized, ranks={0: 1}),
    "MEAN": MacRule(count=_sum, ranks={0: 1}),
    "SUM": MacRule(count=_sum, ranks={0: 1}),
    "CUMSUM": MacRule(count=_sum, ranks={0: 1}),
    "SEGMENT_SUM": MacRule(count=_sum, ranks={0: 1}),
    "UNSORTED_SEGMENT_SUM": MacRule(count=_sum, ranks={0: 1}),
}
"""Operators that multiply and add, or add up."""
