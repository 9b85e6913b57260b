"""Whether a model in streaming form says what it says of whole clips, and what a step costs."""

from dataclasses import dataclass

import numpy as np

from motefit.measure.latency import Subject
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming_window import StateWindow, window_of
from motefit.spec.errors import ModelFileError
from motefit.spec.tasks.keyword_spotting import SpeechIO

CHUNK_CLIPS = 128


@dataclass(frozen=True, kw_only=True)
class StreamAgreement:
    """Two forms of a model on the same clips, each from a start without a past.

    Attributes:
        clips: that both heard.
        same_label: of them, given the same label by both, with LiteRT's defaults.
        equal: of them, given the same probabilities bit for bit by the builtin kernels.
        probability_difference: greatest difference of a word's probability, with the defaults.
    """

    clips: int
    same_label: int
    equal: int
    probability_difference: float

    @property
    def proven(self) -> bool:
        """Whether the two are the same model, bit for bit."""
        return self.equal == self.clips > 0


def compare_streaming(
    plain: bytes, io: SpeechIO, streaming: bytes, streaming_io: SpeechIO, pcm: np.ndarray
) -> StreamAgreement:
    """Run both forms on some clips.

    Args:
        plain: the .tflite file that takes the features of a clip.
        io: its section of the card.
        streaming: the .tflite file in streaming form.
        streaming_io: its section of the card.
        pcm: (n, samples) at the front end's rate; int16, or float32 with full scale 1.0.
    """
    same, equal, apart = 0, 0, [0.0]
    for xnnpack in (True, False):
        clips = KeywordSpotter(plain, io, xnnpack=xnnpack)
        steps = KeywordSpotter(streaming, streaming_io, xnnpack=xnnpack)
        for start in range(0, len(pcm), CHUNK_CLIPS):
            inputs = clips.inputs(pcm[start : start + CHUNK_CLIPS])
            one, other = clips.infer(inputs), steps.infer(inputs)
            if xnnpack:
                same += int((one.argmax(axis=1) == other.argmax(axis=1)).sum())
                apart.append(float(np.abs(one - other).max()))
            else:
                equal += int((one == other).all(axis=1).sum())
    return StreamAgreement(
        clips=len(pcm), same_label=same, equal=equal, probability_difference=max(apart)
    )


class Step:
    """One step of a stream as a pipeline: front end and network of the newest frames.

    Args:
        spotter: a model in streaming form.

    Raises:
        ModelFileError: when it is in another form.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        window = window_of(spotter)
        if not isinstance(window, StateWindow):
            raise ModelFileError(f"this model takes {spotter.io.input}; its card says no stream")
        self.interpreter: Interpreter = spotter.interpreter
        self.samples = window.step_frames * spotter.io.frontend.frame_step
        self._window = window
        window.push(np.zeros(spotter.io.frontend.clip_samples, np.float32))

    def inputs(self, samples: np.ndarray) -> np.ndarray:
        """Normalised features of the frames that (1, samples) float32 complete."""
        return self._window.frames(samples[0])

    def infer(self, frames: np.ndarray) -> np.ndarray:
        """Probabilities (1, labels) after those frames; None says that no clip was heard."""
        self._window.take(frames)
        said = self._window.probabilities()
        return np.zeros((1, 0), np.float32) if said is None else said[np.newaxis]


def step_subject(model: bytes, io: SpeechIO) -> Subject:
    """A step of a model in streaming form, with the noise of its next frames.

    Args:
        model: bytes of the .tflite file.
        io: its labels, front end and normalisation.
    """
    step = Step(KeywordSpotter(model, io))
    noise = np.random.default_rng(0).normal(0, 0.05, (1, step.samples)).astype(np.float32)
    return Subject(pipeline=step, example=noise)
