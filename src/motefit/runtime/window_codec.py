"""Conversion of the rows of a series to a model's numbers and back, shared by training and runtime.

Everything is computed in float64 and only what the model reads is rounded to float32, since float32
rounds 20,000,001 to 20,000,000 before a mean is subtracted. It needs only NumPy, since it also runs
on the device.
"""

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.normalize import Normalizer
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.tasks.series_spec import MEDIAN, PERIOD_SECONDS, SeriesIO

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Times = NDArray[np.datetime64]
CHUNK = 1 << 15
"""Windows converted at a time, which bounds the memory of float64 intermediates."""


class WindowCodec:
    """Encodes windows, times and targets for a model, and decodes its answers.

    Args:
        io: columns, steps, forms and statistics, from the card.

    Raises:
        ModelFileError: if the card has the wrong number of statistics.
    """

    def __init__(self, io: SeriesIO) -> None:
        self.io = io
        columns = len(io.inputs)
        self._rows = Normalizer(io.normalization, columns=columns, precision=np.float64)
        earlier = (io.input_steps - 1) * columns
        self._differences = (
            Normalizer(io.differences, columns=earlier, precision=np.float64)
            if io.differences is not None and io.form == "differences"
            else None
        )
        if io.answers is None:
            mean, std = self._of_inputs(io)
        else:
            mean, std = np.array(io.answers.mean), np.array(io.answers.std)
        shape = (io.output_steps, len(io.targets))
        self._mean, self._std = mean.reshape(shape), std.reshape(shape)
        low = [io.limits.get(name, (-np.inf, np.inf))[0] for name in io.targets]
        high = [io.limits.get(name, (-np.inf, np.inf))[1] for name in io.targets]
        self._low, self._high = np.array(low)[:, np.newaxis], np.array(high)[:, np.newaxis]

    @staticmethod
    def _of_inputs(io: SeriesIO) -> tuple[Float64Array, Float64Array]:
        if len(io.normalization.mean) != len(io.inputs):
            raise ModelFileError(
                f"the card has {len(io.normalization.mean)} means for {len(io.inputs)} columns"
            )
        columns = list(io.target_columns)
        mean, std = np.array(io.normalization.mean), np.array(io.normalization.std)
        return np.tile(mean[columns], io.output_steps), np.tile(std[columns], io.output_steps)

    @property
    def answer_statistics(self) -> tuple[Float64Array, Float64Array]:
        """Mean and standard deviation of the answers, each (output_steps, targets)."""
        return self._mean, self._std

    def encode(self, windows: np.ndarray, times: Times | None = None) -> Float32Array:
        """Encode windows as the model reads them.

        Args:
            windows: (n, input_steps, inputs) finite real numbers, in the columns' own units.
            times: datetime64 (n,) of the newest row of each; needed if the model reads a calendar.

        Returns:
            (n, *io.window_shape) float32.

        Raises:
            DataError: for a model that reads a calendar, without times.
        """
        if self.io.calendar and times is None:
            raise DataError(
                f"this model also reads the calendar ({', '.join(self.io.calendar)}): give the "
                "time of the window's newest row, e.g. time=numpy.datetime64('2024-03-25T13:50')"
            )
        encoded = np.empty((len(windows), *self.io.window_shape), np.float32)
        for start in range(0, len(windows), CHUNK):
            part = slice(start, start + CHUNK)
            rows = self._window(np.asarray(windows[part], np.float64))
            if self.io.calendar and times is not None:
                moments = calendar_values(times[part], self.io.calendar)
                rows = self._with_calendar(rows, moments)
            encoded[part] = rows.reshape(-1, *self.io.window_shape)
        return encoded

    def _window(self, windows: Float64Array) -> Float32Array:
        """Encode the rows alone: (n, input_steps, inputs)."""
        if self.io.form == "rows":
            return self._rows.apply(windows)
        last = windows[:, -1:]
        encoded = np.empty(windows.shape, np.float32)
        encoded[:, -1:] = self._rows.apply(last)
        if self._differences is not None:
            earlier = windows[:, :-1] - last
            flat = self._differences.apply(earlier.reshape(len(windows), -1))
            encoded[:, :-1] = flat.reshape(earlier.shape)
        return encoded

    def _with_calendar(self, rows: Float32Array, moments: Float32Array) -> Float32Array:
        if self.io.calendar_in == "window":
            return np.concatenate([rows.reshape(len(rows), -1), moments], axis=1)
        repeated = np.repeat(moments[:, np.newaxis], self.io.input_steps, axis=1)
        return np.concatenate([rows, repeated], axis=2)

    def targets(self, windows: np.ndarray, targets: np.ndarray) -> Float32Array:
        """Encode true values as the model should answer them.

        Args:
            windows: as in :meth:`encode`.
            targets: (n, output_steps, targets), in the targets' own units.

        Returns:
            (n, output_steps * targets * quantiles) float32; each value once per quantile.
        """
        _, _, quantiles = self.io.answer_shape
        size = self._std.size * quantiles
        encoded = np.empty((len(targets), size), np.float32)
        for start in range(0, len(targets), CHUNK):
            part = slice(start, start + CHUNK)
            wanted = np.asarray(targets[part], np.float64)
            if self.io.predict == "change":
                wanted = wanted - self._last(windows[part])
            standard = (wanted - self._mean) / self._std
            encoded[part] = np.repeat(standard.reshape(len(wanted), -1), quantiles, axis=1)
        return encoded

    def decode(self, outputs: np.ndarray, windows: np.ndarray) -> Float64Array:
        """Decode a model's output: in the targets' own units, in order, within the limits.

        Args:
            outputs: (n, ...) float32 of the model.
            windows: as in :meth:`encode`.

        Returns:
            (n, output_steps, targets, quantiles) float64; a single quantile where there are none.
        """
        exact = np.asarray(outputs, np.float64).reshape(-1, *self.io.answer_shape)
        values = exact * self._std[..., np.newaxis] + self._mean[..., np.newaxis]
        if self.io.predict == "change":
            values += self._last(windows)[..., np.newaxis]
        values.sort(axis=-1)
        return np.clip(values, self._low, self._high)

    def answer(self, values: Float64Array) -> Float64Array:
        """Pick the answer (n, output_steps, targets): the median where there are quantiles."""
        quantiles = self.io.quantiles
        return np.asarray(values[..., quantiles.index(MEDIAN) if quantiles else 0])

    def _last(self, windows: np.ndarray) -> Float64Array:
        """Last value (n, 1, targets) of each target."""
        return np.asarray(windows[:, -1:, list(self.io.target_columns)], np.float64)


def calendar_values(times: Times, periods: tuple[str, ...]) -> Float32Array:
    """Compute sine and cosine of times for each period, in order.

    >>> calendar_values(np.array(["2024-03-25T06:00"], "datetime64[s]"), ("hour",)).tolist()
    [[1.0, 6.123234262925839e-17]]

    Args:
        times: datetime64 (n,).
        periods: keys of ``PERIOD_SECONDS``.

    Returns:
        (n, 2 * periods) float32.
    """
    seconds = np.asarray(times).astype("datetime64[s]").astype(np.int64)
    shares = [seconds % PERIOD_SECONDS[name] / PERIOD_SECONDS[name] for name in periods]
    angles = [2 * np.pi * share for share in shares]
    waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32)
