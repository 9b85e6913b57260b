"""Sampling-rate conversion by any rational ratio: a polyphase filter, whole or in chunks.

A period of outputs depends on a fixed window of inputs, so that resampling is the framing of the
signal into windows and one matrix product.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.pcm import as_float32
from motefit.signal.spectrum import framed
from motefit.signal.threads import ONE_THREAD
from motefit.spec.errors import DataError

Float32Array = NDArray[np.float32]

PASS_BAND = 0.9
"""Edge of the pass band, as a fraction of the lower Nyquist frequency, where the stop band
starts."""
ATTENUATION_DB = 75.0
"""Of the Kaiser-windowed design; measured aliases and images are at least 70 dB down."""
ROW = 16
"""Long rows of outputs are multiples of this, for fast matrix products."""
LARGEST_MATRIX = 1 << 22
"""Entries of the matrix; for ratios of large coprime numbers, filters are interpolated."""
PHASES = 512
"""Filters between which others are interpolated linearly: errors are 100 dB down. A filter that
lowers the rate is smoother, and needs fewer."""
FEWEST_PHASES = 16
BLOCK_SAMPLES = 1 << 16
"""Window samples copied at a time, so that memory stays bounded."""


def resample(pcm: np.ndarray, from_hz: int, to_hz: int) -> Float32Array:
    """Resample audio; aligned with the input (no delay), assuming silence around it.

    Args:
        pcm: (samples,) int16, or float32 with full scale 1.0.
        from_hz: its rate.
        to_hz: the wanted rate.

    Returns:
        (ceil(samples * to_hz / from_hz),) float32.

    Raises:
        DataError: for rates below 1 Hz, another shape or dtype, NaN or infinite samples.
    """
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate((resampler.push(pcm), resampler.finish()))


class Resampler:
    """Resamples an unbounded signal that arrives in chunks of any length.

    What :meth:`push` and :meth:`finish` return, joined, equals :func:`resample` of the whole.

    Args:
        from_hz: rate of the input.
        to_hz: rate of the output.

    Raises:
        DataError: for rates below 1 Hz.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if min(from_hz, to_hz) < 1:
            raise DataError(f"sampling rates must be at least 1 Hz, got {from_hz} and {to_hz}")
        common = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        self._filter = None if self._up == self._down else _filter(self._up, self._down)
        self.reset()

    def reset(self) -> None:
        """Discard all samples; the next push starts a new signal."""
        lead = self._filter.lead if self._filter else 0
        self._rest = np.zeros(lead, np.float32)
        self._given = self._made = self._dropped = 0

    def push(self, pcm: np.ndarray) -> Float32Array:
        """Add samples and return those that are complete.

        Args:
            pcm: (samples,) at ``from_hz``; int16, or float32 with full scale 1.0.

        Returns:
            (k,) float32 at ``to_hz``; k may be 0.

        Raises:
            DataError: for another shape or dtype, NaN or infinite samples.
        """
        chunk = as_float32(pcm)
        self._given += len(chunk)
        if self._filter is None:
            self._made += len(chunk)
            return chunk.copy()
        signal = np.concatenate((self._rest, chunk))
        if self._filter.matrix is None:
            whole = self._dropped + len(signal) - self._filter.window
            known = -(-(whole + 1) * self._up // self._down) if whole >= 0 else 0
            return self._interpolated(signal, known - self._made)
        rows = framed(signal, self._filter.window, self._filter.advance)
        self._rest = signal[len(rows) * self._filter.advance :].copy()
        out = self._filter.apply(rows)
        self._made += len(out)
        return out

    def finish(self) -> Float32Array:
        """Return the last samples, assuming silence after the input, and :meth:`reset`."""
        missing = -(-self._given * self._up // self._down) - self._made
        out = np.zeros(0, np.float32)
        if missing and self._filter is not None and self._filter.matrix is None:
            last = (self._made + missing - 1) * self._down // self._up - self._dropped
            signal = np.zeros(last + self._filter.window, np.float32)
            signal[: len(self._rest)] = self._rest[: len(signal)]
            out = self._interpolated(signal, missing)
        elif missing and self._filter is not None:
            rows = -(-missing // self._filter.outputs)
            needed = (rows - 1) * self._filter.advance + self._filter.window
            signal = np.zeros(needed, np.float32)
            signal[: len(self._rest)] = self._rest[:needed]
            windows = framed(signal, self._filter.window, self._filter.advance)
            out = self._filter.apply(windows)[:missing]
        self.reset()
        return out

    def _interpolated(self, signal: Float32Array, count: int) -> Float32Array:
        """Compute the next outputs, and keep the inputs that later ones need."""
        assert self._filter is not None  # noqa: S101 - the caller looked
        numbers = np.arange(self._made, self._made + max(count, 0) + 1) * self._down
        places, phases = np.divmod(numbers, self._up)
        places -= self._dropped
        self._made += len(numbers) - 1
        self._dropped += int(places[-1])
        self._rest = signal[places[-1] :].copy()
        return self._filter.interpolate(signal, places[:-1], phases[:-1] / self._up)


@dataclass(frozen=True, kw_only=True)
class _Filter:
    """Computation of the next outputs from one window of inputs.

    Attributes:
        lead: zeros before the first input.
        window: inputs that a row of outputs, or one interpolated output, depends on.
        advance: inputs between two rows.
        outputs: outputs in a row.
        taps: (phases + 1, window) float32, the weights of the inputs of an output at each
            phase; empty if there is a matrix.
        matrix: (window, outputs) float32, the weights of all outputs of a row; None where it would
            be too large.
    """

    lead: int
    window: int
    advance: int
    outputs: int
    taps: Float32Array
    matrix: Float32Array | None

    def apply(self, windows: Float32Array) -> Float32Array:
        """Compute the outputs (rows * outputs,) of windows (rows, window)."""
        out = np.empty((len(windows), self.outputs), np.float32)
        assert self.matrix is not None  # noqa: S101 - the caller looked
        block = max(BLOCK_SAMPLES // self.window, 1)
        with ONE_THREAD:
            for first in range(0, len(windows), block):
                part = np.ascontiguousarray(windows[first : first + block])
                np.matmul(part, self.matrix, out=out[first : first + block])
        return out.reshape(-1)

    def interpolate(
        self, signal: Float32Array, places: NDArray[np.intp], phases: NDArray[np.float64]
    ) -> Float32Array:
        """Compute the outputs (n,) whose windows start at places (n,), at phases (n,) in 0..1."""
        out = np.empty(len(places), np.float32)
        lower, weight = np.divmod(phases * (len(self.taps) - 1), 1)
        index, weight = lower.astype(np.intp), weight.astype(np.float32)[:, None]
        columns = np.arange(self.window)
        block = max(BLOCK_SAMPLES // self.window, 1)
        for first in range(0, len(places), block):
            part = slice(first, first + block)
            low, high = self.taps[index[part]], self.taps[index[part] + 1]
            inputs = signal[places[part, None] + columns]
            np.einsum("ok,ok->o", inputs, low + (high - low) * weight[part], out=out[part])
        return out


@functools.lru_cache(maxsize=16)
def _filter(up: int, down: int) -> _Filter:
    """Design a Kaiser-windowed sinc between the Nyquist frequencies; Oppenheim & Schafer, 7.5.3."""
    # Widths are in inputs; the lower Nyquist frequency is half of ``edge`` cycles per input.
    edge = min(1.0, up / down)
    transition = math.pi * (1 - PASS_BAND) * edge
    half = math.ceil((ATTENUATION_DB - 7.95) / (2.285 * transition) / 2)
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    periods = -(-half // down)  # fewer copy more overlap, more multiply more zeros
    periods = -(-periods // ROW) * ROW if periods > ROW else periods
    outputs = periods * up
    position, phase = np.divmod(np.arange(outputs) * down, up)
    window = int(position[-1]) + 2 * half
    exact = window * outputs <= LARGEST_MATRIX
    phases = max(FEWEST_PHASES, round(PHASES * edge))
    fractions = phase / up if exact else np.arange(phases + 1) / phases
    distance = np.arange(-half + 1, half + 1) - fractions[:, None]
    cutoff = edge * (1 + PASS_BAND) / 2
    shape = np.i0(beta * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))) / np.i0(beta)
    taps = cutoff * np.sinc(cutoff * distance) * shape
    taps /= taps.sum(axis=1, keepdims=True)  # every phase passes a constant unchanged
    matrix = None
    if exact:
        matrix = np.zeros((window, outputs), np.float32)
        rows = position + np.arange(2 * half)[:, None]
        matrix[rows, np.arange(outputs)] = taps.T
    return _Filter(
        lead=half - 1,
        window=window if exact else 2 * half,
        advance=periods * down,
        outputs=outputs,
        taps=np.zeros((0, 0), np.float32) if exact else taps.astype(np.float32),
        matrix=matrix,
    )
