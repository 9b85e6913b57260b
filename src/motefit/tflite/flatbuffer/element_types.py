"""Storage of a tensor's numbers by their type in the schema."""

from collections.abc import Mapping

import numpy as np

from motefit.tflite.flatbuffer.schema import TensorType

BITS: Mapping[TensorType, int] = {
    TensorType.INT4: 4,
    TensorType.INT8: 8,
    TensorType.UINT8: 8,
    TensorType.BOOL: 8,
    TensorType.FLOAT16: 16,
    TensorType.BFLOAT16: 16,
    TensorType.INT16: 16,
    TensorType.UINT16: 16,
    TensorType.FLOAT32: 32,
    TensorType.INT32: 32,
    TensorType.UINT32: 32,
    TensorType.FLOAT64: 64,
    TensorType.INT64: 64,
    TensorType.UINT64: 64,
    TensorType.COMPLEX64: 64,
    TensorType.COMPLEX128: 128,
}
"""Bits per number; types without a fixed size are left out."""
DTYPES: Mapping[TensorType, str] = {
    TensorType.FLOAT32: "<f4",
    TensorType.FLOAT16: "<f2",
    TensorType.FLOAT64: "<f8",
    TensorType.INT8: "<i1",
    TensorType.UINT8: "<u1",
    TensorType.INT16: "<i2",
    TensorType.INT32: "<i4",
    TensorType.INT64: "<i8",
}
"""The NumPy type of each, where there is one."""
BITS_BY_NAME = {kind.name.lower(): bits for kind, bits in BITS.items()}
NONE = np.zeros(0, np.int8)


def stored_values(data: bytes, kind: TensorType, count: int) -> np.ndarray:
    """Decode the stored numbers of a constant; int8 for 4-bit integers; none for other types.

    Args:
        data: bytes of its buffer.
        kind: type of the constant.
        count: number of elements.
    """
    if kind == TensorType.INT4:
        packed = np.frombuffer(data, np.uint8)
        halves = np.stack([packed << 4, packed & 0xF0], axis=1).reshape(-1)[:count]
        return np.asarray(halves.view(np.int8) >> 4)
    dtype = DTYPES.get(kind)
    if dtype is None or len(data) % np.dtype(dtype).itemsize:
        return NONE
    return np.frombuffer(data, dtype)
