"""Magnitude of the short-time Fourier transform, the bins inside the band."""

from typing import TYPE_CHECKING

from motefit.spec.errors import RecipeError
from motefit.spec.kinds import KindSpec, register

if TYPE_CHECKING:
    from motefit.spec.frontend import FrontEnd


def _check(frontend: "FrontEnd") -> None:
    if frontend.mel_bins or frontend.coefficients:
        raise RecipeError(
            "a spectrogram has no mel bands: set mel_bins = 0 and coefficients = 0, "
            f"got {frontend.mel_bins} and {frontend.coefficients}"
        )
    if _features(frontend) < 1:
        raise RecipeError(
            f"no bin of the spectrum is in {frontend.lower_hz}..{frontend.upper_hz} Hz: bins are "
            f"{frontend.rate_hz / frontend.frame_length:g} Hz apart; widen the band"
        )


def _features(frontend: "FrontEnd") -> int:
    first, stop = frontend.band_bins
    return stop - first


register(KindSpec(name="spectrogram", check=_check, features=_features))
