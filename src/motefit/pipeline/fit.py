"""``fit``: a recipe and data in, a certified bundle out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.pipeline.candidate import (
    HISTORY,
    Job,
    Outcome,
    finished,
    load_outcome,
    untrained,
)
from motefit.pipeline.events import Listener
from motefit.pipeline.extras import require_report, require_training
from motefit.pipeline.facts import is_quality, measure_cost
from motefit.pipeline.provenance import provenance, usable_cores
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.run_folder import RunFolder
from motefit.pipeline.ship import notes_of, ship
from motefit.pipeline.tasks import AnyTask, find_task
from motefit.pipeline.workers import run_jobs
from motefit.report.render import write_report
from motefit.runtime.bundle import write_bundle
from motefit.search.screen import Screened, nearest_miss, screen
from motefit.search.select import choose
from motefit.search.space import Candidate, grid
from motefit.spec.card import Card
from motefit.spec.codec import decode
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.spec.tasks import task_spec
from motefit.verify import Certificate


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a run left behind.

    Attributes:
        folder: of the run.
        bundle: path of the zip; None when no candidate could meet the budget.
        card: of the bundle; None likewise.
        certificate: the verdict; None likewise.
        report: path of the report; None likewise.
        obstacle: the nearest miss, when no candidate could meet the budget.
        rejected: candidates dropped before training.
    """

    folder: Path
    bundle: Path | None = None
    card: Card | None = None
    certificate: Certificate | None = None
    report: Path | None = None
    obstacle: Screened | None = None
    rejected: tuple[Screened, ...] = ()

    @property
    def met(self) -> bool:
        """Whether every line of the budget holds on the shipped bytes."""
        return self.certificate is not None and self.certificate.met


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to run, as opposed to what.

    Attributes:
        workers: training processes; 0 takes one per usable core.
        device: of torch, ``"cpu"`` or ``"cuda"``.
        overwrite: replace a run that is there.
    """

    workers: int = 0
    device: str = "cpu"
    overwrite: bool = False


def fit(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Screen, train, choose on validation, measure the shipped bytes, certify.

    Args:
        recipe: what to make.
        data: folder or file; None synthesises the embedded default.
        out: folder of the run; a run of the same recipe and data in it is picked up. Nothing in it
            is changed before the data are loaded and a candidate is found that may meet the budget.
        options: how to run.
        listener: hears of progress.

    Raises:
        MotefitError: for anything the user can mend; the text says what and how.
    """
    listener = listener or Listener()
    require_training()
    require_report()
    silence_litert()
    task = find_task(recipe.task)
    candidates = grid(recipe)
    shrinking = _checked_steps(candidates)
    folder = RunFolder(out)
    folder.claim(recipe, overwrite=options.overwrite)
    dataset = task.load(recipe, data, progress=listener.loading)
    listener.loaded(notes_of(task.audit(dataset)))
    screened = tuple(
        screen(
            c,
            untrained(c, task.problem(c.recipe, dataset)),
            recipe.budget,
            shrinks=c.key in shrinking,
        )
        for c in candidates
    )
    rejected = tuple(s for s in screened if s.missed)
    passed = sorted(
        (s for s in screened if not s.missed), key=lambda s: s.facts["size.tflite_bytes"]
    )
    fitting = passed[: recipe.search.max_candidates]
    listener.screened(fitting, rejected, len(passed) - len(fitting))
    if not fitting:
        return FitResult(folder=out, obstacle=nearest_miss(screened), rejected=rejected)
    data_sha256 = task.data_key(dataset)
    folder.begin(recipe, data, data_sha256=data_sha256, overwrite=options.overwrite)
    outcomes = _train(folder, data, [s.candidate for s in fitting], options, listener)
    listener.measuring("size, latency and memory of the trained candidates")
    facts = {key: _known(task, recipe, outcome) for key, outcome in outcomes.items()}
    key = choose(facts, recipe.budget)
    winner = next(s.candidate for s in fitting if s.candidate.key == key)
    listener.measuring("the chosen file on the test part")
    folder.log_read("test", f"final measurement of candidate {key}")
    shipped = ship(
        task,
        winner.recipe,
        outcomes[key].model,
        _io_of(recipe, outcomes[key]),
        dataset,
        provenance=provenance(seed=winner.seed, data_sha256=data_sha256),
    )
    bundle = write_bundle(folder.bundle_path(recipe.name), outcomes[key].model, shipped.card)
    write_atomic(folder.certificate_path, shipped.certificate.to_json())
    rows = _rows(screened, facts, key)
    write_report(folder.report_path, shipped.report(history=outcomes[key].history, candidates=rows))
    return FitResult(
        folder=out,
        bundle=bundle,
        card=shipped.card,
        certificate=shipped.certificate,
        report=folder.report_path,
        rejected=rejected,
    )


