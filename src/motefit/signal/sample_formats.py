"""Encodings of samples in sound files: bytes to numbers in which 32768 is full scale."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import DataError

FULL_SCALE = 32768.0
LOUDEST = 100.0
"""Float samples beyond it are not sound with full scale 1.0, but most likely 16-bit values."""

_NAMES = {
    ("integer", 1): "PCM_U8",
    ("integer", 2): "PCM_16",
    ("integer", 3): "PCM_24",
    ("integer", 4): "PCM_32",
    ("float", 4): "FLOAT",
    ("float", 8): "DOUBLE",
    ("mu-law", 1): "ULAW",
    ("A-law", 1): "ALAW",
}


@dataclass(frozen=True, kw_only=True)
class SampleFormat:
    """How a sample is encoded, in little-endian order.

    Attributes:
        kind: of number; one-byte integers are unsigned, longer ones signed.
        sample_bytes: 1 to 4 for integers, 4 or 8 for floats, 1 for mu-law and A-law.
        valid_bits: of integers that are shorter than their 32 bits, else 0. They should be the
            upper bits, but ALSA's S24_LE, for one, has them in the lower ones.
    """

    kind: Literal["integer", "float", "mu-law", "A-law"]
    sample_bytes: int
    valid_bits: int = 0

    @property
    def name(self) -> str:
        """Libsndfile's name, e.g. ``"PCM_16"``."""
        return _NAMES[self.kind, self.sample_bytes]

    def decode(self, data: bytes) -> NDArray[np.floating] | NDArray[np.int16]:
        """Decode whole samples.

        Args:
            data: a multiple of ``sample_bytes``.

        Returns:
            (n,): int16 for 16-bit integers, mu-law and A-law, otherwise floats; full scale is
            32768.

        Raises:
            DataError: for float samples that are not finite or far beyond full scale.
        """
        if self.kind == "float":
            return scaled_floats(np.frombuffer(data, f"<f{self.sample_bytes}"))
        if self.kind == "mu-law":
            return _MU_LAW[np.frombuffer(data, np.uint8)]
        if self.kind == "A-law":
            return _A_LAW[np.frombuffer(data, np.uint8)]
        if self.sample_bytes == 1:
            return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) * 256
        if self.sample_bytes == 2:
            return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        padded = np.zeros((len(data) // self.sample_bytes, 4), np.uint8)
        raw = np.frombuffer(data, np.uint8).reshape(-1, self.sample_bytes)
        padded[:, 4 - self.sample_bytes :] = raw
        return np.asarray(self._upper(padded.view("<i4")[:, 0]) / 65536)

    def _upper(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """Move samples to the upper bits if they are in the lower ones.

        They are if some bits below the upper ones are set, which must be zero, and all bits above
        the lower ones are equal.
        """
        if not self.valid_bits:
            return values
        unused = 32 - self.valid_bits
        above = values >> self.valid_bits
        if not (values & ((1 << unused) - 1)).any() or not ((above == 0) | (above == -1)).all():
            return values
        return values << unused


def scaled_floats(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale float samples of full scale 1.0 to that of 16 bits.

    Raises:
        DataError: for samples that are not finite or far beyond full scale.
    """
    if not (values.min(initial=0) > -LOUDEST and values.max(initial=0) < LOUDEST):  # NaN: both
        if not np.isfinite(values).all():
            raise DataError("it contains NaN or infinite samples")
        raise DataError(
            f"its float samples reach {np.abs(values).max():g} where full scale is 1.0, as 16-bit "
            "values that were not divided by 32768 do"
        )
    return (values * FULL_SCALE).astype(np.float32)


def _mu_law() -> NDArray[np.int16]:
    """Return the table of ITU-T G.711 mu-law, 14 bits, scaled to 16."""
    code = ~np.arange(256, dtype=np.uint8)
    steps = (((code & 0x0F).astype(np.int32) << 3) + 0x84) << ((code & 0x70) >> 4).astype(np.int32)
    return np.where(code & 0x80, 0x84 - steps, steps - 0x84).astype(np.int16)


def _a_law() -> NDArray[np.int16]:
    """Return the table of ITU-T G.711 A-law, 13 bits, scaled to 16."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = ((code & 0x70) >> 4).astype(np.int32)
    steps = ((code & 0x0F).astype(np.int32) << 4) + np.where(segment > 0, 0x108, 8)
    steps <<= np.maximum(segment - 1, 0)
    return np.where(code & 0x80, steps, -steps).astype(np.int16)


_MU_LAW, _A_LAW = _mu_law(), _a_law()
