"""Standardization of model inputs, as numbers stored in the card."""

from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError

LEAST_STD, GREATEST = 1e-30, 1e30
"""Beyond them, values that a sensor gives leave float32 when they are standardized."""


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """``(x - mean) / std`` along the last axis.

    Attributes:
        mean: one value per column, or a single value for all.
        std: positive, as many values as ``mean``.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.mean or len(self.mean) != len(self.std) or min(self.std) <= 0:
            raise RecipeError(
                "normalization needs as many positive std values as mean values, "
                f"got mean {self.mean} and std {self.std}"
            )
        if min(self.std) < LEAST_STD or max(map(abs, (*self.mean, *self.std))) > GREATEST:
            raise RecipeError(
                f"normalization must fit float32: std from {LEAST_STD:g}, all up to {GREATEST:g}, "
                f"got mean {self.mean} and std {self.std}"
            )
