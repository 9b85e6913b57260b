"""Plan of a ``reproduce`` run: the rows, budgets and answers requested, and which are done."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.fitting.run_dir import RunDir
from motefit.recipes.catalog import find_recipe, recipe_names, recipe_table
from motefit.recipes.published import published_names, published_row, published_targets, systems
from motefit.spec.codec import dumps_json, nearest
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.recipe import Recipe

SPEECH, SERIES = "speech", "climate"
"""Folders of the data: one with words and their lists, one with a CSV file."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Rows, budgets and answers of one call.

    Attributes:
        rows: full names of published rows.
        targets: names of published budgets.
        answers: names of the shipped recipes that answer them.
    """

    rows: tuple[str, ...]
    targets: tuple[str, ...]
    answers: tuple[str, ...]


def plan(only: Sequence[str] = ()) -> Plan:
    """Select rows, budgets and answers by the beginnings of their names.

    Args:
        only: names such as ``"R1"``, ``"R1.climate"`` or ``"R1.climate.w0.05"``, of budgets, such
            as ``"R1.climate.a"``, or of answers, such as ``"climate-6"``; empty selects everything.
            A budget includes the row that won it and motefit's answer.

    Raises:
        RecipeError: if no name starts with one of these.
    """
    rows = {name: published_row(name)[1] for name in published_names()}
    targets = published_targets()
    known = (*rows, *targets, *(target.answer for _, target, _ in targets.values()))
    for name in only:
        if not any(_starts_with(other, [name]) for other in known):
            raise RecipeError(
                f"there is no published row or budget {name!r}{nearest(name, [*systems(), *known])}"
                f"; there are {', '.join(systems())}, and the rows of motefit recipes --published"
            )
    chosen = {
        name: target.answer
        for name, (_, target, _) in targets.items()
        if not only or _starts_with(name, only) or target.answer in only
    }
    winners = {targets[name][0] for name in chosen}
    wanted = [
        name
        for name, row in rows.items()
        if {name} & {*only, *winners} or (_starts_with(name, only or [name]) and not row.on_request)
    ]
    return Plan(
        rows=tuple(wanted),
        targets=tuple(chosen),
        answers=tuple(dict.fromkeys(recipe_of(answer) for answer in chosen.values())),
    )


def _starts_with(name: str, parts: Iterable[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def recipe_of(answer: str) -> str:
    """Return the name of the shipped recipe that produces the bundle of that name.

    Raises:
        RecipeError: if none does.
    """
    for name in recipe_names():
        if answer in find_recipe(name).all_budgets:
            return name
    raise RecipeError(f"no shipped recipe produces the bundle {answer!r}")


def data_of(recipe: Recipe, data: Path) -> Path:
    """Locate a recipe's own data in the folder of all data.

    Raises:
        DataError: if they are missing.
    """
    if recipe.frontend is not None:
        if (data / SPEECH).is_dir():
            return data / SPEECH
        raise DataError(f"{data} has no folder {SPEECH}/ with the words and their split lists")
    files = sorted((data / SERIES).glob("*.csv"))
    if len(files) != 1:
        raise DataError(f"{data / SERIES} must contain one CSV file, it contains {len(files)}")
    return files[0]


def is_done(folder: Path, recipe: Recipe) -> bool:
    """Return whether a folder holds the finished run of a recipe."""
    run = RunDir(folder)
    return is_started(folder, recipe) and all(
        run.bundle_path(n).is_file() for n in recipe.all_budgets
    )


def is_started(folder: Path, recipe: Recipe) -> bool:
    """Return whether a folder holds a run of a recipe, finished or not."""
    try:
        stored, _ = RunDir(folder).stored()
        return _determining(stored.to_table()) == _determining(recipe.to_table())
    except RecipeError:
        return False


def digest(name: str) -> str:
    """Hash the current settings of a shipped recipe or published row that determine its file."""
    return hashlib.sha256(dumps_json(_determining(recipe_table(name))).encode()).hexdigest()[:16]


def _determining(table: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a recipe that determine its file, without text and repeats.

    Bounds are among them, since candidates are screened and chosen by them.
    """
    search = table.get("search", {})
    kept = {k: v for k, v in table.items() if k not in {"description", "search"}}
    return kept | {"search": {k: v for k, v in search.items() if k not in {"repeats", "stack"}}}
