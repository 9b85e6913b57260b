"""Kinds of features that a front end can name: their settings and shapes; one file per kind.

A file in this folder says which settings its kind accepts and how many features a frame has, and
calls :func:`register`. The file of the same name in ``motefit.signal.feature_kinds`` computes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motefit.spec.registry import Registry

if TYPE_CHECKING:
    from motefit.spec.frontend import FrontEnd


@dataclass(frozen=True, kw_only=True)
class KindSpec:
    """Constraints on the settings of one kind of features, and the shape they give.

    Attributes:
        name: as written in ``kind = "..."`` of the front end.
        check: raises RecipeError for settings the kind does not accept.
        features: number of features in a frame.
    """

    name: str
    check: "Callable[[FrontEnd], None]"
    features: "Callable[[FrontEnd], int]"


_KINDS: Registry[KindSpec] = Registry(__name__, "kind of features")


def register(kind: KindSpec) -> None:
    """Add a kind; called once by each file of this folder."""
    _KINDS.register(kind.name, kind)


def kind_spec(name: str) -> KindSpec:
    """Look up a kind by name.

    Raises:
        RecipeError: for a name that no file of this folder registers.
    """
    return _KINDS.find(name)


def kind_names() -> tuple[str, ...]:
    """Return the names of all registered kinds, sorted."""
    return tuple(_KINDS.all())
