"""Sound as arrays: int16 or float32 samples, checked once at the door."""

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import DataError

INT16_SCALE = np.float32(1 / 32768)
"""Full scale of int16 is 1.0, as in TensorFlow's ``decode_wav``."""
LOUDEST = np.float32(100)
"""Float samples beyond it are no sound of full scale 1.0; most likely 16-bit values."""
SAMPLE_TYPES = (np.dtype(np.int16), np.dtype(np.float32))


def as_float32(pcm: np.ndarray) -> NDArray[np.float32]:
    """One channel as finite float32; int16 is scaled by 1/32768, float32 passes uncopied.

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
            f"other is {np.abs(pcm[np.isfinite(pcm)]).max(initial=0):g}; leave out this recording, "
            "or divide by 32768 if it holds 16-bit values"
        )
    return pcm


def require_samples(pcm: object, *, dimensions: int) -> None:
    """Check the type of an array of sound.

    Args:
        pcm: what was given.
        dimensions: 1 for (samples,), 2 for (clips, samples).

    Raises:
        DataError: when it is not an int16 or float32 array of so many dimensions.
    """
    if not isinstance(pcm, np.ndarray) or pcm.ndim != dimensions:
        wanted = "(samples,)" if dimensions == 1 else "(clips, samples)"
        got = f"shape {pcm.shape}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise DataError(
            f"sound must be a numpy array of shape {wanted}, one channel; got {got}; "
            "average the channels of stereo sound first"
        )
    if pcm.dtype not in SAMPLE_TYPES:
        raise DataError(
            f"samples must be int16, or float32 with full scale 1.0; got {pcm.dtype}; "
            "scale to -1..1 where needed and convert with .astype(numpy.float32)"
        )
