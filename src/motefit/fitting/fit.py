"""``fit``: search, train and certify the bundles of a recipe."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motefit import __version__
from motefit.certify.certify import notes_of
from motefit.certify.verdict_table import verdict_content, verdict_words
from motefit.exporting.in_graph import InGraphExport, require_in_graph
from motefit.fitting.finalists import FinalistMaker
from motefit.fitting.in_graph_release import release_in_graph, stored_in_graph
from motefit.fitting.measured_run import Release, finished
from motefit.fitting.release import release
from motefit.fitting.run_dir import RunDir
from motefit.fitting.scheduler import Scheduler
from motefit.fitting.screener import Screener
from motefit.fitting.study import Study, propose
from motefit.measure.latency.device_profile import DeviceProfile, measure_profile
from motefit.measure.workers.pinned import call_pinned
from motefit.runtime.quiet import silence_litert
from motefit.search.engines import open_engine
from motefit.search.progress import Listener
from motefit.search.rounds import Round, Rounds
from motefit.search.screening import Screened, nearest_miss
from motefit.search.space import Space
from motefit.search.strategies import STRATEGIES
from motefit.search.timing import Timing
from motefit.search.trial import Trial, rejected_by
from motefit.spec.certificate import Certificate
from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.extras import require_report, require_training
from motefit.spec.recipe import Recipe
from motefit.spec.tables import Item, Printable, Styled
from motefit.tasks import TASKS, AnyTask, load_dataset

if TYPE_CHECKING:
    from motefit.search.storage import TrialStore


class NothingTrainedError(MotefitError, ArithmeticError):
    """Error for a run in which no candidate was trained to the end."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FitResult(Printable):
    """Result of a run.

    Attributes:
        folder: folder of the run.
        releases: the release for each budget by name, the recipe's own first; empty if no
            candidate can meet a budget.
        in_graph: the same models with their front ends inside by the same names, if requested.
        nearest_miss: the candidate that misses its budget least, if none can meet a budget.
        screened: number of candidates screened.
        rejected: number of candidates rejected before training, by the bound they miss.
        already_done: whether the run was already finished, so that only further forms were measured
            now.
    """

    folder: Path
    releases: Mapping[str, Release] = field(default_factory=dict)
    in_graph: Mapping[str, InGraphExport] = field(default_factory=dict)
    nearest_miss: Screened | None = None
    screened: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    already_done: bool = False

    @property
    def main(self) -> Release:
        """Release for the recipe's own budget.

        Raises:
            NothingTrainedError: if no candidate can meet the budget, so that ``releases`` is empty.
        """
        if not self.releases:
            raise NothingTrainedError(f"there is no release: {self}")
        return next(iter(self.releases.values()))

    @property
    def met(self) -> bool:
        """Whether the shipped bytes meet every bound of every budget, and further forms agree.

        A form with its front end inside has its own certificate, which does not count here.
        """
        return (
            bool(self.releases)
            and all(d.certificate.met for d in self.releases.values())
            and all(form.agreement.proven for form in self.in_graph.values())
        )

    def content(self) -> list[Item]:
        """List facts and verdicts of each bundle, or the bounds that all candidates miss."""
        found: list[Item] = []
        if self.already_done:
            found.append(
                f"already done: {self.folder} has this run with its verdict; "
                "overwrite (--overwrite) replaces it"
            )
        if self.nearest_miss is not None:
            found += nearest_miss_content(self.nearest_miss, self.rejected, screened=self.screened)
        for name, released in self.releases.items():
            if len(self.releases) > 1:
                found += ["", Styled(name, "strong")]
            found += verdict_content(released.card, released.certificate)
            found += ["", f"bundle  {released.bundle}", f"report  {released.report}"]
            if name in self.in_graph:
                found += ["", "with its front end inside:", *self.in_graph[name].comparison()]
                found += _certificate_line(self.in_graph[name].certificate)
        return found


def nearest_miss_content(
    nearest: Screened, rejected: Mapping[str, int], *, screened: int
) -> list[Item]:
    """Report that no candidate fits, which bounds they miss, and which one is closest."""
    head = Styled("no candidate can meet the budget", "bad")
    return [
        (head, f" ({screened} screened, none trained)"),
        *(f"missed by {count}: {name}" for name, count in rejected.items()),
        f"nearest: {nearest.candidate.title}: {nearest.reason}",
    ]


