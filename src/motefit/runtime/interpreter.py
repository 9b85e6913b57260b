"""LiteRT wrapped in one small class: model bytes, float32 arrays in and out, readable errors.

LiteRT logs one line to file descriptor 2 when it first creates its XNNPACK delegate; its Python
package (2.3) has no setting that silences it, so it is left alone.
"""

import math
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.limited_run import LimitedRun, may_loop
from motefit.spec.errors import DataError, ModelFileError, UnsupportedPlatformError

try:
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType
except ImportError as error:
    _BITS = 8 * struct.calcsize("P")
    raise UnsupportedPlatformError(
        f"LiteRT (the package ai-edge-litert) cannot be imported: {error}; this is {_BITS}-bit "
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}. "
        + (
            "LiteRT exists for 64-bit systems only: install a 64-bit operating system (on a "
            "Raspberry Pi: the 64-bit Raspberry Pi OS)"
            if _BITS < 64
            else "Install it with: pip install ai-edge-litert"
        )
    ) from error

LITERT_VERSION: str = ai_edge_litert.__version__
Float32Array = NDArray[np.float32]
Details = Sequence[Mapping[str, Any]]
"""LiteRT's descriptions of tensors."""
LIMITS = {
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.uint8): (0, 255),
    np.dtype(np.int16): (-32768, 32767),
}
"""Smallest and largest value of the integers that inputs and outputs may have."""
BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0.0))
IDENTIFIER = b"TFL3"
LACKING = ("unresolved custom op", "Didn't find op")
"""Phrases in LiteRT's messages about an operation that it does not implement."""


class OtherEdgesError(ModelFileError):
    """Error for a valid model that does not take one example and return one result."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The input or output tensor of a model file.

    Attributes:
        index: LiteRT's number of the tensor.
        shape: of one example, without the batch.
        dtype: float32, int8, uint8 or int16.
        scale: real value of one integer step; 1.0 for float32.
        zero_point: integer that represents 0.0; 0 for float32.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: np.float32
    zero_point: int

    def quantize(self, values: Float32Array) -> np.ndarray:
        """Convert real numbers to the file's dtype; see :func:`quantize`."""
        if self.dtype == np.float32:
            return values
        return quantize(values, scale=self.scale, zero_point=self.zero_point, dtype=self.dtype)

    def dequantize(self, values: np.ndarray) -> Float32Array:
        """Convert values of the file's dtype to real numbers: ``scale * (q - zero_point)``."""
        if self.dtype == np.float32:
            return np.asarray(values, np.float32)
        return (values.astype(np.int32) - self.zero_point).astype(np.float32) * self.scale


def quantize(
    values: Float32Array, *, scale: np.float32, zero_point: int, dtype: np.dtype[Any]
) -> np.ndarray:
    """Round real numbers to integers as TensorFlow Lite's QUANTIZE kernel does.

    ``clamp(round(x / scale) + zero_point)`` with the division in float32 and halves rounded away
    from zero (``AffineQuantize`` in tflite/kernels/internal/reference/quantize.h).

    Args:
        values: float32, any shape, finite.
        scale: real value of one step.
        zero_point: integer that represents 0.0.
        dtype: int8, uint8 or int16; results are clamped to its range.
    """
    steps = values / scale
    # Add the float just below one half, not one half: 0.49999997 + 0.5 would round up to 1.
    steps += np.copysign(BELOW_HALF, steps)
    np.trunc(steps, out=steps)
    steps += np.float32(zero_point)
    least, greatest = LIMITS[dtype]
    np.maximum(steps, least, out=steps)  # takes a third of the time of numpy.clip for one clip
    np.minimum(steps, greatest, out=steps)
    return steps.astype(dtype)


