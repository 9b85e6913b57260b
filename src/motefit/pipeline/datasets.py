"""Data sets, loaded once per process."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

from motefit.pipeline.tasks import AnyTask, Progress
from motefit.spec.recipe import Recipe

KEPT = 2
"""Data sets in memory: searches that try several sampling rates go from one to the other."""

_loaded: OrderedDict[tuple[str, str, str], Any] = OrderedDict()


def load_dataset(
    task: AnyTask, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
) -> Any:
    """What ``task.load`` returns, or returned before for the same settings.

    Raises:
        DataError: when the data cannot be used.
    """
    key = (task.name, str(data), task.data_settings(recipe))
    if key not in _loaded:
        _loaded[key] = task.load(recipe, data, progress=progress)
    _loaded.move_to_end(key)
    while len(_loaded) > KEPT:
        _loaded.popitem(last=False)
    return _loaded[key]
