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
        sizes = [self.bins[1] - self.bins[0], *(_outputs(stage) for stage in self.products)]
        return max(2 * self.points, sum(sizes))

    @property
    def products(self) -> tuple[Stage, ...]:
        """The stages that do something."""
        return tuple(stage for stage in self.stages if not _is_identity(stage))

    def define(self, constants: Constants, normalization: Normalization) -> Name:
        """Define the record and its tables, in float32 and in fixed point; return its address.

        The compiler takes one of both; only the bytes of the former are counted.
        """
        real, fixed = Constants(), Constants()
        name = self._define_real(real, normalization)
        FixedPoint.of(self).define(fixed, normalization)
        both = ["#if MF_FIXED", *fixed.lines, "#else", *real.lines, "#endif\n"]
        constants.lines.append("\n".join(both))
        constants.table_bytes += real.table_bytes
        return name

    def _define_real(self, constants: Constants, normalization: Normalization) -> Name:
        window, period = _half_window(self.frontend.frame_length)
        stages = [_real_stage(stage, i, constants) for i, stage in enumerate(self.products)]
        fields = {
            **self.common(constants),
            "window": constants.table(window, "window"),
            "window_period": period,
            "twiddles": constants.table(
                twiddles(self.frontend.frame_length).astype(np.float32), "twiddles"
            ),
            "stages": constants.records("mf_stage", stages, "stages") if stages else None,
            "mean": constants.table(np.array(normalization.mean, np.float32), "mean"),
            "deviation": constants.table(np.array(normalization.std, np.float32), "deviation"),
            "normalization_step": int(len(normalization.mean) > 1),
        }
        return constants.record("mf_frontend", fields, "frontend")

    def common(self, constants: Constants) -> dict[str, Any]:
        """Make the fields that do not depend on the arithmetic."""
        frontend = self.frontend
        length = frontend.frame_length
        return {
            "frames": frontend.frames,
            "features": frontend.features,
            "frame_length": length,
            "frame_step": frontend.frame_step,
            "points": self.points,
            "factors": constants.table(np.array(self.factors, np.uint8), "factors"),
            "factor_count": len(self.factors),
            "roots": len(twiddles(length)),
            "first_bin": self.bins[0],
            "bins": self.bins[1] - self.bins[0],
            "stage_count": len(self.products),
        }


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """Constants of ``mf_frontend`` for processors without an FPU.

    Attributes:
        tables: the front end.
        digits: binary digits after the point of a magnitude.
    """

    tables: FrontEndTables
    digits: int

    @classmethod
    def of(cls, tables: FrontEndTables) -> "FixedPoint":
        """Choose the digits: as many as a DFT of the loudest sound leaves in 31 bits.

        The Hann window halves the sum of the samples, so that it is at most one of all points.
        """
        return cls(tables=tables, digits=min(int(np.log2((2**31 - 2**20) / tables.points)), 29))

    def define(self, constants: Constants, normalization: Normalization) -> Name:
        """Define the record and its tables; return its address."""
        tables = self.tables
        window, period = _half_window(tables.frontend.frame_length)
        stages, unit = self._stages(constants)
        mean, deviation = np.array(normalization.mean), np.array(normalization.std)
        roots = np.sqrt(np.arange(64, 257) / 256)
        logarithms = np.log2(np.arange(128, 257) / 128)
        turns = np.rint(twiddles(tables.frontend.frame_length) * 2**30).astype(np.int32)
        fields = {
            **tables.common(constants),
            "window": constants.table(np.rint(window * 2**15).astype(np.uint16), "window"),
            "window_period": period,
            "twiddles": constants.table(turns, "twiddles"),
            "stages": constants.records("mf_stage", stages, "stages") if stages else None,
            "mean": constants.table(np.rint(mean / unit).astype(np.int32), "mean"),
            "factor": constants.table((unit / deviation).astype(np.float32), "factor"),
            "normalization_step": int(len(mean) > 1),
            "dropped": 30 - self.digits,
            "square_roots": constants.table(_parts(roots), "square_roots"),
            "logarithms": constants.table(_parts(logarithms), "logarithms"),
        }
        return constants.record("mf_frontend", fields, "frontend")

    def _stages(self, constants: Constants) -> tuple[list[dict[str, Any]], float]:
        """Define the stages; return their records, and the unit of the last one's numbers."""
        unit, largest, records = 2.0**-self.digits, 2.0**31, []
        for index, stage in enumerate(self.tables.products):
            fields, weights = _stage(stage, index, constants)
            bits = int(np.floor(np.log2(2**15 / max(np.abs(weights).max(), 2**-15))))
            whole = np.clip(np.rint(weights * 2.0**bits), -(2**15), 2**15 - 1)
            sums = largest * 2.0**bits * np.abs(_matrix(stage)).sum(axis=0).max()
            shift = max(bits, int(np.ceil(np.log2(sums))) - 31)
            offset = round(float(np.float32(stage.offset)) / unit * 2.0**bits)
            if stage.logarithm:
                shift = bits + round(-np.log2(unit))
                unit, largest = float(np.log(2) / 2**16), 2.0**22
            else:
                unit, largest = unit * 2.0 ** (shift - bits), sums / 2.0**shift
            weight = constants.table(whole.astype(np.int16), f"weights_{index}")
            records.append({
                **fields, "weight": weight, "offset": offset, "shift": shift,
                "logarithm": int(stage.logarithm),
            })  # fmt: skip
        return records, unit


def _parts(numbers: np.ndarray) -> np.ndarray:
    """Round numbers to 65536ths, 1 to the largest of them."""
    return np.asarray(np.minimum(np.rint(numbers * 2**16), 2**16 - 1).astype(np.uint16))


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


def twiddles(length: int) -> np.ndarray:
    """Compute cosine and sine of -2 pi k / length: (roots, 2) float64, half of an even length."""
    roots = length if length % 2 else length // 2
    angles = -2 * np.pi * np.arange(roots) / length
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _is_identity(stage: Stage) -> bool:
    return stage.matrix is None and not stage.offset and not stage.logarithm


def _outputs(stage: Stage) -> int:
    return 0 if stage.matrix is None else stage.matrix.shape[1]


def _matrix(stage: Stage) -> np.ndarray:
    if stage.matrix is None:
        raise ModelFileError("C source needs features whose stages are matrix products")
    return stage.matrix


def _stage(stage: Stage, index: int, constants: Constants) -> tuple[dict[str, Any], np.ndarray]:
    """Write a stage without its arithmetic; return its weights, those of the first output first.

    Of each output they are from the first to the last weight that is not 0.
    """
    matrix = _matrix(stage)
    used = [_span(column) for column in matrix.T]
    weights = [column[a:b] for column, (a, b) in zip(matrix.T, used, strict=True)]
    first, count = _spans(used)
    fields = {
        "inputs": matrix.shape[0],
        "outputs": matrix.shape[1],
        "first": constants.table(first, f"first_{index}"),
        "count": constants.table(count, f"count_{index}"),
    }
    return fields, np.concatenate(weights)


def _real_stage(stage: Stage, index: int, constants: Constants) -> dict[str, Any]:
    fields, weights = _stage(stage, index, constants)
    return {
        **fields,
        "weight": constants.table(weights, f"weights_{index}"),
        "offset": np.float32(stage.offset),
        "logarithm": int(stage.logarithm),
    }


def _span(column: np.ndarray) -> tuple[int, int]:
    used = np.flatnonzero(column)
    return (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)


def _spans(used: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.array([start for start, _ in used], np.uint16)
    return starts, np.array([stop - start for start, stop in used], np.uint16)
