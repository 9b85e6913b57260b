"""Sizes of a model file: raw, zipped alone, and as a bundle."""

from dataclasses import dataclass

from motefit.tflite.archive import zip_bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Sizes in bytes.

    Attributes:
        tflite_bytes: of the model file.
        zip_bytes: of a zip that contains only the model file.
        bundle_bytes: of the bundle, which includes the card; None if there is none yet.
    """

    tflite_bytes: int
    zip_bytes: int
    bundle_bytes: int | None = None

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name; the bundle size is not a metric of a budget."""
        return {"size.tflite_bytes": self.tflite_bytes, "size.zip_bytes": self.zip_bytes}


def quick_size(model: bytes) -> Size:
    """Measure as :func:`measure_size`, in a millisecond: with zlib, a few percent larger."""
    return Size(tflite_bytes=len(model), zip_bytes=len(zip_bytes(model, thorough=False)))


def measure_size(model: bytes, *, bundle_bytes: int | None = None) -> Size:
    """Measure the sizes of a model file.

    Args:
        model: bytes of the .tflite file.
        bundle_bytes: size of the bundle it is in.
    """
    return Size(tflite_bytes=len(model), zip_bytes=len(zip_bytes(model)), bundle_bytes=bundle_bytes)
