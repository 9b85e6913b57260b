"""Model files of any origin: several inputs and outputs, any number type, batches, states.

:class:`~motefit.runtime.interpreter.Interpreter` takes examples; these classes take the file's
tensors as they are.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from motefit.runtime.interpreter import Details, Edge, Interpreter, edge_of
from motefit.spec.errors import ModelFileError

KINDS = "fiub"
"""Kinds of NumPy's types that inputs may have: real numbers, integers, truth values."""


class TensorInterpreter(Interpreter):
    """A model file run on whole tensors in its own types; states persist from run to run.

    Args:
        model: bytes of a .tflite file.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the bytes are damaged, LiteRT lacks an operation, or an input is not
            numeric.
    """

    def __init__(self, model: bytes, *, threads: int = 1, xnnpack: bool = True) -> None:
        self._sources: Details = ()
        self._results: Details = ()
        super().__init__(model, threads=threads, xnnpack=xnnpack)

    def _edges(self, inputs: Details, outputs: Details) -> tuple[Edge, Edge]:
        for tensor in inputs:
            if np.dtype(tensor["dtype"]).kind not in KINDS:
                raise ModelFileError(
                    f"the input {tensor['name']!r} has the type {np.dtype(tensor['dtype'])}; "
                    "real numbers, integers and truth values can be given"
                )
        self._sources, self._results = inputs, outputs
        edge = Edge(
            index=0, shape=(), dtype=np.dtype(np.float32), scale=np.float32(1), zero_point=0
        )
        return edge, edge

    @property
    def batch(self) -> int:
        """First dimension of the first input; 1 if it has none."""
        return next((int(t["shape"][0]) for t in self._sources[:1] if len(t["shape"])), 1)

    def random_inputs(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw an array for each input: normal numbers, quantized integers, or indices 0 and 1."""
        return tuple(_drawn(t["shape"], np.dtype(t["dtype"]), rng) for t in self._sources)

    def run_tensors(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Set every input, invoke, and read every output.

        Args:
            arrays: one per input, in its own shape and type.

        Raises:
            ModelFileError: if LiteRT cannot run the model on them.
        """
        try:
            for tensor, array in zip(self._sources, arrays, strict=True):
                self._litert.set_tensor(tensor["index"], array)
            self.invoke()
            return tuple(self._litert.get_tensor(tensor["index"]) for tensor in self._results)
        except ValueError as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(f"LiteRT cannot run this model: {error}") from None


def _drawn(shape: Sequence[int], dtype: np.dtype[Any], rng: np.random.Generator) -> np.ndarray:
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b" or dtype.itemsize > 2:  # indices and lengths
        return rng.integers(0, 2, shape).astype(dtype)
    bounds = np.iinfo(dtype)
    return rng.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)


class FrameInterpreter(Interpreter):
    """A model that takes a few frames at a time and keeps its past in variables of its own.

    It runs whole clips: the variables are reset, all frames are processed in order, and the last
    output is the clip's. Frames that do not fill a step are left out.

    Args:
        model: bytes of a .tflite file.
        shape: frames and features of a clip.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the model cannot be loaded, or a clip is shorter than a step.
    """

    def __init__(
        self, model: bytes, *, shape: tuple[int, int], threads: int = 1, xnnpack: bool = True
    ) -> None:
        super().__init__(model, threads=threads, xnnpack=xnnpack)
        self._clip_shape = shape
        self.step_frames, rest = divmod(math.prod(self._input.shape), shape[1])
        self.steps = shape[0] // max(self.step_frames, 1)
        if rest or not self.step_frames or not self.steps:
            raise ModelFileError(
                f"the model takes {self._input.shape} at a time, which is not a whole number of "
                f"frames of the front end, whose clip has {shape[0]} of {shape[1]} features"
            )
        self._clip = np.zeros(shape, self.input_dtype)

    def _edges(self, inputs: Details, outputs: Details) -> tuple[Edge, Edge]:
        return edge_of("input", inputs[0]), edge_of("output", outputs[0])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a clip, without the batch."""
        return self._clip_shape

    def put(self, example: np.ndarray) -> None:
        """Set the clip, and discard the previous one.

        Raises:
            DataError: if size or dtype are not those of a clip.
        """
        self._clip = self._fitting(example)
        self._litert.reset_all_variables()

    def invoke(self) -> None:
        """Step through the clip.

        Raises:
            ModelFileError: if LiteRT cannot run the model.
        """
        whole = self._clip[: self.steps * self.step_frames]
        for frames in whole.reshape(self.steps, 1, *self._input.shape):
            self._litert.set_tensor(self._input.index, frames)
            super().invoke()
