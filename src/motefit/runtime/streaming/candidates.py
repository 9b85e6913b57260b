"""Candidates for words in an unbounded audio stream: only new frames, constant memory.

Audio of any rate, in chunks of any length, is resampled and cut into hops. Each hop adds its frames
to those of the last second. If there is a loudness peak in the middle of that window, the network
evaluates it, and its results for overlapping windows are combined into one candidate
(:mod:`motefit.runtime.streaming.detector`). A network in streaming form processes each frame as it
arrives instead, and computes none twice. The result does not depend on how the audio is cut into
chunks.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.detector import (
    CandidateFinder,
    DetectionPostprocessor,
    StreamingSettings,
    WordCandidate,
)
from motefit.runtime.streaming.peaks import SegmentDetector
from motefit.runtime.streaming.window import window_of
from motefit.signal.resample import Resampler
from motefit.spec.decision import Decision
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowEvaluation:
    """The network's answer for one window of the stream.

    Attributes:
        probabilities: (labels,) float32.
        received_s: seconds of audio received up to then.
        seconds: processing time of the hop: its features and the network.
    """

    probabilities: Float32Array
    received_s: float
    seconds: float


def hop_samples(settings: StreamingSettings, frontend: FrontEnd, *, step_frames: int = 1) -> int:
    """Compute the samples of a hop: about ``hop_ms``, in whole steps of a network.

    Args:
        settings: with the wanted length.
        frontend: of the model.
        step_frames: frames of a step.
    """
    step = step_frames * frontend.frame_step
    return max(round(settings.hop_ms / 1000 * frontend.rate_hz / step), 1) * step


class CandidateStream:
    """The sounds of one audio stream that may be words, with the network's answers.

    Attributes:
        latest: latest evaluation; None before the first.
        evaluations: number of evaluations.
        evaluated_s: total seconds that they took.

    Args:
        spotter: the model.
        rate_hz: sampling rate of the audio; None: the front end's.
        settings: settings of the detection.

    Raises:
        DataError: for a rate below 1.
        RecipeError: if a hop is longer than the model's clip, or an ignored label is unknown.
    """

    def __init__(
        self,
        spotter: KeywordSpotter,
        *,
        rate_hz: int | None = None,
        settings: StreamingSettings | None = None,
    ) -> None:
        frontend = spotter.io.frontend
        self.spotter, self.settings = spotter, settings or StreamingSettings()
        self.decision = self.settings.decision or spotter.io.decision or Decision()
        self.rate_hz = frontend.rate_hz if rate_hz is None else rate_hz
        self._window = window_of(spotter)
        self._hop_samples = hop_samples(
            self.settings, frontend, step_frames=self._window.step_frames
        )
        if self._hop_samples > frontend.clip_samples:
            raise RecipeError(
                f"hop_ms is {self.settings.hop_ms:g}, but the model's window is only "
                f"{1000 * frontend.seconds:g} ms long: choose a shorter hop"
            )
        unknown = set(self.settings.ignored) - set(spotter.io.labels)
        if unknown:
            raise RecipeError(
                f"ignored: {', '.join(sorted(unknown))}: not a label of this model; "
                f"its labels are {', '.join(spotter.io.labels)}"
            )
        self._resampler = Resampler(self.rate_hz, frontend.rate_hz)
        self._segments = SegmentDetector(
            self.decision,
            hop_samples=self._hop_samples,
            clip_samples=frontend.clip_samples,
            rate_hz=frontend.rate_hz,
        )
        self._finder = CandidateFinder(spotter.io.labels, hop_s=self.hop_s, clip_s=frontend.seconds)
        self._pieces: list[Float32Array] = []
        self._waiting = self._hops = 0
        self._skipped_s = 0.0
        self.latest: WindowEvaluation | None = None
        self.evaluations, self.evaluated_s = 0, 0.0

    def postprocessor(self, decision: Decision | None = None) -> DetectionPostprocessor:
        """Return a postprocessor of these candidates; by default with the stream's decision."""
        return DetectionPostprocessor(
            decision or self.decision,
            unreported={*self.settings.ignored, *self.spotter.io.rejects},
        )

    @property
    def hop_s(self) -> float:
        """Seconds between two evaluations of the window."""
        return self._hop_samples / self.spotter.io.frontend.rate_hz

    @property
    def received_s(self) -> float:
        """Seconds of sound processed or skipped, exact however long the stream."""
        heard_s = self._hops * self._hop_samples / self.spotter.io.frontend.rate_hz
        return self._skipped_s + heard_s

    def push(self, pcm: np.ndarray) -> list[WordCandidate]:
        """Add audio; return the candidates that are now complete, oldest first.

        Args:
            pcm: (samples,) at ``rate_hz``, any number; int16, or float32 with full scale 1.0.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples; the stream stays
                unchanged.
        """
        return self._advance(self._resampler.push(pcm))

    def finish(self) -> list[WordCandidate]:
        """Return the candidates at the end of the audio, and :meth:`reset`.

        The audio is continued with the quietest recent hop, so that its last word passes through
        the middle of the window, too.
        """
        found = self._advance(self._resampler.finish())
        received = self._hops
        if self._segments.has_sound:
            room = self._segments.room()
            lead = room[: self._hop_samples - self._waiting]
            hops = -(-self.spotter.io.frontend.clip_samples // self._hop_samples) + 1
            found += self._advance(np.concatenate((lead, np.tile(room, hops))))
        self.reset()
        self._hops = received
        return found

    def reset(self, *, rate_hz: int | None = None, skipped_s: float = 0.0) -> None:
        """Discard all audio, e.g. after a gap; the clock keeps running.

        Args:
            rate_hz: sampling rate of the audio to come; None: unchanged.
            skipped_s: seconds that passed without audio.
        """
        self._skipped_s += skipped_s
        if rate_hz is not None and rate_hz != self.rate_hz:
            self._resampler = Resampler(rate_hz, self.spotter.io.frontend.rate_hz)
            self.rate_hz = rate_hz
        self._resampler.reset()
        self._window.reset()
        self._segments.reset()
        self._finder.reset()
        self._pieces, self._waiting = [], 0

    def _advance(self, samples: Float32Array) -> list[WordCandidate]:
        self._pieces.append(samples)
        self._waiting += len(samples)
        if self._waiting < self._hop_samples:
            return []
        sound = np.concatenate(self._pieces)
        whole = len(sound) - len(sound) % self._hop_samples
        self._pieces, self._waiting = [sound[whole:].copy()], len(sound) - whole
        hops = sound[:whole].reshape(-1, self._hop_samples)
        return [found for hop in hops for found in self._hop(hop.copy())]

    def _hop(self, hop: Float32Array) -> list[WordCandidate]:
        self._hops += 1
        started = time.perf_counter()
        self._window.push(hop)
        near, peaks = self._segments.push(hop)
        probabilities = self._window.probabilities() if near else None
        if probabilities is not None:
            seconds = time.perf_counter() - started
            self.latest = WindowEvaluation(
                probabilities=probabilities, received_s=self.received_s, seconds=seconds
            )
            self.evaluations += 1
            self.evaluated_s += seconds
        return self._finder.push(probabilities, peaks, now_s=self.received_s)
