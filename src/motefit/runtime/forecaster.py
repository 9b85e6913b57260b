"""From the last rows of a series to the coming ones, in the columns' own units."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.bundle import load_bundle
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.normalize import Normalizer
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.tasks.series_spec import NAME, SeriesIO

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


class Forecaster:
    """A forecasting model. The file's output is standardized like its input, step by step.

    Columns are standardized, and turned back, in float64; the file itself computes in float32.

    Args:
        model: bytes of the .tflite file; its output holds ``output_steps x targets`` values, the
            targets of the first step first.
        io: columns, steps and normalization, from the card.
        threads: of LiteRT's kernels.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        ModelFileError: when the model cannot be loaded or does not fit ``io``.
    """

    def __init__(
        self, model: bytes, io: SeriesIO, *, threads: int = 1, xnnpack: bool = True
    ) -> None:
        self.io = io
        self.interpreter = Interpreter(model, threads=threads, xnnpack=xnnpack)
        self._normalizer = Normalizer(
            io.normalization, columns=len(io.inputs), precision=np.float64
        )
        self._window = io.input_steps, len(io.inputs)
        self._prediction = io.output_steps, len(io.targets)
        sizes = math.prod(self.interpreter.input_shape), math.prod(self.interpreter.output_shape)
        if sizes != (math.prod(self._window), math.prod(self._prediction)):
            raise ModelFileError(
                f"the model takes {self.interpreter.input_shape} and gives "
                f"{self.interpreter.output_shape}, but the card says windows of {self._window} "
                f"and predictions of {self._prediction}: this card is not this model's"
            )

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 1, xnnpack: bool = True) -> "Forecaster":
        """Open a bundle, or a .tflite file with its card beside it.

        Raises:
            ModelFileError: when it is absent, damaged, changed, or no forecasting model.
        """
        bundle = load_bundle(path, task=NAME)
        return cls(bundle.model, bundle.card.io, threads=threads, xnnpack=xnnpack)

    def inputs(self, windows: np.ndarray) -> Float32Array:
        """The model's input for many windows: checked and standardized.

        Args:
            windows: (n, input_steps, inputs) real numbers in the columns' own units.

        Returns:
            The same shape, float32.

        Raises:
            DataError: for another shape or dtype, NaN or infinite values.
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
        return self._normalizer.apply(windows)

    def infer(self, inputs: Float32Array) -> Float64Array:
        """Predictions in the columns' own units from standardized windows.

        Args:
            inputs: (n, input_steps, inputs) as :meth:`inputs` gives them.

        Returns:
            (n, output_steps, targets) float64.
        """
        outputs = self.interpreter.run(inputs).reshape(-1, *self._prediction)
        return self._normalizer.undo(outputs, self.io.target_columns)

    def predict(self, window: np.ndarray) -> Float64Array:
        """Predict the steps that follow one window.

        Args:
            window: (input_steps, inputs), oldest first, in the columns' own units.

        Returns:
            (output_steps, targets) float64, in the columns' own units.

        Raises:
            DataError: for another shape or dtype, NaN or infinite values.
        """
        (prediction,) = self.predict_batch(np.asarray(window)[np.newaxis])
        return np.asarray(prediction)

    def predict_batch(self, windows: np.ndarray) -> Float64Array:
        """Predict the steps that follow each of many windows.

        Args:
            windows: (n, input_steps, inputs), in the columns' own units.

        Returns:
            (n, output_steps, targets) float64, in the columns' own units.

        Raises:
            DataError: as :meth:`predict`.
        """
        return self.infer(self.inputs(windows))
