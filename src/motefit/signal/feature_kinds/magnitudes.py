"""Magnitude spectrogram: the bins of the short-time Fourier transform inside the band."""

from motefit.signal.feature_kinds import FeatureKind, Stage
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd


def _check(frontend: FrontEnd) -> None:
    if frontend.mel_bins or frontend.coefficients:
        raise RecipeError(
            "a spectrogram has no mel bands: set mel_bins = 0 and coefficients = 0, "
            f"got {frontend.mel_bins} and {frontend.coefficients}"
        )
    if _features(frontend) < 1:
        raise RecipeError(
            f"no bin of the spectrum lies in {frontend.lower_hz}..{frontend.upper_hz} Hz: bins are "
            f"{frontend.rate_hz / frontend.frame_length:g} Hz apart; widen the band"
        )


def _features(frontend: FrontEnd) -> int:
    first, stop = frontend.band_bins
    return stop - first


def _bins(frontend: FrontEnd) -> tuple[int, int]:
    return frontend.band_bins


def _stages(_frontend: FrontEnd) -> tuple[Stage, ...]:
    return (Stage(matrix=None),)


FEATURE_KINDS.register(
    "spectrogram", FeatureKind(check=_check, features=_features, bins=_bins, stages=_stages)
)
