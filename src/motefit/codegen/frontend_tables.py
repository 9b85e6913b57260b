"""Tables of a front end in C, from the same definition as numpy's (:mod:`motefit.signal`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.codegen.constants import Constants, Name
from motefit.signal.feature_kinds import Stage
from motefit.signal.spectrum import hann
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization

LARGEST_RADIX = 31
"""``MF_LARGEST_RADIX`` in ``codegen/c/motefit_frontend.h``."""


@dataclass(frozen=True, kw_only=True)
class FrontEndTables:
    """Constants of ``mf_frontend``.

    Attributes:
        frontend: the settings.
        bins: first and one-past-last DFT bin.
        stages: from magnitudes to features.
        factors: of the complex DFT's length.
    """

    frontend: FrontEnd
    bins: tuple[int, int]
    stages: tuple[Stage, ...]
    factors: tuple[int, ...]

    @property
    def points(self) -> int:
        """Length of the complex DFT: half of an even frame, all of an odd one."""
        length = self.frontend.frame_length
        return length if length % 2 else length // 2

    @property
    def work_floats(self) -> int:
        """Floats of work memory: the DFT, later the numbers of all stages."""
        sizes = [self.bins[1] - self.bins[0], *(_outputs(stage) for stage in self._products)]
        return max(2 * self.points, sum(sizes))

    @property
    def _products(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if not _is_identity(stage))

    def define(self, constants: Constants, normalization: Normalization) -> Name:
        """Define the record and its tables; return its address."""
        frontend = self.frontend
        window, period = _half_window(frontend.frame_length)
        twiddles = _twiddles(frontend.frame_length)
        stages = [_stage(stage, i, constants) for i, stage in enumerate(self._products)]
        fields = {
            "frames": frontend.frames,
            "features": frontend.features,
            "frame_length": frontend.frame_length,
            "frame_step": frontend.frame_step,
            "window": constants.table(window, "window"),
            "window_period": period,
            "points": self.points,
            "factors": constants.table(np.array(self.factors, np.uint8), "factors"),
            "factor_count": len(self.factors),
            "twiddles": constants.table(twiddles, "twiddles"),
            "roots": len(twiddles),
            "first_bin": self.bins[0],
            "bins": self.bins[1] - self.bins[0],
            "stages": constants.records("mf_stage", stages, "stages") if stages else None,
            "stage_count": len(stages),
            "mean": constants.table(np.array(normalization.mean, np.float32), "mean"),
            "deviation": constants.table(np.array(normalization.std, np.float32), "deviation"),
            "normalization_step": int(len(normalization.mean) > 1),
        }
        return constants.record("mf_frontend", fields, "frontend")


def frontend_tables(frontend: FrontEnd) -> FrontEndTables:
    """Compute the tables of a front end.

    Raises:
        ModelFileError: for a frame length with a large prime factor.
        RecipeError: for automatic gain.
    """
    frontend.require_no_gain("C source")
    kind = FEATURE_KINDS.find(frontend.kind)
    length = frontend.frame_length
    factors = radices(length if length % 2 else length // 2)
    if max(factors, default=1) > LARGEST_RADIX:
        raise ModelFileError(
            f"the frame length {length} has the prime factor {max(factors)}; C source takes "
            f"factors up to {LARGEST_RADIX}: choose another frame_length, for example a multiple "
            "of 64"
        )
    return FrontEndTables(
        frontend=frontend,
        bins=kind.bins(frontend),
        stages=kind.stages(frontend),
        factors=factors,
    )


def radices(points: int) -> tuple[int, ...]:
    """Split the length of a DFT into fours, then primes.

    >>> radices(320), radices(22), radices(1)
    ((4, 4, 4, 5), (2, 11), ())
    """
    found = []
    radix = 4
    while points > 1:
        if points % radix == 0:
            found.append(radix)
            points //= radix
        else:
            radix = {4: 2, 2: 3}.get(radix, radix + 2)
    return tuple(found)


def _half_window(length: int) -> tuple[np.ndarray, int]:
    """Return the window up to its middle, and the sum of the indices of equal samples."""
    period = max(length - length % 2, 1)
    return hann(length)[: period // 2 + 1], period


def _twiddles(length: int) -> np.ndarray:
    """Compute cosine and sine of -2 pi k / length: (roots, 2) float32, half of an even length."""
    roots = length if length % 2 else length // 2
    angles = -2 * np.pi * np.arange(roots) / length
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _is_identity(stage: Stage) -> bool:
    return stage.matrix is None and not stage.offset and not stage.logarithm


def _outputs(stage: Stage) -> int:
    return 0 if stage.matrix is None else stage.matrix.shape[1]


def _stage(stage: Stage, index: int, constants: Constants) -> dict[str, Any]:
    """Write a stage: of each output the inputs from the first to the last weight that is not 0."""
    if stage.matrix is None:
        raise ModelFileError("C source needs features whose stages are matrix products")
    used = [_span(column) for column in stage.matrix.T]
    weights = [column[a:b] for column, (a, b) in zip(stage.matrix.T, used, strict=True)]
    first, count = _spans(used)
    return {
        "inputs": stage.matrix.shape[0],
        "outputs": stage.matrix.shape[1],
        "first": constants.table(first, f"first_{index}"),
        "count": constants.table(count, f"count_{index}"),
        "weight": constants.table(np.concatenate(weights), f"weights_{index}"),
        "offset": np.float32(stage.offset),
        "logarithm": int(stage.logarithm),
    }


def _span(column: np.ndarray) -> tuple[int, int]:
    used = np.flatnonzero(column)
    return (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)


def _spans(used: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.array([start for start, _ in used], np.uint16)
    return starts, np.array([stop - start for start, stop in used], np.uint16)
