"""Automatic gain of a clip: its loudest frame gets a level, however far away the speaker is."""

import numpy as np
from numpy.typing import NDArray

MOST_DB = 40.0
"""Largest gain: silence stays quieter than speech."""


def loudest_frame(frames: NDArray[np.float32]) -> float:
    """Compute the level of the loudest of frames (frames, frame_length): a standard deviation."""
    return float(frames.std(axis=1).max())


def apply_gain(samples: NDArray[np.float32], frames: NDArray[np.float32], dbfs: float) -> None:
    """Scale a clip so that its loudest frame has a level, in place.

    Levels are standard deviations, so that an offset does not count. A clip without sound is left
    as it is.

    Args:
        samples: (n,) of the clip, full scale 1.0.
        frames: (frames, frame_length), a view of the samples.
        dbfs: level in dB of full scale.
    """
    loudest = loudest_frame(frames)
    if loudest > 0:
        samples *= np.float32(min(10 ** (dbfs / 20) / loudest, 10 ** (MOST_DB / 20)))
