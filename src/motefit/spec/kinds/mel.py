"""Log-mel bands, or MFCCs where ``coefficients`` is not 0."""

from typing import TYPE_CHECKING

from motefit.spec.errors import RecipeError
from motefit.spec.kinds import KindSpec, register

if TYPE_CHECKING:
    from motefit.spec.frontend import FrontEnd


def _check(frontend: "FrontEnd") -> None:
    if frontend.mel_bins < 1 or not 0 <= frontend.coefficients <= frontend.mel_bins:
        raise RecipeError(
            f"mel_bins must be at least 1 and coefficients 0..mel_bins, "
            f"got {frontend.mel_bins} and {frontend.coefficients}"
        )


def _features(frontend: "FrontEnd") -> int:
    return frontend.coefficients or frontend.mel_bins


register(KindSpec(name="mel", check=_check, features=_features))
