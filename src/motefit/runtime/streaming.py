"""Words in an endless stream of sound: only new frames are computed, memory is constant.

Sound of any rate, in chunks of any length, is resampled and cut into hops. Each hop adds its frames
to those of the last second; where a word stands in the middle of that window
(:mod:`motefit.runtime.streaming_gate`), the network looks at it, and what it says about overlapping
windows is joined into one report (:mod:`motefit.runtime.streaming_decision`). What is found does
not depend on how the sound was cut into chunks.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.normalise import Normaliser
from motefit.runtime.streaming_decision import Decider
from motefit.runtime.streaming_gate import SpeechGate
from motefit.runtime.streaming_settings import Detection, StreamingSettings
from motefit.signal.features import features_of
from motefit.signal.resample import Resampler
from motefit.spec.errors import RecipeError

__all__ = ["Detection", "StreamingSettings", "StreamingSpotter", "Window", "window_of"]

Float32Array = NDArray[np.float32]


class Window(Protocol):
    """What a network sees of the last clip's length of sound, kept up to date hop by hop."""

    def push(self, hop: Float32Array) -> None:
        """Take (hop_samples,) float32 samples at the front end's rate."""

    def inputs(self) -> Float32Array | None:
        """(1, ...) float32 as :meth:`KeywordSpotter.infer` takes it; None before a whole clip."""

    def reset(self) -> None:
        """Forget all sound."""


class StreamingSpotter:
    """A keyword model that listens; for one stream at a time.

    Args:
        spotter: the model.
        rate_hz: of the sound; None: the front end's.
        settings: how probabilities become words.

    Raises:
        DataError: for a rate below 1.
        RecipeError: when a hop is longer than the model's clip, or an ignored label is unknown.
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
        self.rate_hz = frontend.rate_hz if rate_hz is None else rate_hz
        frames = max(round(self.settings.hop_ms / 1000 * frontend.rate_hz / frontend.frame_step), 1)
        self._hop_samples = frames * frontend.frame_step
        if self._hop_samples > frontend.clip_samples:
            raise RecipeError(
                f"hop_ms is {self.settings.hop_ms:g}, but the model looks at "
                f"{1000 * frontend.seconds:g} ms: a shorter hop is needed"
            )
        unknown = set(self.settings.ignored) - set(spotter.io.labels)
        if unknown:
            raise RecipeError(
                f"ignored: {', '.join(sorted(unknown))}: no label of this model; "
                f"it has {', '.join(spotter.io.labels)}"
            )
        self._resampler = Resampler(self.rate_hz, frontend.rate_hz)
        self._window = window_of(spotter)
        self._gate = SpeechGate(
            self.settings,
            hop_samples=self._hop_samples,
            clip_samples=frontend.clip_samples,
            rate_hz=frontend.rate_hz,
        )
        self._decider = Decider(spotter.io.labels, self.settings, hop_s=self.hop_s)
        self._pieces: list[Float32Array] = []
        self._waiting = self._hops = 0

    @property
    def hop_s(self) -> float:
        """Seconds between two looks at the window."""
        return self._hop_samples / self.spotter.io.frontend.rate_hz

    @property
    def heard_s(self) -> float:
        """Seconds of sound that were looked at, exact however long the stream."""
        return self._hops * self._hop_samples / self.spotter.io.frontend.rate_hz

    def push(self, pcm: np.ndarray) -> list[Detection]:
        """Add sound; the words that are certain by now, oldest first.

        Args:
            pcm: (samples,) at ``rate_hz``, any number; int16, or float32 with full scale 1.0.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples; the stream is
                unchanged then.
        """
        return self._advance(self._resampler.push(pcm))

    def finish(self) -> list[Detection]:
        """The words at the end of the sound; then as after :meth:`reset`.

        The sound is continued with the quietest hop of late, so that its last word, too, passes
        through the middle of the window.
        """
        found = self._advance(self._resampler.finish())
        heard = self._hops
        if heard:
            room = self._gate.room()
            lead = room[: self._hop_samples - self._waiting]
            hops = -(-self.spotter.io.frontend.clip_samples // self._hop_samples) + 1
            found += self._advance(np.concatenate((lead, np.tile(room, hops))))
        self.reset()
        self._hops = heard
        return found

    def reset(self, *, rate_hz: int | None = None) -> None:
        """Forget all sound, e.g. behind a gap; the clock goes on.

        Args:
            rate_hz: of the sound to come; None: as before.
        """
        if rate_hz is not None and rate_hz != self.rate_hz:
            self._resampler = Resampler(rate_hz, self.spotter.io.frontend.rate_hz)
            self.rate_hz = rate_hz
        self._resampler.reset()
        self._window.reset()
        self._gate.reset()
        self._decider.reset()
        self._pieces, self._waiting = [], 0

    def _advance(self, samples: Float32Array) -> list[Detection]:
        self._pieces.append(samples)
        self._waiting += len(samples)
        if self._waiting < self._hop_samples:
            return []
        sound = np.concatenate(self._pieces)
        whole = len(sound) - len(sound) % self._hop_samples
        self._pieces, self._waiting = [sound[whole:].copy()], len(sound) - whole
        hops = sound[:whole].reshape(-1, self._hop_samples)
        return [found for hop in hops if (found := self._hop(hop.copy())) is not None]

    def _hop(self, hop: Float32Array) -> Detection | None:
        self._hops += 1
        self._window.push(hop)
        inputs = self._window.inputs() if self._gate.push(hop) else None
        now_s = self.heard_s
        if inputs is None:
            return self._decider.close(now_s=now_s)
        time_s = now_s - self.spotter.io.frontend.seconds * (1 - self._gate.loudest_at())
        return self._decider.push(self.spotter.infer(inputs)[0], time_s=time_s, now_s=now_s)


def window_of(spotter: KeywordSpotter) -> Window:
    """The window of a model: features, or samples where it has the front end inside."""
    return SampleWindow(spotter) if spotter.io.input == "audio" else FeatureWindow(spotter)


class FeatureWindow:
    """The normalised features of the last clip's length of sound.

    Args:
        spotter: whose front end and normalisation to use.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        frontend = spotter.io.frontend
        self._stream = features_of(frontend).stream()
        self._normaliser = Normaliser(spotter.io.normalisation, columns=frontend.features)
        self._shape = frontend.shape
        self._rows = np.zeros((0, frontend.features), np.float32)

    def push(self, hop: Float32Array) -> None:
        """Compute the frames that the hop completes; the oldest leave."""
        rows = self._normaliser.apply(self._stream.push(hop))
        self._rows = np.concatenate((self._rows, rows))[-self._shape[0] :]

    def inputs(self) -> Float32Array | None:
        """(1, frames, features) float32, None before a whole clip."""
        return self._rows[np.newaxis] if self._rows.shape == self._shape else None

    def reset(self) -> None:
        """Forget all sound."""
        self._stream.reset()
        self._rows = self._rows[:0]


class SampleWindow:
    """The last clip's length of sound itself, for a model with its front end inside.

    Args:
        spotter: whose clip length to use.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        self._samples = spotter.io.frontend.clip_samples
        self._sound = np.zeros(0, np.float32)

    def push(self, hop: Float32Array) -> None:
        """Take the samples; the oldest leave."""
        self._sound = np.concatenate((self._sound, hop))[-self._samples :]

    def inputs(self) -> Float32Array | None:
        """(1, clip_samples) float32, None before a whole clip."""
        return self._sound[np.newaxis] if len(self._sound) == self._samples else None

    def reset(self) -> None:
        """Forget all sound."""
        self._sound = self._sound[:0]
