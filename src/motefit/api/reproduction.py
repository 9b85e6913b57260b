"""``reproduce_published``: retrain the published systems and compare with motefit's answers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from motefit.reproduce.reproduce import ReproduceResult, reproduce
from motefit.reproduce.training import Tell
from motefit.spec.files import leaves_no_empty
from motefit.spec.several import several_names
from motefit.spec.visible import visible


def _tell(text: str) -> None:
    sys.stderr.write(f"{visible(text)}\n")


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
) -> ReproduceResult:
    """Train the published systems and motefit's own models for their budgets; compare them.

    Rows that are already trained are kept.

    >>> import motefit
    >>> motefit.reproduce_published("data", only=["R1.climate"]).met  # doctest: +SKIP
    True

    Args:
        data: folder that contains ``speech/`` and ``climate/``.
        out: folder for the runs.
        results: folder of ``results.md`` and ``results.json``, which are updated.
        only: rows, budgets or answers, or prefixes of their names; empty: everything.
        workers: training processes; 0 takes one per usable core.
        resume: continue interrupted rows instead of starting them over.
        reference: Python with TensorFlow and SciPy, to time the rows with words against the
            published pipelines.
        tell: called with each line of progress; default: standard error.

    Raises:
        DataError: if the data are missing.
        RecipeError: if a name matches no row.
        MissingExtraError: without the extras of training.
    """
    with leaves_no_empty(Path(out), Path(results)):
        return reproduce(
            Path(data),
            Path(out),
            Path(results),
            only=several_names(only),
            workers=workers,
            resume=resume,
            reference=None if reference is None else Path(reference),
            tell=tell,
        )