class Interpreter:
    """A model file loaded in LiteRT; runs one example at a time and is not thread-safe.

    Args:
        model: bytes of a .tflite file with one input and one output.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the bytes are damaged, LiteRT lacks an operation, or input or output are
            not float32, int8, uint8 or int16.
    """

    def __init__(self, model: bytes, *, threads: int = 1, xnnpack: bool = True) -> None:
        if threads < 1:
            raise DataError(f"threads must be at least 1, got {threads}")
        if model[4:8] != IDENTIFIER:
            raise ModelFileError(
                f"not a .tflite model: {len(model)} bytes without the identifier "
                f"{IDENTIFIER.decode()}"
            )
        self.threads, self.xnnpack = threads, xnnpack
        kinds = OpResolverType
        resolver = kinds.AUTO if xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._litert = LiteRT(
                model_content=bytes(model),
                num_threads=threads,
                experimental_op_resolver_type=resolver,
            )
            self._litert.allocate_tensors()
            # it knows no types beyond numpy's, nor names that are not UTF-8
            inputs, outputs = self._litert.get_input_details(), self._litert.get_output_details()
        except (ValueError, RuntimeError) as error:
            reason = _reason(error)
            raise ModelFileError(
                f"LiteRT cannot load this model: {reason}; {_remedy(reason)}"
            ) from None
        self._run = self._litert.invoke
        if self._litert.num_subgraphs() > 1 and may_loop(model):
            self._run = LimitedRun(self._litert.invoke)
        self._input, self._output = self._edges(inputs, outputs)

    def _edges(self, inputs: Details, outputs: Details) -> tuple[Edge, Edge]:
        """Find the tensors that take examples and return results."""
        for side, details in (("input", inputs), ("output", outputs)):
            if len(details) != 1:
                raise OtherEdgesError(
                    f"a model must have exactly one {side}, this one has {len(details)}"
                )
        return edge_of("input", inputs[0]), edge_of("output", outputs[0])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example, without the batch."""
        return self._input.shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one example's output, without the batch."""
        return self._output.shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """Type of the file's input: float32, int8, uint8 or int16."""
        return self._input.dtype

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """Type of the file's output: float32, int8, uint8 or int16."""
        return self._output.dtype

    def require_sizes(self, inputs: int, outputs: int, *, stated: str) -> None:
        """Require the model to take and return as many numbers per example as stated elsewhere.

        Raises:
            ModelFileError: if it does not; ``stated`` says what was expected.
        """
        if (inputs, outputs) != (math.prod(self.input_shape), math.prod(self.output_shape)):
            raise ModelFileError(
                f"the model takes {self.input_shape} and gives {self.output_shape}, but {stated} "
                "are stated by its card, or without one by recipe and data: they belong to another "
                "model"
            )

    def run(self, batch: np.ndarray) -> Float32Array:
        """Run a batch and return its outputs as real numbers, whatever the file's own types are.

        Integer inputs are rounded as :func:`quantize` states.

        Args:
            batch: (n, ...) real numbers; each example has as many values as :attr:`input_shape`,
                in the same order (its own shape may differ, e.g. lack a channel axis).

        Returns:
            (n, ...) float32, one :attr:`output_shape` per example.

        Raises:
            DataError: if an example does not have the size of the input, or is not finite.
        """
        batch = np.asarray(batch, np.float32)
        size = math.prod(self.input_shape)
        if batch.ndim < 1 or math.prod(batch.shape[1:]) != size:
            raise DataError(
                f"the model takes (n, {', '.join(map(str, self.input_shape))}), {size} values per "
                f"example; got an array of shape {batch.shape}"
            )
        if not np.isfinite(batch).all():
            raise DataError("model inputs must be finite, got NaN or infinity")
        inputs = self._input.quantize(batch)
        outputs = np.empty((len(batch), *self.output_shape), self.output_dtype)
        for i, example in enumerate(inputs):
            outputs[i] = self.run_raw(example)
        return self.to_real(outputs)

    def run_raw(self, example: np.ndarray) -> np.ndarray:
        """Run one example in the file's own types; the states of an LSTM start at zero.

        Args:
            example: as many values as :attr:`input_shape`, of :attr:`input_dtype`.

        Returns:
            The output, of :attr:`output_shape` and :attr:`output_dtype`.

        Raises:
            DataError: if size or dtype are not those of the input.
            ModelFileError: if LiteRT cannot run the model.
        """
        self.put(example)
        self.invoke()
        return self.take()

    def to_input(self, values: Float32Array) -> np.ndarray:
        """Convert real numbers to :attr:`input_dtype`; see :func:`quantize`."""
        return self._input.quantize(values)

    def to_real(self, values: np.ndarray) -> Float32Array:
        """Convert values of :attr:`output_dtype` to real numbers."""
        return self._output.dequantize(values)

    def put(self, example: np.ndarray) -> None:
        """Set the input, and the states to zero: the first step of :meth:`run_raw`.

        Raises:
            DataError: if size or dtype are not those of the input.
        """
        self._litert.set_tensor(self._input.index, self._fitting(example)[np.newaxis])
        self._litert.reset_all_variables()

    def _fitting(self, example: np.ndarray) -> np.ndarray:
        """Reshape the example to the input; raise an error if it does not fit."""
        if example.dtype != self.input_dtype or example.size != math.prod(self.input_shape):
            raise DataError(
                f"the model takes {self.input_dtype} with shape {self.input_shape}, "
                f"got {example.dtype} with shape {example.shape}"
            )
        return example.reshape(self.input_shape)

    def invoke(self) -> None:
        """Run the model: the second step of :meth:`run_raw`.

        Raises:
            ModelFileError: if LiteRT cannot run the model, or a loop in it does not end.
        """
        try:
            self._run()
        except ModelFileError:
            raise
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"LiteRT cannot run this model: {_reason(error)}") from None

    def take(self) -> np.ndarray:
        """Return the output, of :attr:`output_dtype`: the third step of :meth:`run_raw`.

        Raises:
            ModelFileError: if the model gives none, or one of another shape.
        """
        try:
            output: np.ndarray = self._litert.get_tensor(self._output.index)
            return output.reshape(self.output_shape)
        except ValueError as error:
            raise ModelFileError(
                f"this model gives no output of shape {self.output_shape}: {_reason(error)}; does "
                "it compute anything? motefit inspect lists its operators"
            ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _remedy(reason: str) -> str:
    if any(words in reason for words in LACKING):
        return (
            "this LiteRT lacks an operation of the model: update LiteRT (pip install --upgrade "
            "ai-edge-litert), or export the model without that operation"
        )
    return "copy or export the file again"


def edge_of(side: str, tensor: Mapping[str, Any]) -> Edge:
    """Convert LiteRT's description of an input or output.

    Raises:
        OtherEdgesError: if the runtime does not support its type or shape.
    """
    dtype = np.dtype(tensor["dtype"])
    scale, zero_point = tensor["quantization"]
    if dtype != np.float32 and (dtype not in LIMITS or not scale > 0):
        raise OtherEdgesError(
            f"the model's {side} must be float32, or int8, uint8 or int16 with a scale; "
            f"it is {dtype} with scale {scale}"
        )
    shape = tuple(int(size) for size in tensor["shape"])
    if not shape or shape[0] != 1:
        raise OtherEdgesError(
            f"the first dimension of the model's {side} must be 1 (the batch); its shape is {shape}"
        )
    return Edge(
        index=int(tensor["index"]),
        shape=shape[1:],
        dtype=dtype,
        scale=np.float32(scale) if dtype != np.float32 else np.float32(1.0),
        zero_point=int(zero_point),
    )
