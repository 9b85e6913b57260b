"""``reproduce``: retrain the published systems and compare them with motefit's answers.

The run of each recipe is in its own folder, as ``motefit fit`` writes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.measure.machine import usable_cores
from motefit.recipes.catalog import find_recipe
from motefit.reproduce.latency_runs import merged, require_reference, time_rows
from motefit.reproduce.page import page, verdict_of
from motefit.reproduce.page_latency import PROTOCOLS
from motefit.reproduce.page_latency import verdict as tenth
from motefit.reproduce.plan import Plan, data_of, is_done, is_started, plan
from motefit.reproduce.results import collect
from motefit.reproduce.training import RowJob, Tell, train_rows
from motefit.runtime.quiet import silence_litert
from motefit.spec.extras import require_report, require_training
from motefit.spec.files import read_json, require_writable, write_atomic
from motefit.spec.tables import Item, Printable, Style, Styled

JSON, PAGE = "results.json", "results.md"


@dataclass(frozen=True, kw_only=True, repr=False)
class ReproduceResult(Printable):
    """Result of a ``reproduce`` run.

    Attributes:
        plan: rows, budgets and answers requested.
        table: content of ``results.json``.
        failed: the reason for each row that could not be trained, by name.
        page: path of ``results.md``.
    """

    plan: Plan
    table: Mapping[str, Any]
    failed: Mapping[str, str]
    page: Path

    @property
    def met(self) -> bool:
        """Whether motefit's answers meet all the requested budgets."""
        certificates = [self.table["targets"][name]["certificates"] for name in self.plan.targets]
        return not self.failed and all(c.get("answer", {"met": False})["met"] for c in certificates)

    def content(self) -> list[Item]:
        """List the verdict on each budget, how often test sets were opened, and the page's path."""
        found: list[Item] = []
        table = self.table
        for name in self.plan.targets:
            target = table["targets"][name]
            certificate = target["certificates"].get("answer")
            style: Style = "bad"
            if certificate is None or certificate["met"]:
                style = "doubtful" if certificate is None else "good"
            verdict = verdict_of(certificate).replace("*", "")
            found.append(
                (f"{name} by {target['answer']}: ", Styled(verdict, style), f" ({target['note']})")
            )
        runs = [row["run"] for row in table["rows"].values()] + list(table["answers"].values())
        done = [run for run in runs if run is not None]
        found.append(f"{len(done)} runs; each opened its test set once, according to its log")
        for protocol in PROTOCOLS if table["latency"]["rows"] else ():
            said = tenth(table, protocol).replace("*", "").replace("`", "")
            found.append(
                f"protocol {protocol}, at most a tenth of TensorFlow's total latency: {said}"
            )
        return [*found, "", f"results  {self.page}"]


def reproduce(  # noqa: PLR0913 - the options of the command
    data: Path,
    out: Path,
    results: Path,
    *,
    only: Sequence[str] = (),
    workers: int = 0,
    resume: bool = False,
    reference: Path | None = None,
    tell: Tell,
) -> ReproduceResult:
    """Train missing rows, certify, and write ``results.json`` and ``results.md``.

    A row is missing if there is no finished run of its current recipe. Rows that were not requested
    keep their stored results; so do latencies, unless a reference is given.

    Args:
        data: folder that contains ``speech/`` and ``climate/``.
        out: folder of the runs.
        results: folder of the two files; an existing ``results.json`` there is updated.
        only: beginnings of names, see :func:`~motefit.reproduce.plan.plan`.
        workers: training processes; 0 takes one per usable core.
        resume: whether to continue interrupted rows; otherwise they start over.
        reference: Python of an environment with TensorFlow and SciPy, with which the rows with
            words are timed against the published pipelines, see
            :mod:`~motefit.reproduce.latency_runs`; None leaves that out.
        tell: function that receives a line when something starts or ends.

    Raises:
        MotefitError: for anything the user can fix; the message says what and how.
    """
    require_training()
    require_report()
    chosen = plan(only)
    require_writable(results)
    if reference is not None:
        tell(f"reference pipelines: {require_reference(reference)}")
    failed = _train_missing(chosen, data, out, workers or usable_cores(), resume=resume, tell=tell)
    silence_litert()
    table = collect(out, read_json(results / JSON) or {})
    _write(table, results)
    if reference is not None:
        new = time_rows(chosen.rows, out, reference, tell=tell)
        table = collect(out, {**table, "latency": merged(table["latency"], new)})
        _write(table, results)
    return ReproduceResult(plan=chosen, table=table, failed=failed, page=results / PAGE)


def _write(table: Mapping[str, Any], results: Path) -> None:
    # spec.codec would sort the keys and drop None; here the reports' order and unknowns matter
    write_atomic(results / JSON, json.dumps(table, indent=1, allow_nan=False) + "\n")
    write_atomic(results / PAGE, page(table))


def _train_missing(
    chosen: Plan, data: Path, out: Path, workers: int, *, resume: bool, tell: Tell
) -> dict[str, str]:
    names = (*chosen.rows, *chosen.answers)
    missing = [name for name in names if not is_done(out / name, find_recipe(name))]
    tell(f"{len(names) - len(missing)} of {len(names)} runs are done, {len(missing)} to train")
    jobs = []
    for name in missing:
        recipe = find_recipe(name)
        jobs.append(
            RowJob(
                name=name,
                data=data_of(recipe, data),
                folder=out / name,
                overwrite=not (resume and is_started(out / name, recipe)),
                workers=max(1, workers // len(missing)),
            )
        )
    return train_rows(jobs, side_by_side=workers, tell=tell)
