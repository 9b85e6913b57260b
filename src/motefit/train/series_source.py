"""Windows of a series as a source of training examples, in standard units."""

import numpy as np
from numpy.typing import NDArray

from motefit.data.series import SeriesDataset
from motefit.data.windows import gathered
from motefit.train.standardize import normalized

Floats = NDArray[np.float32]


class SeriesSource:
    """Standardized windows and targets of a series (implements ``train.loop.Source``).

    Targets are standardized by the statistics of their own columns, so that each column has the
    same weight in the loss, whatever its unit.

    Args:
        dataset: windows of training, validation and test sets.
    """

    def __init__(self, dataset: SeriesDataset) -> None:
        self._dataset = dataset
        self.normalization = dataset.normalization
        self.key = dataset.key
        self._train = self.part("train")

    def epoch(
        self,
        index: int,  # noqa: ARG002 - of the protocol; every epoch is the same
        *,
        rng: np.random.Generator,  # noqa: ARG002 - of the protocol
    ) -> tuple[Floats, Floats]:
        """Return windows (n, steps, columns) and targets (n, output steps x targets), float32."""
        return self._train

    def validation(self) -> tuple[Floats, Floats]:
        """Return the validation set, as :meth:`epoch`."""
        return self.part("validation")

    def part(self, name: str) -> tuple[Floats, Floats]:
        """Return one of the sets by name, as :meth:`epoch`."""
        windows = self._dataset.parts[name]
        rows = normalized(windows.rows, self.normalization, precision=np.float64)
        after = windows.first + windows.input_steps
        targets = gathered(rows[:, list(windows.target_columns)], after, windows.output_steps)
        inputs = gathered(rows, windows.first, windows.input_steps)
        return inputs, targets.reshape(len(windows), -1)