def _certificate_line(certificate: Certificate | None) -> list[Item]:
    """Return the verdict on a further form, with the bounds it misses."""
    if certificate is None:
        return []
    missed = [line.metric for line in certificate.lines if line.verdict != "pass"]
    verdict = verdict_words(certificate)
    if missed:
        verdict = verdict.replace("budget not met", f"budget not met: {', '.join(missed)}", 1)
    return [f"certificate of this form: {verdict}"]


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Options of how to run, as opposed to what to train.

    Attributes:
        workers: training processes; 0 takes one per usable core.
        device: device on which torch trains, ``"cpu"`` or ``"cuda"``.
        overwrite: whether to replace an existing run.
        engine: where workers run: ``"local"`` or ``"ray"``.
        address: address of the engine's cluster.
        storage: URL of an Optuna storage for the study; empty: a file in the run's folder.
        profile: profile of the target device, see ``motefit bench --profile``, whose latency
            screening then uses. None: this machine's.
        in_graph: whether to also write the models with their front ends inside.
        sound: whether the report has the sound of the clips that the model finds hardest.
    """

    workers: int = 0
    device: str = "cpu"
    overwrite: bool = False
    engine: str = "local"
    address: str = ""
    storage: str = ""
    profile: Path | None = None
    in_graph: bool = False
    sound: bool = True

    def __post_init__(self) -> None:
        """Check the number of workers, which Python code may give in any form."""
        workers: object = self.workers
        if not isinstance(workers, int) or workers < 0:
            raise RecipeError(
                f"workers must be a whole number, 0 for one per core, got {workers!r}"
            )


def fit(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Screen, search, choose on the validation set, measure the shipped bytes, certify.

    Args:
        recipe: recipe of the model.
        data: folder or file; None synthesizes the default data.
        out: folder of the run. An existing run of the same recipe and data is continued, or returns
            its stored verdict if it is finished. Nothing in the folder changes before the data are
            loaded and a candidate is found that may meet the budget.
        options: options of the run.
        listener: receives progress.

    Raises:
        MotefitError: for anything the user can fix; the message says what and how.
    """
    listener = listener or Listener()
    _require(recipe, options)
    silence_litert()
    task, space, folder = TASKS.find(recipe.task), Space(recipe), RunDir(out)
    folder.claim(recipe, overwrite=options.overwrite)
    listener.started(recipe)
    dataset = load_dataset(task, recipe, data, progress=listener.loading)
    task.require_measured(recipe, dataset)
    listener.loaded(notes_of(task.audit(dataset)))
    problem_of = partial(task.problem, dataset=dataset)
    screener = Screener(problem_of, _timing(options))
    first: Round | None = None
    if options.overwrite or not folder.started:
        first = propose(space, screener, (), 0)
        if not any(proposal.trains for proposal in first.entries):
            listener.screened(0, first.entries)
            return _nothing_fits(out, first, screener)
    context = _RunContext(
        recipe=recipe,
        data=data,
        folder=folder,
        task=task,
        dataset=dataset,
        space=space,
        screener=screener,
        options=options,
        listener=listener,
    )
    with folder.locked():
        return context.run(first)


def _nothing_fits(out: Path, first: Round, screener: Screener) -> FitResult:
    return FitResult(
        folder=out,
        nearest_miss=nearest_miss(tuple(screener.screened)),
        screened=len(first.entries),
        rejected=rejected_by(proposal.violations for proposal in first.entries),
    )


def _require(recipe: Recipe, options: FitOptions) -> None:
    """Reject what can be rejected before anything is loaded."""
    require_training()
    require_report()
    STRATEGIES.find(recipe.search.strategy)
    if options.in_graph:
        require_in_graph(recipe)


