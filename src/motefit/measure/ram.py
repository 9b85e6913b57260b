"""Working memory of a model: TensorFlow Lite Micro's arena, and a lower bound without its wheel."""

from dataclasses import dataclass

from motefit.spec.errors import ModelFileError
from motefit.tflite.micro import arena_bytes
from motefit.tflite.model import ModelFile

MEASURED = "smallest arena that tflite-micro allocates and runs with, on a 64-bit host"
ABSENT = "the tflite-micro wheel is not installed: pip install 'motefit[micro]'"


@dataclass(frozen=True, kw_only=True)
class Ram:
    """Working memory in bytes.

    Attributes:
        arena_bytes: the smallest arena that TensorFlow Lite Micro allocates and runs with:
            activations, scratch buffers, bookkeeping, and temporary memory for planning; None if it
            could not be measured.
        activation_bytes: largest sum of activations alive at once, a lower bound of any arena.
        method: source of ``arena_bytes``, or why there is none.
    """

    arena_bytes: int | None
    activation_bytes: int
    method: str

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name; nothing without an arena, since a lower bound meets no budget."""
        return {} if self.arena_bytes is None else {"ram.arena_bytes": self.arena_bytes}


def measure_ram(model: ModelFile) -> Ram:
    """Measure the working memory of a model file.

    Args:
        model: the .tflite file.

    Raises:
        ModelFileError: for damaged bytes.
    """
    bound = model.inspection.activation_bytes
    try:
        arena = arena_bytes(model)
    except ModelFileError as error:
        return Ram(arena_bytes=None, activation_bytes=bound, method=str(error))
    method = ABSENT if arena is None else MEASURED
    return Ram(arena_bytes=arena, activation_bytes=bound, method=method)
