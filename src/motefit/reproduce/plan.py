"""What ``reproduce`` is asked for, and what of it is there already."""

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
"""Folders of the data: one of words with their lists, one with a CSV file."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a call is about.

    Attributes:
        rows: full names of published rows.
        targets: names of published budgets.
        answers: names of the shipped recipes that answer them.
    """

    rows: tuple[str, ...]
    targets: tuple[str, ...]
    answers: tuple[str, ...]


def plan(only: Sequence[str] = ()) -> Plan:
    """Rows, budgets and answers by the beginnings of their names.

    Args:
        only: names such as ``"R1"``, ``"R1.climate"`` or ``"R1.climate.w0.05"``, of budgets, such
            as ``"R1.climate.a"``, or of answers, such as ``"climate-6"``; empty for everything. A
            budget brings the row that won it and motefit's answer along.

    Raises:
        RecipeError: for a name that nothing begins with.
    """
    rows = {name: published_row(name)[1] for name in published_names()}
    targets = published_targets()
    known = (*rows, *targets, *(target.answer for _, target, _ in targets.values()))
    for name in only:
        if not any(_begins(other, [name]) for other in known):
            raise RecipeError(
                f"there is no published row or budget {name!r}{nearest(name, [*systems(), *known])}"
                f"; there are {', '.join(systems())}, and the rows of motefit recipes --published"
            )
    chosen = {
        name: target.answer
        for name, (_, target, _) in targets.items()
        if not only or _begins(name, only) or target.answer in only
    }
    winners = {targets[name][0] for name in chosen}
    wanted = [
        name
        for name, row in rows.items()
        if {name} & {*only, *winners} or (_begins(name, only or [name]) and not row.on_request)
    ]
    return Plan(
        rows=tuple(wanted),
        targets=tuple(chosen),
        answers=tuple(dict.fromkeys(recipe_of(answer) for answer in chosen.values())),
    )


def _begins(name: str, parts: Iterable[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def recipe_of(answer: str) -> str:
    """Name of the shipped recipe that makes the bundle of that name.

    Raises:
        RecipeError: when none does.
    """
    for name in recipe_names():
        if answer in find_recipe(name).all_budgets:
            return name
    raise RecipeError(f"no shipped recipe makes the bundle {answer!r}")


def data_of(recipe: Recipe, data: Path) -> Path:
    """Where in the folder of all data a recipe's own data are.

    Raises:
        DataError: when they are not there.
    """
    if recipe.frontend is not None:
        if (data / SPEECH).is_dir():
            return data / SPEECH
        raise DataError(f"{data} holds no folder {SPEECH}/ with the words and their split lists")
    files = sorted((data / SERIES).glob("*.csv"))
    if len(files) != 1:
        raise DataError(f"{data / SERIES} must hold one CSV file, it holds {len(files)}")
    return files[0]


def is_done(folder: Path, recipe: Recipe) -> bool:
    """Whether a folder holds the finished run of a recipe."""
    run = RunDir(folder)
    return is_begun(folder, recipe) and all(
        run.bundle_path(n).is_file() for n in recipe.all_budgets
    )


def is_begun(folder: Path, recipe: Recipe) -> bool:
    """Whether a folder holds a run of a recipe, finished or not."""
    try:
        return _work(RunDir(folder).stored()[0].to_table()) == _work(recipe.to_table())
    except RecipeError:
        return False


def digest(name: str) -> str:
    """Names what a shipped recipe or a published row is now, as far as it decides on its file."""
    return hashlib.sha256(dumps_json(_work(recipe_table(name))).encode()).hexdigest()[:16]


def _work(table: dict[str, Any]) -> dict[str, Any]:
    """What of a recipe decides which file comes out: not its words, nor how often it is repeated.

    Bounds count: candidates are screened and chosen by them.
    """
    search = table.get("search", {})
    kept = {k: v for k, v in table.items() if k not in {"description", "search"}}
    return kept | {"search": {k: v for k, v in search.items() if k not in {"repeats", "stack"}}}