@dataclass(frozen=True, kw_only=True)
class _RunContext:
    """Data and helpers of a run while its folder is locked."""

    recipe: Recipe
    data: Path | None
    folder: RunDir
    task: AnyTask
    dataset: Any
    space: Space
    screener: Screener
    options: FitOptions
    listener: Listener

    def run(self, first: Round | None) -> FitResult:
        """Search and release, or return the stored results of a finished run.

        Args:
            first: first round of candidates of a new run; None if a run continues.
        """
        self.folder.start(
            self.recipe,
            self.data,
            data_sha256=self.task.data_key(self.dataset),
            storage=self.options.storage,
            sound=self.options.sound,
            overwrite=self.options.overwrite,
        )
        if first is not None:
            Rounds(self.folder.path).write(0, first)
        elif (done := finished(self.folder, self.recipe)) is not None:
            return self.answer(done)
        with closing(_trial_store(self.folder, self.space, self.options)) as trial_store:
            maker, chosen = self.search(trial_store)
            return self.release(maker, chosen, trial_store.trials)

    def search(self, trial_store: "TrialStore") -> tuple[FinalistMaker, Mapping[str, str]]:
        """Train and choose; return the finished files, and the chosen keys by name of the bundle.

        Raises:
            NothingTrainedError: if no candidate finished.
        """
        options, folder = self.options, self.folder
        with open_engine(
            options.engine, workers=options.workers, address=options.address
        ) as engine:
            trainer = Scheduler(
                problem_of=partial(self.task.problem, dataset=self.dataset),
                engine=engine,
                folder=folder.path,
                data=self.data,
                device=options.device,
                listener=self.listener,
            )
            folder.log_read("train", "training of the candidates")
            folder.log_read("validation", "best epoch of each candidate, and choice among them")
            trained = Study(
                space=self.space,
                screener=self.screener,
                rounds=Rounds(folder.path),
                trial_store=trial_store,
                trainer=trainer,
                listener=self.listener,
            ).run()
            if not trained:
                reasons = dict.fromkeys(t.reason for t in trial_store.trials if t.epochs)
                raise NothingTrainedError(
                    f"no candidate finished its training: {'; '.join(reasons)}"
                )
            maker = FinalistMaker(
                recipe=self.recipe, task=self.task, trainer=trainer, listener=self.listener
            )
            return maker, maker.run(trained)

    def release(
        self, maker: FinalistMaker, chosen: Mapping[str, str], trials: Sequence[Trial]
    ) -> FitResult:
        """Measure the chosen files on the test set, and write the bundles."""
        self.listener.measuring("the chosen files on the test set")
        releases = release(
            self.recipe,
            self.data,
            self.folder,
            maker=maker,
            chosen=chosen,
            trials=trials,
            sound=self.options.sound and self.folder.sound,
        )
        return self._result(releases, already_done=False)

    def answer(self, releases: Mapping[str, Release]) -> FitResult:
        """Return the stored result of a finished run, with any further forms now requested."""
        return self._result(releases, already_done=True)

    def _result(self, releases: Mapping[str, Release], *, already_done: bool) -> FitResult:
        in_graph = {name: self._in_graph(name) for name in releases if self.options.in_graph}
        self.folder.clear_checkpoints()
        searched: Any = next(iter(releases.values())).card.evidence["search"]
        return FitResult(
            folder=self.folder.path,
            releases=releases,
            in_graph=in_graph,
            screened=searched["candidates"],
            rejected=searched["rejected_by"],
            already_done=already_done,
        )

    def _in_graph(self, name: str) -> InGraphExport:
        """Return the stored form with its front end inside, or create it."""
        stored = stored_in_graph(self.folder, name)
        if stored is not None:
            return stored
        self.listener.measuring("the form with its front end inside")
        return release_in_graph(self.folder, name, self.data)


def resume(
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Continue the run in a folder; arguments and errors as in :func:`fit`."""
    recipe, data = RunDir(out).stored()
    return fit(recipe, data, out, options=options, listener=listener)


def _timing(options: FitOptions) -> Timing:
    if options.profile is None:
        return Timing()
    device = DeviceProfile.load(options.profile)
    xnnpack = device.resolver == "xnnpack"
    here = call_pinned(measure_profile, xnnpack=xnnpack)
    return Timing(scale=device.scale(here), xnnpack=xnnpack)


def _trial_store(folder: RunDir, space: Space, options: FitOptions) -> "TrialStore":
    url, name = folder.study(options.storage)
    about = {
        "recipe": space.recipe.to_toml(),
        "folder": str(folder.path.resolve()),
        "motefit": __version__,
    }
    # Imported here because it needs Optuna, which the base install does not have.
    from motefit.search.storage import TrialStore  # noqa: PLC0415 - see above

    return TrialStore(url, name, space, about=about)
