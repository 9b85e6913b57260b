"""The network's output for the last clip's length of sound, kept up to date hop by hop.

A network that takes features or samples processes the whole window at each evaluation. One in
streaming form processes each frame as it arrives, and its states hold what it needs from the past.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.normalize import Normalizer
from motefit.runtime.state_interpreter import StateInterpreter
from motefit.signal.features import features_of

Float32Array = NDArray[np.float32]


class Window(Protocol):
    """The last clip's length of sound, in the form a network takes."""

    @property
    def step_frames(self) -> int:
        """Number of frames of which a hop should be a multiple."""

    def push(self, hop: Float32Array) -> None:
        """Add (hop_samples,) float32 samples at the front end's rate; they are checked already."""

    def probabilities(self) -> Float32Array | None:
        """Return (labels,) float32; None before a whole clip has been received."""

    def reset(self) -> None:
        """Discard all sound."""


def window_of(spotter: KeywordSpotter) -> Window:
    """Create the window that matches a model's input: features, samples or states."""
    if isinstance(spotter.interpreter, StateInterpreter):
        return StateWindow(spotter, spotter.interpreter)
    if spotter.io.input == "audio":
        return SampleWindow(spotter)
    return FeatureWindow(spotter) if spotter.io.frontend.gain_dbfs is None else GainWindow(spotter)


class WholeWindow(ABC):
    """A window that the network processes as a whole at each evaluation."""

    step_frames = 1

    def __init__(self, spotter: KeywordSpotter) -> None:
        self._spotter = spotter

    @abstractmethod
    def inputs(self) -> Float32Array | None:
        """Return (1, ...) float32 for :meth:`KeywordSpotter.infer`; None before a whole clip."""

    def probabilities(self) -> Float32Array | None:
        """Return (labels,) float32; None before a whole clip has been received."""
        inputs = self.inputs()
        return None if inputs is None else np.asarray(self._spotter.infer(inputs)[0])


class FeatureWindow(WholeWindow):
    """Window of the normalized features of the last clip's length of sound.

    Args:
        spotter: model whose front end and normalization to use.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        super().__init__(spotter)
        frontend = spotter.io.frontend
        self._stream = features_of(frontend).stream()
        self._normalizer = Normalizer(spotter.io.normalization, columns=frontend.features)
        self._shape = frontend.shape
        self._rows = np.zeros((0, frontend.features), np.float32)

    def push(self, hop: Float32Array) -> None:
        """Compute the frames that the hop completes, and drop the oldest ones."""
        rows = self._normalizer.apply(self._stream.advance(hop))
        self._rows = np.concatenate((self._rows, rows))[-self._shape[0] :]

    def inputs(self) -> Float32Array | None:
        """Return (1, frames, features) float32; None before a whole clip."""
        return self._rows[np.newaxis] if self._rows.shape == self._shape else None

    def reset(self) -> None:
        """Discard all sound."""
        self._stream.reset()
        self._rows = self._rows[:0]


class SampleWindow(WholeWindow):
    """Window of the samples themselves, for a model with its front end inside.

    Args:
        spotter: model whose clip length to use.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        super().__init__(spotter)
        self._samples = spotter.io.frontend.clip_samples
        self._sound = np.zeros(0, np.float32)

    def push(self, hop: Float32Array) -> None:
        """Add the samples, and drop the oldest ones."""
        self._sound = np.concatenate((self._sound, hop))[-self._samples :]

    def inputs(self) -> Float32Array | None:
        """Return (1, clip_samples) float32; None before a whole clip."""
        return self._sound[np.newaxis] if len(self._sound) == self._samples else None

    def reset(self) -> None:
        """Discard all sound."""
        self._sound = self._sound[:0]


class GainWindow(SampleWindow):
    """Window of the samples, for a front end with automatic gain: features are those of the clip.

    Args:
        spotter: model whose front end and normalization to use.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        super().__init__(spotter)
        frontend = spotter.io.frontend
        self._features = features_of(frontend)
        self._normalizer = Normalizer(spotter.io.normalization, columns=frontend.features)

    def inputs(self) -> Float32Array | None:
        """Return (1, frames, features) float32; None before a whole clip."""
        sound = super().inputs()
        if sound is None:
            return None
        return self._normalizer.apply(self._features.clip(sound[0]))[np.newaxis]


class StateWindow:
    """Window in the form of the states of a network in streaming form.

    After :meth:`reset` its output for the first clip's length equals the network's output for that
    clip; later, a causal network's states also reflect sound from before the window.

    Args:
        spotter: model whose front end and normalization to use.
        network: network that takes the steps; other windows may share it.
    """

    def __init__(self, spotter: KeywordSpotter, network: StateInterpreter) -> None:
        frontend = spotter.io.frontend
        self._spotter, self._network = spotter, network
        self._stream = features_of(frontend).stream()
        self._normalizer = Normalizer(spotter.io.normalization, columns=frontend.features)
        self.step_frames = network.step_frames
        self._start()

    def _start(self) -> None:
        """Set the states at rest, and lead in with zeros so that a clip ends with a whole step."""
        lead, frontend = self._network.lead_frames, self._spotter.io.frontend
        self._rest = np.zeros((lead, frontend.features), np.float32)
        self._missing = (lead + frontend.frames) // self.step_frames
        self._states = self._network.at_rest()
        self._output = np.zeros(0, self._network.output_dtype)

    def push(self, hop: Float32Array) -> None:
        """Compute the frames that the hop completes, and the network's steps that they allow."""
        self.take(self.frames(hop))

    def frames(self, hop: Float32Array) -> Float32Array:
        """Compute normalized features (frames, features), float32: first half of :meth:`push`."""
        return self._normalizer.apply(self._stream.advance(hop))

    def take(self, rows: Float32Array) -> None:
        """Take the steps of the network: second half of :meth:`push`."""
        if len(self._rest):
            rows = np.concatenate((self._rest, rows))
        whole = len(rows) - len(rows) % self.step_frames
        self._rest = rows[whole:]
        values = self._network.to_input(rows[:whole])
        for first in range(0, whole, self.step_frames):
            frames = values[first : first + self.step_frames]
            self._output, self._states = self._network.step(frames, self._states)
        self._missing = max(self._missing - whole // self.step_frames, 0)

    def probabilities(self) -> Float32Array | None:
        """Return (labels,) float32 for the sound up to the last whole step; None before a clip."""
        if self._missing:
            return None
        outputs = self._network.to_real(self._output[np.newaxis])
        return np.asarray(self._spotter.probabilities(outputs)[0])

    def reset(self) -> None:
        """Discard all sound."""
        self._stream.reset()
        self._start()
