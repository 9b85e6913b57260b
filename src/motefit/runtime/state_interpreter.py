"""Networks in streaming form: new frames and past states in, outputs and new states out.

A file in this form has its states after its input and its output, in the same order, as
:mod:`motefit.graph.streaming_form` writes them. The interpreter keeps no states: each stream holds
its own, so that one interpreter serves any number of streams.
"""

from typing import Any

import numpy as np

from motefit.runtime.interpreter import Details, Edge, Interpreter, edge_of
from motefit.spec.errors import ModelFileError

States = tuple[np.ndarray, ...]
"""States that carry a network's past: arrays in the file's own types, never changed in place."""


class StateInterpreter(Interpreter):
    """Interpreter of a model file in streaming form: step by step, or on whole clips.

    For a whole clip it starts without a past and steps through to the end, which gives the same
    numbers as the network that takes whole clips.

    Args:
        model: bytes of a .tflite file in streaming form.
        frames: number of frames in a clip.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the bytes are damaged, or the model is not in streaming form.
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
                "a model in streaming form is needed: every input after the first comes back as an "
                f"output; this one has {len(inputs)} inputs and {len(outputs)} outputs"
            )
        self._before, self._after = tuple(befores), tuple(afters)
        return edge_of("input", inputs[0]), edge_of("output", outputs[0])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a clip, without the batch."""
        return (self._frames, *self._input.shape[1:])

    @property
    def step_frames(self) -> int:
        """Number of frames that one step takes."""
        return self._input.shape[0]

    @property
    def lead_frames(self) -> int:
        """Number of zero frames before the first sound, so that a clip ends with a whole step."""
        return -self._frames % self.step_frames

    def at_rest(self) -> States:
        """Return the states before any sound."""
        return tuple(np.full((1, *e.shape), e.zero_point, e.dtype) for e in self._before)

    def step(self, frames: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Process the next frames.

        Args:
            frames: as many values as ``step_frames`` frames, of :attr:`input_dtype`.
            states: returned by the previous step, or by :meth:`at_rest`.

        Returns:
            The output for the last clip's length of sound, of :attr:`output_dtype`, which is
            meaningless until that much sound has been received; and the new states.

        Raises:
            ModelFileError: if LiteRT cannot run the model.
        """
        litert = self._litert
        litert.set_tensor(self._input.index, frames.reshape(1, *self._input.shape))
        for edge, state in zip(self._before, states, strict=True):
            litert.set_tensor(edge.index, state)
        super().invoke()
        after = tuple([litert.get_tensor(edge.index) for edge in self._after])
        return self.take(), after

    def put(self, example: np.ndarray) -> None:
        """Set the clip to be processed.

        Raises:
            DataError: if size or dtype are not those of a clip.
        """
        clip = self._fitting(example)
        lead = np.full((self.lead_frames, *clip.shape[1:]), self._input.zero_point, clip.dtype)
        self._clip = np.concatenate((lead, clip))

    def invoke(self) -> None:
        """Step through the clip.

        Raises:
            ModelFileError: if LiteRT cannot run the model.
        """
        states = self.at_rest()
        for frames in self._clip.reshape(-1, *self._input.shape):
            _, states = self.step(frames, states)


def _form(edge: Edge) -> tuple[Any, ...]:
    return edge.shape, edge.dtype, float(edge.scale), edge.zero_point
