"""Words in an endless stream of sound: only new frames are computed, memory is constant.

Sound of any rate, in chunks of any length, is resampled and cut into hops. Each hop adds its frames
to those of the last second; where the loudness swells in the middle of that window
(:mod:`motefit.runtime.streaming.detector`), the network looks at it, and what it says about
overlapping windows is joined into one report (:mod:`motefit.runtime.streaming.detector`). A network
in streaming form takes in each frame as it comes instead, and computes none twice. What is found
does not depend on how the sound was cut into chunks.
"""

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.detector import (
    Detection,
    DetectionPostprocessor,
    SegmentDetector,
    StreamingSettings,
)
from motefit.runtime.streaming.window import Window, window_of
from motefit.signal.resample import Resampler
from motefit.spec.errors import RecipeError

__all__ = ["Detection", "StreamingSettings", "StreamingSpotter", "Window", "window_of"]

Float32Array = NDArray[np.float32]


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
        self._window = window_of(spotter)
        step = self._window.step_frames * frontend.frame_step
        hop = self.settings.hop_ms / 1000 * frontend.rate_hz
        self._hop_samples = max(round(hop / step), 1) * step
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
        self._gate = SegmentDetector(
            self.settings,
            hop_samples=self._hop_samples,
            clip_samples=frontend.clip_samples,
            rate_hz=frontend.rate_hz,
        )
        self._decider = DetectionPostprocessor(
            spotter.io.labels, self.settings, hop_s=self.hop_s, clip_s=frontend.seconds
        )
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
        return [found for hop in hops for found in self._hop(hop.copy())]

    def _hop(self, hop: Float32Array) -> list[Detection]:
        self._hops += 1
        self._window.push(hop)
        looks, swells = self._gate.push(hop)
        heard = self._window.probabilities() if looks else None
        return self._decider.push(heard, swells, now_s=self.heard_s)
