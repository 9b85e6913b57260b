"""Augmentation of log-mel features: frequency warp, equalizer and band limit.

A linear filter with a smooth frequency response multiplies the magnitude of a mel band, so it adds
to its logarithm; the same change of the samples would cost a hundred times as much.
"""

import numpy as np
from numpy.typing import NDArray

from motefit.signal.feature_kinds.mel_bands import LOG_OFFSET, hertz_to_mel
from motefit.spec.augment import AugmentSpec
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd

Floats = NDArray[np.float32]

WARPS = 21
"""Number of stretches to draw from; odd, so that none is one of them."""
KNOTS = 6
"""Points of a random frequency response, between which it is linear over the mel bands."""
LOWEST_CUT = 0.55
"""Lowest band limit as a fraction of the mel bands."""
STOP_BAND = np.float32(1e-3)
"""Magnitude that is left above a band limit: -60 dB."""


def colors(spec: AugmentSpec) -> bool:
    """Return whether a setting changes features before they are normalized."""
    return spec.warp_percent > 0 or spec.equalizer_db > 0 or spec.band_limit_probability > 0


def check_colors(spec: AugmentSpec, frontend: FrontEnd) -> None:
    """Reject features that cannot be changed band by band.

    Raises:
        RecipeError: for features that are not log-mel bands.
    """
    if colors(spec) and (frontend.kind != "mel" or frontend.coefficients):
        raise RecipeError(
            "[train.augment] warp_percent, equalizer_db and band_limit_probability work on log-mel "
            'bands: use kind = "mel" and coefficients = 0 in [frontend], or set them to 0'
        )


def color_features(
    features: Floats, spec: AugmentSpec, frontend: FrontEnd, *, rng: np.random.Generator
) -> Floats:
    """Apply a random frequency warp, equalizer and band limit to every clip, in this order.

    Args:
        features: (n, frames, bands), log-mel, not normalized; not changed.
        spec: what to do.
        frontend: of the features.
        rng: the only source of randomness.

    Returns:
        float32 (n, frames, bands).
    """
    out = np.array(features, np.float32)
    count, _, bands = out.shape
    if spec.warp_percent > 0:
        chosen = rng.integers(0, WARPS, count)
        for index, matrix in enumerate(_warps(frontend, spec.warp_percent / 100)):
            out[chosen == index] = out[chosen == index] @ matrix
    if spec.equalizer_db > 0:
        knots = rng.uniform(-1, 1, (count, KNOTS)) * (spec.equalizer_db * np.log(10) / 20)
        out += (knots @ _ramps(bands))[:, None].astype(np.float32)
    if spec.band_limit_probability > 0:
        cut = rng.uniform(LOWEST_CUT, 1, count) * bands
        limited = np.less(rng.random(count), spec.band_limit_probability)
        above = (np.arange(bands) >= cut[:, None]) & limited[:, None]
        low = np.log(np.maximum(np.exp(out) - LOG_OFFSET, 0) * STOP_BAND + LOG_OFFSET)
        out = np.where(above[:, None], low, out)
    return out


def _warps(frontend: FrontEnd, most: float) -> list[Floats]:
    """Make matrices (bands, bands) that stretch the frequency axis by up to a fraction."""
    bands = frontend.mel_bins
    low_end, high_end = (float(hertz_to_mel(f)) for f in (frontend.lower_hz, frontend.upper_hz))
    centers = np.linspace(low_end, high_end, bands + 2)[1:-1]
    hertz = 700.0 * np.expm1(centers / 1127.0)
    matrices = []
    for stretch in np.linspace(1 - most, 1 + most, WARPS):
        places = np.interp(hertz_to_mel(hertz * stretch), centers, np.arange(bands))
        low = np.minimum(places.astype(np.int64), bands - 2)
        matrix = np.zeros((bands, bands), np.float32)
        matrix[low, np.arange(bands)] = 1 - (places - low)
        matrix[low + 1, np.arange(bands)] += (places - low).astype(np.float32)
        matrices.append(matrix)
    return matrices


def _ramps(bands: int) -> np.ndarray:
    """Make the linear interpolation (knots, bands) of a frequency response."""
    places = np.linspace(0, KNOTS - 1, bands)
    return np.asarray(np.maximum(0, 1 - np.abs(places - np.arange(KNOTS)[:, None])))
