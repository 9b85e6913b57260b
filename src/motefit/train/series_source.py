"""Windows of a series as a source of training examples, in standard units."""

import math

import numpy as np
from numpy.typing import NDArray

from motefit.data.series import SeriesDataset
from motefit.runtime.window_codec import CHUNK, WindowCodec
from motefit.spec.codec import dumps_json
from motefit.spec.tasks.series_spec import SeriesIO

Floats = NDArray[np.float32]


class SeriesSource:
    """Encoded windows and targets of a series (implements ``train.loop.Source``).

    Targets are standardized by the statistics of their own columns, so that each column has the
    same weight in the loss, whatever its unit. The runtime's own code encodes.

    Args:
        dataset: windows of training, validation and test sets.
        io: how windows and targets are encoded.
    """

    def __init__(self, dataset: SeriesDataset, io: SeriesIO) -> None:
        self._dataset = dataset
        self._codec = WindowCodec(io)
        self.io = io
        self.key = f"{dataset.key} {dumps_json(io)}"
        self._train = self.subset("train")

    def epoch(
        self,
        index: int,  # noqa: ARG002 - of the protocol; every epoch is the same
        *,
        rng: np.random.Generator,  # noqa: ARG002 - of the protocol
    ) -> tuple[Floats, Floats]:
        """Return windows (n, *io.window_shape) and targets (n, numbers of an answer), float32."""
        return self._train

    def validation(self) -> tuple[Floats, Floats]:
        """Return the validation set, as :meth:`epoch`."""
        return self.subset("validation")

    def subset(self, name: str) -> tuple[Floats, Floats]:
        """Return one of the sets by name, as :meth:`epoch`."""
        windows = self._dataset.subsets[name]
        inputs = np.empty((len(windows), *self.io.window_shape), np.float32)
        targets = np.empty((len(windows), math.prod(self.io.answer_shape)), np.float32)
        for start in range(0, len(windows), CHUNK):  # all in float64 would take four times as much
            which = slice(start, start + CHUNK)
            some = windows.taken(which)
            rows = some.inputs
            inputs[which] = self._codec.encode(rows, some.times)
            targets[which] = self._codec.targets(rows, some.targets)
        return inputs, targets
