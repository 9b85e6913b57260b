"""Magnitude spectrogram: the bins of the short-time Fourier transform inside the band."""

from motefit.signal.kinds import FeatureKind, Finish, Float32Array, register
from motefit.spec.frontend import FrontEnd


def _bins(frontend: FrontEnd) -> tuple[int, int]:
    return frontend.band_bins


def _build(_frontend: FrontEnd) -> Finish:
    def finish(magnitude: Float32Array) -> Float32Array:
        return magnitude.copy()

    return finish


register(FeatureKind(name="spectrogram", bins=_bins, build=_build))
