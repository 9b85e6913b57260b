"""Forecasts of the next rows of a series from its last ones, in the columns' own units."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.bundle import load_bundle
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.window_codec import WindowCodec
from motefit.runtime.zoo import find_model
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import NAME, SeriesIO

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Times = NDArray[np.datetime64]
Time = np.datetime64 | datetime | str


class Forecaster:
    """A forecasting model: windows in, the following steps out.

    Columns are encoded and decoded in float64 (``runtime.window_codec``); the file itself computes
    in float32.

    Args:
        model: bytes of the .tflite file; its output holds ``output_steps x targets`` values, the
            targets of the first step first, each once per quantile.
        io: columns, steps and normalization, from the card.
        threads: of LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: if the model cannot be loaded or does not match ``io``.
    """

    def __init__(
        self, model: bytes, io: SeriesIO, *, threads: int = 1, xnnpack: bool = True
    ) -> None:
        self.io = io
        self.interpreter = Interpreter(model, threads=threads, xnnpack=xnnpack)
        self._codec = WindowCodec(io)
        self._window = io.input_steps, len(io.inputs)
        self.interpreter.require_sizes(
            math.prod(io.window_shape),
            math.prod(io.answer_shape),
            stated=f"windows of {io.window_shape} and predictions of "
            f"{_without_one(io.answer_shape)}",
        )

    def __repr__(self) -> str:
        targets, minutes = ", ".join(self.io.targets), self.io.step_minutes
        return f"<Forecaster of {targets}, {self.io.output_steps} steps of {minutes:g} min>"

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 1, xnnpack: bool = True) -> "Forecaster":
        """Open a shipped model by name, a bundle, or a .tflite file with its card beside it.

        Raises:
            ModelFileError: if it is missing, damaged, changed, or not a forecasting model.
        """
        bundle = load_bundle(find_model(path), task=NAME)
        return cls(bundle.model, bundle.card.io, threads=threads, xnnpack=xnnpack)

    def inputs(self, windows: np.ndarray, times: Times | None = None) -> Float32Array:
        """Compute the model's input for many windows: checked and encoded.

        Args:
            windows: (n, input_steps, inputs) real numbers in the columns' own units.
            times: datetime64 (n,) of the newest row of each window, for a model with a calendar.

        Returns:
            (n, *io.window_shape) float32.

        Raises:
            DataError: for another shape or dtype, NaN or infinite values, or times that are missing
                or do not match the windows in number.
        """
        windows = np.asarray(windows)
        if windows.dtype.kind not in "fiu":
            raise DataError(f"a window holds real numbers, got {windows.dtype}")
        if windows.ndim != 3 or windows.shape[1:] != self._window:
            raise DataError(
                f"a window is {self._window[0]} steps of ({', '.join(self.io.inputs)}), oldest "
                f"first: shape {self._window}; got {windows.shape[1:]}"
            )
        if not np.isfinite(windows).all():
            raise DataError(
                "a window with NaN or infinite values cannot be used; fill or drop such rows"
            )
        if times is not None and np.shape(times) != (len(windows),):
            raise DataError(
                f"each window has one time, that of its newest row: {len(windows)} windows, times "
                f"of shape {np.shape(times)}"
            )
        return self._codec.encode(windows, times)

    def infer(self, inputs: Float32Array, windows: np.ndarray | None = None) -> Float64Array:
        """Compute answers in the columns' own units from encoded windows.

        Args:
            inputs: as :meth:`inputs` returns them.
            windows: windows that they encode; needed if the model predicts changes.

        Returns:
            (n, output_steps, targets) float64; the median where the model gives quantiles.

        Raises:
            DataError: if windows are needed and missing.
        """
        return self._codec.answer(self._quantiles(inputs, windows))

    def _quantiles(self, inputs: Float32Array, windows: np.ndarray | None) -> Float64Array:
        if windows is None:
            if self.io.predict == "change":
                raise DataError(
                    "this model predicts changes from the last row: give the windows too"
                )
            windows = np.empty((len(inputs), 1, 0))
        return self._codec.decode(self.interpreter.run(inputs), windows)

    def predict(self, window: np.ndarray, *, time: Time | None = None) -> Float64Array:
        """Predict the steps that follow one window.

        Args:
            window: (input_steps, inputs), oldest first, in the columns' own units.
            time: of the newest row, for a model that reads a calendar; in UTC if the training data
                state zones (a datetime with a zone is converted), otherwise by their clock.

        Returns:
            (output_steps, targets) float64, in the columns' own units; the median where the model
            gives quantiles.

        Raises:
            DataError: for another shape or dtype, NaN or infinite values, or a missing time.
        """
        (prediction,) = self.predict_batch(np.asarray(window)[np.newaxis], _times(time))
        return np.asarray(prediction)

    def predict_batch(self, windows: np.ndarray, times: Times | None = None) -> Float64Array:
        """Predict the steps that follow each of many windows.

        Args:
            windows: (n, input_steps, inputs), in the columns' own units.
            times: datetime64 (n,), as in :meth:`inputs`.

        Returns:
            (n, output_steps, targets) float64, in the columns' own units.

        Raises:
            DataError: as :meth:`predict`.
        """
        return self._codec.answer(self.quantiles_batch(windows, times))

    def quantiles(self, window: np.ndarray, *, time: Time | None = None) -> Float64Array:
        """Predict the quantiles of the steps that follow one window.

        Args:
            window: as in :meth:`predict`.
            time: as in :meth:`predict`.

        Returns:
            (output_steps, targets, quantiles) float64, rising along the last axis; one quantile for
            a model without.

        Raises:
            DataError: as :meth:`predict`.
        """
        (found,) = self.quantiles_batch(np.asarray(window)[np.newaxis], _times(time))
        return np.asarray(found)

    def quantiles_batch(self, windows: np.ndarray, times: Times | None = None) -> Float64Array:
        """Predict the quantiles of the steps that follow each of many windows.

        Args:
            windows: as in :meth:`predict_batch`.
            times: as in :meth:`predict_batch`.

        Returns:
            (n, output_steps, targets, quantiles) float64.

        Raises:
            DataError: as :meth:`predict`.
        """
        windows = np.asarray(windows)
        return self._quantiles(self.inputs(windows, times), windows)

    @property
    def answer_scale(self) -> Float64Array:
        """Standard deviations of the answers: (output_steps, targets, 1)."""
        return self._codec.answer_statistics[1][..., np.newaxis]

    def answer(self, quantiles: Float64Array) -> Float64Array:
        """Pick the answer of :meth:`quantiles_batch`: (n, output_steps, targets), the medians."""
        return self._codec.answer(quantiles)


def _times(time: Time | None) -> Times | None:
    """Convert one time to an array; to UTC where it has a zone.

    Raises:
        DataError: for a text that is not a time in ISO 8601.
    """
    if time is None:
        return None
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            raise DataError(f"{time!r} is not a time in ISO 8601: 2024-03-25 13:50:00") from None
    if isinstance(time, datetime) and time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return np.array([time], "datetime64[s]")


def _without_one(shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the shape of answers, without its last axis where there is one answer."""
    return shape if shape[-1] > 1 else shape[:-1]
