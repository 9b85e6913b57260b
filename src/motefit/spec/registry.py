"""Registries that fill themselves: one file per member, found in a package's folder.

A package that keeps a registry makes one :class:`Registry` in its ``__init__``; each file of its
folder calls ``register``. A lookup imports every file first, so that adding a member needs no
central edit.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Generic, TypeVar

from motefit.spec.codec import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Members by name.

    Args:
        package: whose modules register the members, usually ``__name__``.
        what: one member in words, for errors, e.g. ``"task"``.

    Attributes:
        package: as given.
    """

    def __init__(self, package: str, what: str) -> None:
        self.package = package
        self._what = what
        self._members: dict[str, T] = {}

    def register(self, name: str, member: T) -> T:
        """Add a member and return it; reimporting a module replaces its member."""
        self._members[name] = member
        return member

    def all(self) -> Mapping[str, T]:
        """Return all members, sorted by name."""
        self._load()
        return dict(sorted(self._members.items()))

    def names(self) -> tuple[str, ...]:
        """Return the names of all members, sorted."""
        return tuple(self.all())

    def find(self, name: str) -> T:
        """Look up a member.

        Raises:
            RecipeError: for a name that no file registers; the error names the closest one.
        """
        if name not in self._members:
            self._load()
        if name not in self._members:
            raise unknown(self._what, name, sorted(self._members))
        return self._members[name]

    def _load(self) -> None:
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
