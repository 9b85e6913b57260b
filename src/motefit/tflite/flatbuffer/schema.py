"""Numbers of TensorFlow Lite's schema (version 3) that the writer and the reader use.

Source: tensorflow/lite/schema/schema.fbs, as in ``ai_edge_litert.schema_py_generated``; tests
compare every number with that module.
"""

from enum import IntEnum

IDENTIFIER = b"TFL3"
VERSION = 3


class TensorType(IntEnum):
    """Element types of tensors."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18


class Operator(IntEnum):
    """Codes of the operators that motefit writes."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEQUANTIZE = 6
    FULLY_CONNECTED = 9
    MUL = 18
    RESHAPE = 22
    SOFTMAX = 25
    PAD = 34
    GATHER = 36
    MEAN = 40
    UNIDIRECTIONAL_SEQUENCE_LSTM = 44
    STRIDED_SLICE = 45
    SLICE = 65
    LOG = 73
    SQRT = 75
    QUANTIZE = 114
    BATCH_MATMUL = 126


class Options(IntEnum):
    """Members of the union of operator options."""

    NONE = 0
    CONV_2D = 1
    DEPTHWISE_CONV_2D = 2
    POOL_2D = 5
    FULLY_CONNECTED = 8
    SOFTMAX = 9
    CONCATENATION = 10
    ADD = 11
    GATHER = 23
    REDUCER = 27
    STRIDED_SLICE = 32
    UNIDIRECTIONAL_SEQUENCE_LSTM = 71


class Slot(IntEnum):
    """A field of a table."""

    __hash__ = int.__hash__  # an enum hashes its name, in Python; slots are hashed a lot


class ModelSlot(Slot):
    """Fields of the root table."""

    VERSION = 0
    OPERATOR_CODES = 1
    SUBGRAPHS = 2
    DESCRIPTION = 3
    BUFFERS = 4
    METADATA_BUFFER = 5
    METADATA = 6
    SIGNATURE_DEFS = 7


class SubGraphSlot(Slot):
    """Fields of a subgraph."""

    TENSORS = 0
    INPUTS = 1
    OUTPUTS = 2
    OPERATORS = 3
    NAME = 4


class TensorSlot(Slot):
    """Fields of a tensor."""

    SHAPE = 0
    TYPE = 1
    BUFFER = 2
    NAME = 3
    QUANTIZATION = 4
    IS_VARIABLE = 5
    SPARSITY = 6
    SHAPE_SIGNATURE = 7


class QuantizationSlot(Slot):
    """Fields of a tensor's quantization."""

    MIN = 0
    MAX = 1
    SCALE = 2
    ZERO_POINT = 3
    QUANTIZED_DIMENSION = 6


class OperatorCodeSlot(Slot):
    """Fields of an operator code."""

    DEPRECATED_BUILTIN_CODE = 0
    CUSTOM_CODE = 1
    VERSION = 2
    BUILTIN_CODE = 3


class OperatorSlot(Slot):
    """Fields of an operator."""

    OPCODE_INDEX = 0
    INPUTS = 1
    OUTPUTS = 2
    BUILTIN_OPTIONS_TYPE = 3
    BUILTIN_OPTIONS = 4
    CUSTOM_OPTIONS = 5
    INTERMEDIATES = 8
    BUILTIN_OPTIONS_2 = 12


class BufferSlot(Slot):
    """Fields of a buffer."""

    DATA = 0
    OFFSET = 1
    SIZE = 2


class MetadataSlot(Slot):
    """Fields of an entry of metadata."""

    NAME = 0
    BUFFER = 1


class SignatureSlot(Slot):
    """Fields of a signature."""

    INPUTS = 0
    OUTPUTS = 1
    KEY = 2
    SUBGRAPH = 4


class TensorMapSlot(Slot):
    """Fields of a tensor's name in a signature."""

    NAME = 0
    TENSOR_INDEX = 1
