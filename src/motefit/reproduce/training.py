"""Parallel training of the rows of a table: one ``fit`` per row, each in its own process."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.fitting.fit import FitOptions, fit
from motefit.recipes.catalog import find_recipe
from motefit.search.engines.local import LocalEngine
from motefit.spec.errors import MotefitError

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class RowJob:
    """One row to train.

    Attributes:
        name: name of the recipe.
        data: folder or file of its data.
        folder: folder of its run.
        overwrite: whether to start over, whatever is in the folder.
        workers: number of training processes for this row.
    """

    name: str
    data: Path
    folder: Path
    overwrite: bool
    workers: int


def train_rows(jobs: Sequence[RowJob], *, side_by_side: int, tell: Tell) -> dict[str, str]:
    """Train rows, at most ``side_by_side`` at once; a failing row does not affect the others.

    Ctrl-C reaches this process alone, which then stops its rows. They do not outlive it, however
    it ends, and their runs can be resumed.

    Args:
        jobs: rows to train.
        side_by_side: number of rows trained at once.
        tell: function that receives a line when a row starts or ends.

    Returns:
        The reason for each row that failed, by name.
    """
    failed: dict[str, str] = {}
    started: list[float] = []

    def start() -> None:
        """Report the next job of the list, which the engine starts in the same order."""
        if len(started) < len(jobs):
            job = jobs[len(started)]
            started.append(time.monotonic())
            tell(f"{job.name}: started ({len(jobs) - len(started)} more waiting)")

    with LocalEngine(workers=side_by_side, parents=True) as engine:
        for _ in range(side_by_side):
            start()
        for ended in engine.run(_train, jobs, poll=lambda: None):
            job, seconds = jobs[ended.index], time.monotonic() - started[ended.index]
            reason = str(ended.error) if ended.error is not None else ended.value
            tell(f"{job.name}: {reason or 'done'} ({seconds:.0f} s)")
            if reason:
                failed[job.name] = reason
            start()
    return failed


def _train(job: RowJob) -> str:
    """Train one row; return the reason why it failed, or an empty string."""
    options = FitOptions(workers=job.workers, overwrite=job.overwrite)
    try:
        result = fit(find_recipe(job.name), job.data, job.folder, options=options)
    except MotefitError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - a bug in motefit: reported in full; other rows continue
        return traceback.format_exc()
    return "" if result.releases else "no candidate can meet its budget"
