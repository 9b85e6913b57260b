"""Features of a front end: one definition for a clip, a batch of clips and a stream."""

import functools
import threading

import numpy as np
from numpy.typing import NDArray

from motefit.signal.gain import apply_gain
from motefit.signal.pcm import as_float32, require_samples
from motefit.signal.spectrum import Spectrum, framed
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd

Float32Array = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 16
"""Windowed samples processed at a time (256 KiB of float32), unless a clip needs more."""


class Features:
    """The tables of one front end, precomputed; build once, or use :func:`features_of`.

    Threads may share it: the work memory of a call belongs to its thread.

    Args:
        frontend: the settings.
    """

    def __init__(self, frontend: FrontEnd) -> None:
        kind = FEATURE_KINDS.find(frontend.kind)
        rows = max(frontend.frames, BLOCK_SAMPLES // frontend.frame_length)
        self.frontend = frontend
        self._clip = _Clip(frontend)
        self._spectrum = Spectrum(frontend.frame_length, kind.bins(frontend), rows)
        self._finish = kind.build(frontend)

    def __reduce__(self) -> tuple[object, tuple[FrontEnd]]:
        return features_of, (self.frontend,)

    def clip(self, pcm: np.ndarray) -> Float32Array:
        """Compute the features of one clip.

        A short clip is zero-padded at the end; of a longer one, the first ``clip_samples`` are
        used, as in the published pipelines.

        Args:
            pcm: (samples,) at ``rate_hz``; int16, or float32 with full scale 1.0.

        Returns:
            (frames, features) float32, always finite.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples.
        """
        frames = self._clip.frames(as_float32(pcm))
        if self.frontend.gain_dbfs is not None:
            apply_gain(self._clip.samples, frames, self.frontend.gain_dbfs)
        return self._finish(self._spectrum(frames))

    def batch(self, pcm: np.ndarray) -> Float32Array:
        """Compute the features of many clips, bit-identical to :meth:`clip` on each.

        Args:
            pcm: (clips, samples) at ``rate_hz``; int16, or float32 with full scale 1.0.

        Returns:
            (clips, frames, features) float32, always finite.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples.
        """
        require_samples(pcm, dimensions=2)
        out = np.empty((len(pcm), *self.frontend.shape), np.float32)
        for clip, features in zip(pcm, out, strict=True):
            features[:] = self.clip(clip)
        return out

    def whole(self, signal: np.ndarray) -> Float32Array:
        """Compute the features of all whole frames of a signal of any length, in bounded memory.

        Args:
            signal: (samples,) at ``rate_hz``; int16, or float32 with full scale 1.0.

        Returns:
            (whole frames, features) float32, always finite.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples.
            RecipeError: for a front end with automatic gain.
        """
        return self.frames(as_float32(signal))

    def frames(self, signal: Float32Array) -> Float32Array:
        """Compute as :meth:`whole`, for float32 samples that are already checked."""
        self.frontend.require_no_gain("a stream of frames")
        frontend, rows = self.frontend, self._spectrum.rows
        frames = framed(signal, frontend.frame_length, frontend.frame_step)
        if len(frames) <= rows:
            return self._finish(self._spectrum(frames))
        out = np.empty((len(frames), frontend.features), np.float32)
        for first in range(0, len(frames), rows):
            out[first : first + rows] = self._finish(self._spectrum(frames[first : first + rows]))
        return out

    def stream(self) -> "FeatureStream":
        """Start a stream of frames from audio that arrives in chunks."""
        return FeatureStream(self)


class _Clip(threading.local):
    """One clip's samples and the view of them as frames, made once per thread."""

    def __init__(self, frontend: FrontEnd) -> None:
        self.samples = np.zeros(frontend.clip_samples, np.float32)
        self._frames = framed(self.samples, frontend.frame_length, frontend.frame_step)

    def frames(self, signal: Float32Array) -> Float32Array:
        """Split a signal, cropped or zero-padded at the end, into (frames, frame_length)."""
        count = min(len(signal), len(self.samples))
        self.samples[:count] = signal[:count]
        self.samples[count:] = 0
        return self._frames


class FeatureStream:
    """Frames of an unbounded signal, pushed in chunks of any length.

    The frames equal those of :meth:`Features.whole` on the whole signal; less than one frame
    (or one step) of samples is kept between pushes.

    Args:
        features: the tables to use.
    """

    def __init__(self, features: Features) -> None:
        self._features = features
        self._rest = np.zeros(0, np.float32)
        self._skip = 0

    def push(self, pcm: np.ndarray) -> Float32Array:
        """Add samples and return the frames that they complete.

        Args:
            pcm: (samples,) at ``rate_hz``, any number; int16, or float32 with full scale 1.0.

        Returns:
            (k, features) float32, k may be 0.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples; the stream is then
                unchanged.
        """
        return self.advance(as_float32(pcm))

    def advance(self, samples: Float32Array) -> Float32Array:
        """Add as :meth:`push`, for float32 samples that are already checked."""
        skipped = min(self._skip, len(samples))
        signal = np.concatenate((self._rest, samples[skipped:]))
        out = self._features.frames(signal)
        used = len(out) * self._features.frontend.frame_step
        self._skip += max(used - len(signal), 0) - skipped
        self._rest = signal[used:].copy()
        return out

    def reset(self) -> None:
        """Discard all samples; the next push starts a new signal."""
        self._rest = np.zeros(0, np.float32)
        self._skip = 0


@functools.lru_cache(maxsize=64)
def features_of(frontend: FrontEnd) -> Features:
    """Return the features of a front end, built on the first call and shared afterwards."""
    return Features(frontend)
