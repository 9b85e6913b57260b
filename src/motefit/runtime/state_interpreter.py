"""A network in streaming form: new frames and the states of the past in, outputs and states out.

A file in this form has its states behind its input and its output, in one order, as
:mod:`motefit.graph.streaming_form` writes them. Nothing is kept here: a stream holds its own
states, so that one interpreter serves any number of streams.
"""

import math
from typing import Any

import numpy as np

from motefit.runtime.interpreter import Details, Edge, Interpreter, edge_of
from motefit.spec.errors import DataError, ModelFileError

States = tuple[np.ndarray, ...]
"""What a network keeps of the past: arrays in the file's own types, never changed in place."""


class StateInterpreter(Interpreter):
    """A model file in streaming form, by steps, or on whole clips as any other model.

    On a clip it begins without a past and steps through to the end: the same numbers as the
    network that takes whole clips.

    Args:
        model: bytes of a .tflite file in streaming form.
        frames: of a clip.
        threads: of LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: for damaged bytes, or a model that is not in streaming form.
    """

    def __init__(
        self, model: bytes, *, frames: int, threads: int = 1, xnnpack: bool = True
    ) -> None:
        self._before: tuple[Edge, ...] = ()
        self._after: tuple[Edge, ...] = ()
        super().__init__(model, threads=threads, xnnpack=xnnpack)
        self._frames = frames
        self._clip = np.zeros(self._input.shape, self.input_dtype)

    def _edges(self, inputs: Details, outputs: Details) -> tuple[Edge, Edge]:
        befores = [edge_of("state", tensor) for tensor in inputs[1:]]
        afters = [edge_of("state", tensor) for tensor in outputs[1:]]
        if not befores or [_form(e) for e in befores] != [_form(e) for e in afters]:
            raise ModelFileError(
                "a model in streaming form is needed, whose inputs behind the first come back as "
                f"outputs; this one has {len(inputs)} inputs and {len(outputs)} outputs"
            )
        self._before, self._after = tuple(befores), tuple(afters)
        return edge_of("input", inputs[0]), edge_of("output", outputs[0])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a clip, without the batch."""
        return (self._frames, *self._input.shape[1:])

    @property
    def step_frames(self) -> int:
        """Frames that a step takes."""
        return self._input.shape[0]

    @property
    def lead_frames(self) -> int:
        """Frames of 0 that come before the first sound, so that a clip ends with a step."""
        return -self._frames % self.step_frames

    def at_rest(self) -> States:
        """The states where no sound has been."""
        return tuple(np.full((1, *e.shape), e.zero_point, e.dtype) for e in self._before)

    def step(self, frames: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """The next frames.

        Args:
            frames: as many values as ``step_frames`` frames, of :attr:`input_dtype`.
            states: that the step before gave, or :meth:`at_rest`.

        Returns:
            The output for the clip's length of sound that ends now, of :attr:`output_dtype`, which
            says nothing before so much was heard; and the new states.

        Raises:
            ModelFileError: when LiteRT cannot run the model.
        """
        litert = self._litert
        litert.set_tensor(self._input.index, frames.reshape(1, *self._input.shape))
        for edge, state in zip(self._before, states, strict=True):
            litert.set_tensor(edge.index, state)
        super().invoke()
        after = tuple([litert.get_tensor(edge.index) for edge in self._after])
        return self.take(), after

    def put(self, example: np.ndarray) -> None:
        """Take a clip.

        Raises:
            DataError: for another size or dtype.
        """
        if example.dtype != self.input_dtype or example.size != math.prod(self.input_shape):
            raise DataError(
                f"the model takes clips of {self.input_dtype} of shape {self.input_shape}, "
                f"got {example.dtype} of shape {example.shape}"
            )
        clip = example.reshape(self.input_shape)
        lead = np.full((self.lead_frames, *clip.shape[1:]), self._input.zero_point, clip.dtype)
        self._clip = np.concatenate((lead, clip))

    def invoke(self) -> None:
        """Step through the clip.

        Raises:
            ModelFileError: when LiteRT cannot run the model.
        """
        states = self.at_rest()
        for frames in self._clip.reshape(-1, *self._input.shape):
            _, states = self.step(frames, states)


def _form(edge: Edge) -> tuple[Any, ...]:
    return edge.shape, edge.dtype, float(edge.scale), edge.zero_point
