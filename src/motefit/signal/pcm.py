"""Audio as arrays: int16 or float32 samples, checked once on entry."""

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import DataError

INT16_SCALE = np.float32(1 / 32768)
"""Full scale of int16 is 1.0, as in TensorFlow's ``decode_wav``."""
LOUDEST = np.float32(100)
"""Float samples beyond it are not audio with full scale 1.0, but most likely 16-bit values."""
SAMPLE_TYPES = (np.dtype(np.int16), np.dtype(np.float32))


def as_float32(pcm: np.ndarray) -> NDArray[np.float32]:
    """Convert one channel to finite float32: scale int16 by 1/32768, pass float32 without a copy.

    Args:
        pcm: (samples,) int16, or float32 with full scale 1.0.

    Raises:
        DataError: for another dtype or shape, or samples that are NaN, infinite or beyond LOUDEST.
    """
    require_samples(pcm, dimensions=1)
    if pcm.dtype == np.int16:
        return np.asarray(np.multiply(pcm, INT16_SCALE, dtype=np.float32))
    if not (pcm.min(initial=0) > -LOUDEST and pcm.max(initial=0) < LOUDEST):  # NaN fails both
        raise DataError(
            f"samples must be finite numbers with full scale 1.0, below {LOUDEST:g}; of {pcm.size} "
            f"samples {np.count_nonzero(~np.isfinite(pcm))} are NaN or infinite and the largest "
            f"other is {np.abs(pcm[np.isfinite(pcm)]).max(initial=0):g}; drop this recording, "
            "or divide by 32768 if it contains 16-bit values"
        )
    return pcm


def require_samples(pcm: object, *, dimensions: int) -> None:
    """Check the type of an audio array.

    Args:
        pcm: what was given.
        dimensions: 1 for (samples,), 2 for (clips, samples).

    Raises:
        DataError: if it is not an int16 or float32 array with this number of dimensions.
    """
    if not isinstance(pcm, np.ndarray) or pcm.ndim != dimensions:
        wanted = "(samples,)" if dimensions == 1 else "(clips, samples)"
        got = f"shape {pcm.shape}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise DataError(
            f"audio must be a numpy array of shape {wanted}, one channel; got {got}; "
            "average the channels of stereo audio first"
        )
    if pcm.dtype not in SAMPLE_TYPES:
        raise DataError(
            f"samples must be int16, or float32 with full scale 1.0; got {pcm.dtype}; "
            "scale to -1..1 where needed and convert with .astype(numpy.float32)"
        )
