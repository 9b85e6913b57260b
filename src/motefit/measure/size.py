"""Sizes of a model file: raw, zipped alone, and as a bundle."""

from dataclasses import dataclass

from motefit.tflite.archive import CONTAINER_BYTES, zip_bytes
from motefit.tflite.model import ModelFile


@dataclass(frozen=True, kw_only=True)
class Size:
    """Sizes in bytes.

    Attributes:
        tflite_bytes: of the model file.
        zip_bytes: of a zip that holds the model file alone, in the stream that ships.
        bundle_bytes: of the bundle, which holds the card too; None where there is none yet.
    """

    tflite_bytes: int
    zip_bytes: int
    bundle_bytes: int | None = None

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name; the bundle size is not a metric of a budget."""
        return {"size.tflite_bytes": self.tflite_bytes, "size.zip_bytes": self.zip_bytes}


def quick_size(model: ModelFile) -> Size:
    """Measure as :func:`measure_size`, in a millisecond: with zlib, a few percent larger."""
    return Size(tflite_bytes=len(model.data), zip_bytes=len(zip_bytes(model.data, thorough=False)))


def measure_size(model: ModelFile, *, bundle_bytes: int | None = None) -> Size:
    """Measure the sizes of a model file.

    The zip is that of the deflate stream in the bundle that the file was read from, whatever
    packed it, so the figure is the same on every machine. A file that is in no bundle yet is packed
    here, with Zopfli where it is installed.

    Args:
        model: the .tflite file.
        bundle_bytes: size of the bundle it is in.
    """
    zipped = (
        len(zip_bytes(model.data))
        if model.stream_bytes is None
        else model.stream_bytes + CONTAINER_BYTES
    )
    return Size(tflite_bytes=len(model.data), zip_bytes=zipped, bundle_bytes=bundle_bytes)
