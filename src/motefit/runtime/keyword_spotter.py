"""Classification of clips: front end, normalization, model, probabilities."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.bundle import load_bundle
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.normalize import Normalizer
from motefit.runtime.state_interpreter import StateInterpreter
from motefit.runtime.zoo import find_model
from motefit.signal.features import features_of
from motefit.signal.pcm import as_float32, require_samples
from motefit.signal.resample import resample
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import NAME, SpeechIO

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Result of classifying one clip.

    Attributes:
        label: the most probable word or reject class.
        probability: probability of that label, 0..1.
        probabilities: probability of every label, in their order.
        rejected: whether the clip is none of the words: its label is a reject class, its
            probability is below the threshold of the model's decision, or it is practically silent.
        start_s: position of the clip in a longer recording, in seconds.
        length_s: length of that recording; None if it is not longer than a clip.
        channel: the channel of two, from 1, that was classified because the other one is silent.
    """

    label: str
    probability: float
    probabilities: Mapping[str, float]
    rejected: bool = False
    start_s: float = 0.0
    length_s: float | None = None
    channel: int | None = None

    @property
    def word(self) -> str | None:
        """The word that was spoken; None if the clip is rejected."""
        return None if self.rejected else self.label


class KeywordSpotter:
    """Keyword model that classifies clips.

    Args:
        model: bytes of the .tflite file.
        io: labels, front end and normalization, from the card.
        threads: number of threads for LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the model cannot be loaded or does not match ``io``.
    """

    def __init__(
        self, model: bytes, io: SpeechIO, *, threads: int = 1, xnnpack: bool = True
    ) -> None:
        self.io = io
        if io.input == "stream":
            self.interpreter: Interpreter = StateInterpreter(
                model, frames=io.frontend.frames, threads=threads, xnnpack=xnnpack
            )
        else:
            self.interpreter = Interpreter(model, threads=threads, xnnpack=xnnpack)
        self._features = features_of(io.frontend)
        self._normalizer = Normalizer(io.normalization, columns=io.frontend.features)
        self.interpreter.require_sizes(
            math.prod(io.input_shape),
            len(io.labels),
            stated=f"{io.input} {io.input_shape} and {len(io.labels)} labels",
        )

    def __repr__(self) -> str:
        return f"<KeywordSpotter of {', '.join(self.io.labels)}>"

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 1, xnnpack: bool = True) -> "KeywordSpotter":
        """Open a shipped model by name, a bundle, or a .tflite file with its card beside it.

        Raises:
            ModelFileError: if it is missing, damaged, changed, or not a keyword model.
        """
        bundle = load_bundle(find_model(path), task=NAME)
        return cls(bundle.model, bundle.card.io, threads=threads, xnnpack=xnnpack)

    def inputs(self, pcm: np.ndarray) -> Float32Array:
        """Prepare the model's input for many clips: normalized features, or samples.

        A model with its front end inside takes samples.

        Args:
            pcm: (n, samples) at the front end's rate; int16, or float32 with full scale 1.0.
                Shorter clips are padded with zeros; longer ones are cropped to ``clip_samples``.

        Returns:
            (n, frames, features) float32; (n, clip_samples) if the front end is in the model.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples.
        """
        if self.io.input == "audio":
            return clips_of(pcm, self.io.frontend.clip_samples)
        return self._normalizer.apply(self._features.batch(pcm))

    def infer(self, inputs: Float32Array) -> Float32Array:
        """Compute probabilities from the result of :meth:`inputs`.

        Args:
            inputs: (n, ...) float32.

        Returns:
            (n, labels) float32.
        """
        return self.probabilities(self.interpreter.run(inputs))

    def probabilities(self, outputs: Float32Array) -> Float32Array:
        """Convert outputs (n, ...) of the model file to probabilities (n, labels), float32."""
        scores = outputs.reshape(len(outputs), len(self.io.labels))
        return softmax(scores) if self.io.output == "logits" else scores

    def classify(self, pcm: np.ndarray, rate_hz: int) -> Classification:
        """Classify one clip.

        Args:
            pcm: (samples,) int16, or float32 with full scale 1.0; one channel.
            rate_hz: its sampling rate; audio at other rates than the front end's is resampled.

        Raises:
            DataError: for another shape or dtype, NaN, no samples, or a rate below 1.
        """
        require_samples(pcm, dimensions=1)
        (row,) = self.classify_batch(pcm[np.newaxis], rate_hz)
        best = int(row.argmax())
        label, probability = self.io.labels[best], float(row[best])
        decision = self.io.decision or Decision()
        reported = label not in self.io.rejects and probability >= decision.threshold
        return Classification(
            label=label,
            probability=probability,
            probabilities=dict(zip(self.io.labels, map(float, row), strict=True)),
            rejected=not reported or level_dbfs(pcm) < decision.quietest_dbfs,
        )

    def classify_batch(self, pcm: np.ndarray, rate_hz: int | None = None) -> Float32Array:
        """Compute the probabilities of many clips of equal length.

        Args:
            pcm: (n, samples) int16, or float32 with full scale 1.0.
            rate_hz: their sampling rate; None: the front end's.

        Returns:
            (n, labels) float32.

        Raises:
            DataError: as in :meth:`classify`.
        """
        require_samples(pcm, dimensions=2)
        if pcm.shape[1] == 0:
            raise DataError(
                "a clip without samples cannot be classified; record or load some audio"
            )
        wanted = self.io.frontend.rate_hz
        if rate_hz is not None and rate_hz != wanted:
            clips = [resample(clip, rate_hz, wanted) for clip in pcm]
            pcm = np.stack(clips) if clips else pcm
        return self.infer(self.inputs(pcm))


def level_dbfs(pcm: np.ndarray) -> float:
    """Return the level of a clip (samples,) without its offset, in dB of full scale."""
    power = float(np.var(as_float32(pcm)))
    return 10 * math.log10(power) if power > 0 else -math.inf


def clips_of(pcm: np.ndarray, samples: int) -> Float32Array:
    """Convert clips to float32 with full scale 1.0, cropped or padded with zeros at the end.

    Args:
        pcm: (n, any) int16 or float32.
        samples: number of samples in a clip.

    Returns:
        (n, samples) float32.

    Raises:
        DataError: for another shape or dtype, NaN or infinite samples.
    """
    require_samples(pcm, dimensions=2)
    out = np.zeros((len(pcm), samples), np.float32)
    for clip, row in zip(pcm, out, strict=True):
        row[: len(clip)] = as_float32(clip)[:samples]
    return out


def softmax(scores: Float32Array) -> Float32Array:
    """Convert logits to probabilities along the last axis, without overflow."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
