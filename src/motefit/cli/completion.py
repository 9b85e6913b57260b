"""Shell completion of models, recipes and runs: shipped names first, then files."""

from collections.abc import Iterable
from pathlib import Path

import motefit

MODELS = (".zip", ".tflite")


def complete_model(incomplete: str) -> list[str]:
    """Complete the name of a shipped model, or the path of a model file.

    >>> complete_model("yes")
    ['yes-no', 'yes-no-4k']
    """
    return [*_start(motefit.model_names(), incomplete), *_paths(incomplete, MODELS)]


def complete_recipe(incomplete: str) -> list[str]:
    """Complete the name of a shipped recipe, or the path of a recipe file.

    >>> complete_recipe("eight-words-b")
    ['eight-words-budgets']
    """
    return [*_start(motefit.recipe_names(), incomplete), *_paths(incomplete, (".toml",))]


def complete_run(incomplete: str) -> list[str]:
    """Complete the folder of a run; without a start, list those in ``runs``."""
    if incomplete:
        return _paths(incomplete, ())
    return sorted(str(path.parent) for path in Path("runs").glob("*/recipe.toml"))


def _start(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _paths(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """List the folders, and the files with one of the suffixes, that a path may be the start of."""
    folder = Path(incomplete or ".")
    if not incomplete.endswith("/"):
        folder = folder.parent
    if not folder.is_dir():
        return []
    found = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    shown = [f"{p}/" if p.is_dir() else str(p) for p in found if p.is_dir() or p.suffix in suffixes]
    return _start(shown, incomplete)
