"""Log-mel bands and MFCCs, as the ``tf.signal`` functions of the same names define them."""

import numpy as np

from motefit.signal.feature_kinds import FeatureKind, Float32Array, Stage
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd

LOG_OFFSET = np.float32(1e-6)
"""Added to a band before the logarithm; the published scripts' constant."""


def mel_matrix(frontend: FrontEnd) -> Float32Array:
    """Make triangular HTK mel filters, unnormalized: ``tf.signal.linear_to_mel_weight_matrix``.

    Bins are assumed to be evenly spaced from 0 to half the rate, which for an odd frame length is
    the published definition although the DFT's bins are slightly lower. The DC bin has no weight.

    Returns:
        float32 of shape (frame_length // 2 + 1, mel_bins), weights in 0..1.
    """
    count = frontend.frame_length // 2 + 1
    bins = hertz_to_mel(np.linspace(0.0, frontend.rate_hz / 2, count))[1:, None]
    edges = np.linspace(
        hertz_to_mel(frontend.lower_hz),
        hertz_to_mel(frontend.upper_hz),
        frontend.mel_bins + 2,
    )
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (center - lower)
    falling = (upper - bins) / (upper - center)
    matrix = np.zeros((count, frontend.mel_bins), np.float32)
    matrix[1:] = np.maximum(0.0, np.minimum(rising, falling))
    return matrix


def dct_matrix(frontend: FrontEnd) -> Float32Array:
    """Make the first columns of the DCT-II of ``tf.signal.mfccs_from_log_mel_spectrograms``.

    Column k is ``sqrt(2 / m) cos(pi k (n + 1/2) / m)``; unlike the orthonormal DCT, column 0 is
    not divided by ``sqrt(2)``.

    Returns:
        float32 of shape (mel_bins, coefficients).
    """
    bands = np.arange(frontend.mel_bins)[:, None] + 0.5
    angles = np.pi / frontend.mel_bins * bands * np.arange(frontend.coefficients)
    return np.asarray(np.sqrt(2.0 / frontend.mel_bins) * np.cos(angles), np.float32)


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    """Convert to HTK's mel scale: 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(hertz / 700.0))


def _check(frontend: FrontEnd) -> None:
    if frontend.mel_bins < 1 or not 0 <= frontend.coefficients <= frontend.mel_bins:
        raise RecipeError(
            f"mel_bins must be at least 1 and coefficients 0..mel_bins, "
            f"got {frontend.mel_bins} and {frontend.coefficients}"
        )


def _features(frontend: FrontEnd) -> int:
    return frontend.coefficients or frontend.mel_bins


def _bins(frontend: FrontEnd) -> tuple[int, int]:
    used = np.flatnonzero(mel_matrix(frontend).any(axis=1))
    return (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)


def _stages(frontend: FrontEnd) -> tuple[Stage, ...]:
    first, stop = _bins(frontend)
    matrix = np.ascontiguousarray(mel_matrix(frontend)[first:stop])
    bands = Stage(matrix=matrix, offset=float(LOG_OFFSET), logarithm=True)
    return (bands, Stage(matrix=dct_matrix(frontend))) if frontend.coefficients else (bands,)


FEATURE_KINDS.register(
    "mel", FeatureKind(check=_check, features=_features, bins=_bins, stages=_stages)
)
