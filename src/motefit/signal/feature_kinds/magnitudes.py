"""Magnitude spectrogram: the bins of the short-time Fourier transform inside the band."""

from motefit.signal.feature_kinds import FeatureKind, Stage, register
from motefit.spec.frontend import FrontEnd


def _bins(frontend: FrontEnd) -> tuple[int, int]:
    return frontend.band_bins


def _stages(_frontend: FrontEnd) -> tuple[Stage, ...]:
    return (Stage(matrix=None),)


register(FeatureKind(name="spectrogram", bins=_bins, stages=_stages))
