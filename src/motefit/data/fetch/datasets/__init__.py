"""The data sets motefit can fetch; one file each.

A file in this folder describes one archive and calls :func:`register`. Importing nothing more is
needed: looking a name up imports every such file.
"""

import importlib
import pkgutil
from dataclasses import dataclass

from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A zip archive with data in it.

    Attributes:
        name: as given to ``motefit data fetch``.
        description: one line.
        licence: of the data, and whom to credit.
        url: of the archive, http or https.
        size_bytes: of the archive.
        sha256: of the archive; None when it is not known for certain: then the first download's is
            recorded beside the data, and later ones are compared with that.
        contents: the folder or file of the archive that is the data.
        unpacked_limit_bytes: most that the archive may unpack to.
    """

    name: str
    description: str
    licence: str
    url: str
    size_bytes: int
    sha256: str | None
    contents: str
    unpacked_limit_bytes: int


_REGISTRY: dict[str, Dataset] = {}


def register(entry: Dataset) -> None:
    """Add a data set; called once by each file of this folder."""
    _REGISTRY[entry.name] = entry


def dataset(name: str) -> Dataset:
    """Look a data set up by name.

    Raises:
        RecipeError: for a name that no file of this folder registers.
    """
    _load()
    if name not in _REGISTRY:
        raise RecipeError(
            f"unknown data set {name!r}{nearest(name, _REGISTRY)}; "
            f"allowed: {', '.join(sorted(_REGISTRY))}"
        )
    return _REGISTRY[name]


def dataset_names() -> tuple[str, ...]:
    """Names of all registered data sets, sorted."""
    _load()
    return tuple(sorted(_REGISTRY))


def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
