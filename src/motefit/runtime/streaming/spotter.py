"""Word detection in an unbounded audio stream: the words among its candidates."""

import numpy as np

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.candidates import CandidateStream
from motefit.runtime.streaming.detector import Detection, StreamingSettings
from motefit.runtime.streaming.window import Window, window_of
from motefit.spec.decision import Decision

__all__ = ["Detection", "StreamingSettings", "StreamingSpotter", "Window", "window_of"]


class StreamingSpotter:
    """A keyword model applied to one audio stream.

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
        self.candidates = CandidateStream(spotter, rate_hz=rate_hz, settings=settings)
        self._postprocessor = self.candidates.postprocessor()

    @property
    def spotter(self) -> KeywordSpotter:
        """The model."""
        return self.candidates.spotter

    @property
    def settings(self) -> StreamingSettings:
        """The settings of the detection."""
        return self.candidates.settings

    @property
    def rate_hz(self) -> int:
        """Sampling rate of the audio."""
        return self.candidates.rate_hz

    @property
    def hop_s(self) -> float:
        """Seconds between two evaluations of the window."""
        return self.candidates.hop_s

    @property
    def received_s(self) -> float:
        """Seconds of sound processed or skipped, exact however long the stream."""
        return self.candidates.received_s

    @property
    def decision(self) -> Decision:
        """Decision that says which candidates are words."""
        return self._postprocessor.decision

    def decide_by(self, decision: Decision) -> None:
        """Use another decision for the candidates that follow.

        Args:
            decision: decision whose threshold, agreement and refractory time are used; which sounds
                are candidates does not change.
        """
        self._postprocessor.decision = decision

    def push(self, pcm: np.ndarray) -> list[Detection]:
        """Add audio; return the words that are now certain, oldest first.

        Args:
            pcm: (samples,) at ``rate_hz``, any number; int16, or float32 with full scale 1.0.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples; the stream stays
                unchanged.
        """
        return self._postprocessor.detect(self.candidates.push(pcm))

    def finish(self) -> list[Detection]:
        """Return the words at the end of the audio, and :meth:`reset`.

        The audio is continued with the quietest recent hop, so that its last word passes through
        the middle of the window, too.
        """
        found = self._postprocessor.detect(self.candidates.finish())
        self._postprocessor.reset()
        return found

    def reset(self, *, rate_hz: int | None = None, skipped_s: float = 0.0) -> None:
        """Discard all audio, e.g. after a gap; the clock keeps running.

        Args:
            rate_hz: sampling rate of the audio to come; None: unchanged.
            skipped_s: seconds that passed without audio.
        """
        self.candidates.reset(rate_hz=rate_hz, skipped_s=skipped_s)
        self._postprocessor.reset()
