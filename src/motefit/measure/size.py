"""Sizes of a model file: raw, zipped alone, and as the bundle that ships."""

from dataclasses import dataclass

from motefit.tflite.archive import zip_bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Sizes in bytes.

    Attributes:
        tflite_bytes: of the model file.
        zip_bytes: of a zip that holds the model file alone.
        bundle_bytes: of the bundle, which holds the card too; None where there is none yet.
    """

    tflite_bytes: int
    zip_bytes: int
    bundle_bytes: int | None = None

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name; the bundle is no metric of a budget."""
        return {"size.tflite_bytes": self.tflite_bytes, "size.zip_bytes": self.zip_bytes}


def quick_size(model: bytes) -> Size:
    """As :func:`measure_size`, in a millisecond: zipped by zlib, which is some per cent larger."""
    return Size(tflite_bytes=len(model), zip_bytes=len(zip_bytes(model, thorough=False)))


def measure_size(model: bytes, *, bundle_bytes: int | None = None) -> Size:
    """Sizes of a model file.

    Args:
        model: bytes of the .tflite file.
        bundle_bytes: size of the bundle it is in.
    """
    return Size(tflite_bytes=len(model), zip_bytes=len(zip_bytes(model)), bundle_bytes=bundle_bytes)
