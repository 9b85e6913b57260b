"""Working memory of a model: TensorFlow Lite Micro's arena, and a lower bound without its wheel."""

from dataclasses import dataclass

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.flatbuffer.element_types import BITS_BY_NAME
from motefit.tflite.inspect import Inspection, TensorInfo
from motefit.tflite.micro import arena_bytes
from motefit.tflite.model import ModelFile

MEASURED = "smallest arena that tflite-micro allocates and runs with, on a 64-bit host"
ABSENT = "the tflite-micro wheel is not installed: pip install 'motefit[micro]'"


@dataclass(frozen=True, kw_only=True)
class Ram:
    """Working memory in bytes.

    Attributes:
        arena_bytes: the smallest arena that TensorFlow Lite Micro allocates and runs with:
            activations, scratch buffers, bookkeeping, and temporary memory for planning; None if it
            could not be measured.
        activation_bytes: largest sum of activations alive at once, a lower bound of any arena.
        method: source of ``arena_bytes``, or why there is none.
    """

    arena_bytes: int | None
    activation_bytes: int
    method: str

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name; nothing without an arena, since a lower bound meets no budget."""
        return {} if self.arena_bytes is None else {"ram.arena_bytes": self.arena_bytes}


def measure_ram(model: ModelFile) -> Ram:
    """Working memory of a model file.

    Args:
        model: the .tflite file.

    Raises:
        ModelFileError: for damaged bytes.
    """
    bound = activation_bytes(model.inspection)
    try:
        arena = arena_bytes(model)
    except ModelFileError as error:
        return Ram(arena_bytes=None, activation_bytes=bound, method=str(error))
    method = ABSENT if arena is None else MEASURED
    return Ram(arena_bytes=arena, activation_bytes=bound, method=method)


def activation_bytes(model: Inspection) -> int:
    """Compute the largest sum of tensors alive at once; states are always alive.

    A tensor lives from the operation that produces it to the last one that reads it, inputs from
    the start and outputs to the end.
    """
    end = len(model.ops)
    outputs = {id(tensor) for tensor in model.outputs}
    peak = np.zeros(end + 1, np.int64)
    for index, tensor in enumerate(model.tensors):
        makers = [n for n, op in enumerate(model.ops) if index in op.outputs]
        readers = [n for n, op in enumerate(model.ops) if index in op.inputs]
        if tensor.constant or not (makers or readers):
            continue
        first, last = min(makers, default=0), max(readers, default=end)
        if tensor.variable:
            first, last = 0, end
        elif id(tensor) in outputs:
            last = end
        peak[first : last + 1] += tensor.size * _element_bytes(tensor)
    return int(peak.max())


def _element_bytes(tensor: TensorInfo) -> int:
    return -(-BITS_BY_NAME.get(tensor.dtype, 32) // 8)
