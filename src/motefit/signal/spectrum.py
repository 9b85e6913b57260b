"""Frames of a signal and the magnitude of their windowed discrete Fourier transform."""

import threading

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


def hann(length: int) -> Float32Array:
    """Make the window of ``tf.signal.stft``: ``hann_window(length, periodic=True)``.

    For an even length the period is ``length``. For an odd one TensorFlow's periodic window is
    the symmetric one, period ``length - 1``; it is reproduced because published models used it.

    Returns:
        float32 of shape (length,), 0 at the first sample.
    """
    period = max(length - length % 2, 1)
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi / period * np.arange(length)), np.float32)


def frame_count(samples: int, length: int, step: int) -> int:
    """Count the whole frames in a number of samples; no padding."""
    return max((samples - length) // step + 1, 0)


def framed(signal: Float32Array, length: int, step: int) -> Float32Array:
    """Return a read-only view of all whole frames of a signal.

    Args:
        signal: (samples,) float32; copied unless it is contiguous.
        length: samples in a frame.
        step: samples between the starts of two frames.

    Returns:
        (frames, length), sharing memory with ``signal``.
    """
    signal = np.ascontiguousarray(signal)
    shape = frame_count(len(signal), length, step), length
    strides = step * signal.itemsize, signal.itemsize
    frames: Float32Array = np.ndarray(shape, signal.dtype, signal, 0, strides)
    frames.flags.writeable = False  # as_strided takes five times as long
    return frames


class Spectrum(threading.local):
    """Magnitude of the windowed DFT of frames, for a range of bins.

    Two things make it fast, both measured in ``benchmarks/frontend``. Work memory is allocated once
    per thread: a new 125 KB array per call costs more in page faults than the transform. And the
    transform is called with ``norm="forward"``, whose scale is a float32: the default scale is the
    integer 1, with which numpy (2.4) picks its float64 loop and converts back and forth.

    Args:
        length: samples in a frame, also the length of the DFT.
        bins: first and one-past-last bin wanted, of ``length // 2 + 1``.
        rows: most frames in one call.
    """

    def __init__(self, length: int, bins: tuple[int, int], rows: int) -> None:
        self.rows = rows
        self._window = hann(length) * np.float32(length)  # undoes the scale of norm="forward"
        self._windowed = np.empty((rows, length), np.float32)
        self._spectrum = np.empty((rows, length // 2 + 1), np.complex64)
        self._wanted = self._spectrum[:, bins[0] : bins[1]]
        self._magnitude = np.empty(self._wanted.shape, np.float32)

    def __call__(self, frames: Float32Array) -> Float32Array:
        """Compute the magnitudes of frames.

        Args:
            frames: (k, length) float32, k at most ``rows``; any strides.

        Returns:
            (k, bins) float32, overwritten by this thread's next call.
        """
        count = len(frames)
        windowed = np.multiply(frames, self._window, out=self._windowed[:count])
        out = self._spectrum[:count]
        np.fft.rfft(windowed, norm="forward", out=out)  # type: ignore[arg-type]  # stub: complex128
        return np.abs(self._wanted[:count], out=self._magnitude[:count])
