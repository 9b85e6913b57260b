"""``reproduce_published``: the published systems trained again, beside motefit's answers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from motefit.reproduce.page import standing
from motefit.reproduce.page_latency import PROTOCOLS
from motefit.reproduce.page_latency import verdict as tenth
from motefit.reproduce.reproduce import Reproduced, reproduce
from motefit.reproduce.training import Tell
from motefit.spec.tables import Item, Style, Styled


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def reproduced_content(result: Reproduced) -> list[Item]:
    """The verdict on each budget, how often test sets were opened, and where the page is."""
    found: list[Item] = []
    table = result.table
    for name in result.plan.targets:
        target = table["targets"][name]
        certificate = target["certificates"].get("answer")
        style: Style = "bad"
        if certificate is None or certificate["met"]:
            style = "doubtful" if certificate is None else "good"
        verdict = standing(certificate).replace("*", "")
        found.append(
            (f"{name} by {target['answer']}: ", Styled(verdict, style), f" ({target['note']})")
        )
    runs = [row["run"] for row in table["rows"].values()] + list(table["answers"].values())
    done = [run for run in runs if run is not None]
    found.append(f"{len(done)} runs; each opened its test set once, by its own log")
    for protocol in PROTOCOLS if table["latency"]["rows"] else ():
        said = tenth(table, protocol).replace("*", "").replace("`", "")
        found.append(f"protocol {protocol}, at most a tenth of TensorFlow's total latency: {said}")
    return [*found, "", f"results  {result.page}"]


def reproduce_published(
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
