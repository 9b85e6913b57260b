"""The kinds of features a front end can name, as far as settings and shapes go; one file a kind.

A file in this folder says which settings its kind accepts and how many features a frame has, and
calls :func:`register`. The file of the same name in ``motefit.signal.kinds`` computes them.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError

if TYPE_CHECKING:
    from motefit.spec.frontend import FrontEnd


@dataclass(frozen=True, kw_only=True)
class KindSpec:
    """What the settings of one kind of features must be and what shape they give.

    Attributes:
        name: as written in ``kind = "..."`` of the front end.
        check: raises RecipeError for settings the kind does not accept.
        features: number of features in a frame.
    """

    name: str
    check: "Callable[[FrontEnd], None]"
    features: "Callable[[FrontEnd], int]"


_REGISTRY: dict[str, KindSpec] = {}


def register(kind: KindSpec) -> None:
    """Add a kind; called once by each file of this folder."""
    _REGISTRY[kind.name] = kind


def kind_spec(name: str) -> KindSpec:
    """Look a kind up by name.

    Raises:
        RecipeError: for a name that no file of this folder registers.
    """
    if name not in _REGISTRY:
        _load()
    if name not in _REGISTRY:
        raise RecipeError(
            f"unknown kind of features {name!r}{nearest(name, _REGISTRY)}; "
            f"allowed: {', '.join(sorted(_REGISTRY))}"
        )
    return _REGISTRY[name]


def kind_names() -> tuple[str, ...]:
    """Names of all registered kinds, sorted."""
    _load()
    return tuple(sorted(_REGISTRY))


def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