def resume(
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Go on with the run in a folder; arguments and errors as in :func:`fit`."""
    recipe, data = RunFolder(out).stored()
    return fit(recipe, data, out, options=options, listener=listener)


def _checked_steps(candidates: Sequence[Candidate]) -> frozenset[str]:
    """Keys of the candidates with a compression step that makes them smaller than they begin.

    Raises:
        RecipeError: for steps that cannot be understood, before anything is trained.
    """
    with_steps = [c for c in candidates if c.recipe.compress.steps]
    if not with_steps:
        return frozenset()
    # Here, because it imports torch, which takes a second.
    from motefit.train.compressors import check_steps  # noqa: PLC0415 - see the line above

    return frozenset(
        candidate.key
        for candidate in with_steps
        if any(step.shrinks for step, _ in check_steps(candidate.recipe.compress.steps))
    )


def _train(
    folder: RunFolder,
    data: Path | None,
    candidates: Sequence[Candidate],
    options: FitOptions,
    listener: Listener,
) -> Mapping[str, Outcome]:
    jobs = [
        Job(
            table=candidate.recipe.to_table(),
            name=candidate.recipe.name,
            values=candidate.values,
            seed=candidate.seed,
            data=data,
            folder=folder.candidate(candidate.key),
            device=options.device,
        )
        for candidate in candidates
    ]
    folder.log_read("train", "training of the candidates")
    folder.log_read("validation", "best epoch of each candidate, and choice among them")
    listener.training([(c, folder.candidate(c.key) / HISTORY) for c in candidates])
    open_jobs = [job for job in jobs if finished(job.folder) is None]
    run_jobs(open_jobs, workers=options.workers or usable_cores(), poll=listener.tick)
    listener.trained()
    return {c.key: load_outcome(folder.candidate(c.key)) for c in candidates}


def _known(task: AnyTask, recipe: Recipe, outcome: Outcome) -> Mapping[str, float]:
    """Validation facts and costs of a candidate: what the choice may look at."""
    io = _io_of(recipe, outcome)
    return {**measure_cost(task, recipe, outcome.model, io).values, **outcome.facts}


def _io_of(recipe: Recipe, outcome: Outcome) -> Any:
    """The card's section of a stored candidate."""
    section: type[Any] = task_spec(recipe.task).io
    return decode(section, outcome.io, where="result.json: io")


def _rows(
    screened: Sequence[Screened], facts: Mapping[str, Mapping[str, float]], chosen: str
) -> tuple[Mapping[str, object], ...]:
    rows: list[Mapping[str, object]] = []
    for item in screened:
        key = item.candidate.key
        known = facts.get(key, item.facts)
        status = "rejected" if item.missed else "trained" if key in facts else "not trained"
        rows.append(
            {
                "values": {**item.candidate.values, "seed": item.candidate.seed},
                "status": "chosen" if key == chosen else status,
                "reason": item.reason,
                "tflite_bytes": known["size.tflite_bytes"],
                "macs": item.facts["macs"],
                "validation": {k: v for k, v in known.items() if is_quality(k)},
            }
        )
    return tuple(rows)
