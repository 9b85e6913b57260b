"""``reproduce_published``: the published systems trained again, beside motefit's answers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from motefit.reproduce.reproduce import Reproduced, reproduce
from motefit.reproduce.training import Tell


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def reproduce_published(  # noqa: PLR0913 - the options of a command
    data: str | Path,
    *,
    out: str | Path = "runs/reproduce",
    results: str | Path = "docs",
    only: Sequence[str] = (),
    workers: int = 0,
    resume: bool = False,
    reference: str | Path | None = None,
    tell: Tell = _tell,
) -> Reproduced:
    """Train the published systems and motefit's answers to their budgets, and compare them.

    Rows that are trained already are kept.

    >>> import motefit
    >>> motefit.reproduce_published("data", only=["R1.climate"]).met  # doctest: +SKIP
    True

    Args:
        data: folder that holds ``speech/`` and ``climate/``.
        out: folder of the runs.
        results: folder of ``results.md`` and ``results.json``, which are updated.
        only: rows, budgets or answers, or the first letters of their names; none: everything.
        workers: training processes; 0 takes one per usable core.
        resume: go on with interrupted rows instead of starting them over.
        reference: Python with TensorFlow and SciPy, to time the rows with words against the
            published pipelines.
        tell: called with each line of progress; on standard error.

    Raises:
        DataError: when the data are not there.
        RecipeError: for a name that is no row.
        MissingExtraError: without what training needs.
    """
    return reproduce(
        Path(data),
        Path(out),
        Path(results),
        only=only,
        workers=workers,
        resume=resume,
        reference=None if reference is None else Path(reference),
        tell=tell,
    )
