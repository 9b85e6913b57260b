"""Recipes of the published systems: one file per system, one recipe per row, one target per budget.

A file ``recipes/published/<system>.toml`` contains

- ``title``, and ``choices``: what the report leaves open, and what is assumed here;
- ``[recipe]``: a recipe, which the rows vary;
- ``[values]``: the place of each of a row's values, as a dotted key of the recipe, in which a
  number is a list index (or as a list of keys, if a key has a dot in it);
- ``[figures]``: the metric that each of a row's published figures measures;
- ``[[rows]]``: ``name``, ``note``, ``values`` and ``figures``; a row with ``on_request`` is trained
  only if its full name is requested;
- ``[targets.<name>]``: a published budget, the row that won it, and the shipped recipe (or, for a
  recipe with several budgets, the bundle) that is motefit's answer to it.
"""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from motefit.spec.budget import Bound, Budget
from motefit.spec.codec import check_fields, decode, nearest
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import metric

Place = tuple[str | int, ...]
"""Keys and list indices that lead to a value in a recipe's table."""


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One published configuration of a system.

    Attributes:
        name: unique in its file.
        note: description for people.
        values: settings in the recipe, by the names of ``[values]``.
        figures: the report's measurements, by the names of ``[figures]``, written as in a budget.
        on_request: whether it is left out unless its full name is requested.
    """

    name: str
    note: str
    values: Mapping[str, object] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    on_request: bool = False

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One published budget.

    Attributes:
        note: the budget in words.
        winner: name of the row published for it.
        answer: name of the shipped recipe, or of one of its bundles, that answers it.
        budget: the ``[budget]`` section.
    """

    note: str
    winner: str
    answer: str
    budget: Mapping[str, object]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class System:
    """Content of one file; see the module."""

    title: str
    choices: tuple[str, ...]
    recipe: Mapping[str, object]
    rows: tuple[PublishedRow, ...]
    values: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise RecipeError(f"two rows have the same name: {names}")
        for row in self.rows:
            for given, known in ((row.values, self.values), (row.figures, self.figures)):
                for key in given:
                    if key not in known:
                        raise RecipeError(f"row {row.name}: unknown {key!r}{nearest(key, known)}")
        for name, target in self.targets.items():
            if target.winner not in names:
                raise RecipeError(f"target {name}: no row {target.winner!r}")


@cache
def systems() -> Mapping[str, System]:
    """Load all published systems by the name of their file, sorted.

    Raises:
        RecipeError: if a file is invalid.
    """
    folder = resources.files("motefit") / "recipes" / "published"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {
        (name := f.name.removesuffix(".toml")): decode(
            System, tomllib.loads(f.read_text("utf-8")), where=name
        )
        for f in files
    }


@cache
def published_names() -> tuple[str, ...]:
    """List the names of all published rows, ``<system>.<row>``, in the order of their files.

    >>> published_names()[:2]
    ('R0.baseline-log-mel', 'R0.baseline-mfcc')
    """
    return tuple(f"{name}.{row.name}" for name, system in systems().items() for row in system.rows)


def published_row(name: str) -> tuple[System, PublishedRow]:
    """Find a row by its full name, with the system it belongs to.

    Raises:
        RecipeError: if there is no such row.
    """
    for stem, system in systems().items():
        for row in system.rows:
            if name == f"{stem}.{row.name}":
                return system, row
    raise RecipeError(f"there is no published row {name!r}{nearest(name, published_names())}")


def published_table(name: str) -> dict[str, Any]:
    """Return the recipe of a row as a plain table, without its defaults.

    Raises:
        RecipeError: if there is no such row.
    """
    system, row = published_row(name)
    table: dict[str, Any] = copy.deepcopy(dict(system.recipe))
    for key, value in row.values.items():
        _put(table, _place(system.values[key]), value)
    return {"description": f"{system.title}: {row.note}", **table}


def published_figures(name: str) -> dict[str, float]:
    """Return the report's figures for a row, by metric name, in the metrics' own units.

    Raises:
        RecipeError: if there is no such row, or a figure cannot be read.
    """
    system, row = published_row(name)
    return {(m := system.figures[key]): _figure(m, text) for key, text in row.figures.items()}


@cache
def published_targets() -> Mapping[str, tuple[str, Target, Budget]]:
    """Map the name of each published budget to its winner's full name, target and budget."""
    return {
        name: (
            f"{stem}.{target.winner}",
            target,
            Budget.from_table(target.budget, where=f"{stem}: targets.{name}"),
        )
        for stem, system in systems().items()
        for name, target in system.targets.items()
    }


def _figure(name: str, text: str) -> float:
    relation = ">=" if metric(name).higher_is_better else "<="
    return Bound.parse(name, f"{relation} {text}").limit


def _place(key: str | tuple[str, ...]) -> Place:
    parts = key.split(".") if isinstance(key, str) else key
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _put(table: Any, place: Place, value: object) -> None:  # noqa: ANN401 - a decoded TOML tree
    *path, last = place
    for part in path:
        table = table[part] if isinstance(part, int) else table.setdefault(part, {})
    table[last] = value
