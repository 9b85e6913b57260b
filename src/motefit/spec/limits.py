"""Limits on what is read from files: a file beyond one of them is refused before it is unpacked.

They are far above what a sensor node holds, and keep the memory of a reader bounded by what it
reads, whoever made the file.
"""

import os

from motefit.spec.errors import DataError, ModelFileError

MIB = 1 << 20
CARD_BYTES = 4 * MIB
"""Most bytes of a card; those of published models have at most 100 kB."""
MODEL_BYTES = 64 * MIB
"""Most bytes of a model, unless :data:`MODEL_VARIABLE` says otherwise."""
MODEL_VARIABLE = "MOTEFIT_MODEL_MB"
"""Environment variable with another limit for models, in units of 2^20 bytes."""
SMALL_BYTES = MIB
"""Most bytes of a zip's member for which :data:`MOST_RATIO` is not looked at."""
MOST_RATIO = 200
"""Most bytes that a byte of a zip may unpack to; a model whose weights are 95 % zeros has 15."""
RUN_SECONDS = 5
"""CPU seconds that one call of LiteRT may take before it counts as endless."""
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
"""Sampling rates of sound, from a file, a stream or a microphone."""


def model_bytes() -> int:
    """Return the most bytes that a model file may have.

    Raises:
        ModelFileError: if :data:`MODEL_VARIABLE` is set to something else than a positive number.
    """
    given = os.environ.get(MODEL_VARIABLE, "")
    if not given:
        return MODEL_BYTES
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) < 1 << 21:
        raise ModelFileError(
            f"{MODEL_VARIABLE} must be a whole number of megabytes, at least 1, got {given!r}"
        )
    return int(given) * MIB


def require_rate(rate_hz: int, *, what: str = "the sampling rate") -> int:
    """Return a sampling rate that sound may have.

    >>> require_rate(16_000)
    16000

    Args:
        rate_hz: the rate.
        what: description of the rate for the error's text, e.g. ``"word.wav: the sampling rate"``.

    Raises:
        DataError: if it is outside :data:`LOWEST_RATE_HZ` to :data:`HIGHEST_RATE_HZ`.
    """
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise DataError(
            f"{what} must be {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ} Hz, got {rate_hz}; record or "
            "convert the sound again"
        )
    return rate_hz
