"""``fit``: a recipe and data in, certified bundles out."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motefit import __version__
from motefit.measure.profile import DeviceProfile, measure_profile
from motefit.measure.workers.pinned import call_pinned
from motefit.pipeline.datasets import load_dataset
from motefit.pipeline.delivery import deliver
from motefit.pipeline.events import Listener
from motefit.pipeline.export import Exported, deliver_in_graph, require_in_graph, stored_in_graph
from motefit.pipeline.extras import require_report, require_training
from motefit.pipeline.finish import Finish
from motefit.pipeline.finished import Delivery, finished
from motefit.pipeline.judge import Judge
from motefit.pipeline.quiet import silence_litert
from motefit.pipeline.rounds import Round, Rounds
from motefit.pipeline.run_folder import RunFolder
from motefit.pipeline.ship import notes_of
from motefit.pipeline.study import Study, propose
from motefit.pipeline.tasks import AnyTask, find_task
from motefit.pipeline.trainer import Trainer
from motefit.search.engines import open_engine
from motefit.search.record import Record, rejected_by
from motefit.search.screen import Screened, nearest_miss
from motefit.search.space import Space
from motefit.search.strategies import find_strategy
from motefit.search.timing import Timing
from motefit.spec.errors import MotefitError
from motefit.spec.recipe import Recipe

if TYPE_CHECKING:
    from motefit.search.ledger import Ledger


class NothingTrainedError(MotefitError, ArithmeticError):
    """No candidate came to the end of its training."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a run left behind.

    Attributes:
        folder: of the run.
        deliveries: by name, one per budget, the recipe's own first; empty when no candidate could
            meet a budget.
        in_graph: by the same names, the same models with their front ends inside, where asked for.
        obstacle: the nearest miss, when no candidate could meet a budget.
        judged: how many candidates were screened.
        rejected: how many candidates were dropped before training, by the bound they missed.
        already_done: the run was finished before, and nothing was measured now but further forms.
    """

    folder: Path
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    in_graph: Mapping[str, Exported] = field(default_factory=dict)
    obstacle: Screened | None = None
    judged: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    already_done: bool = False

    @property
    def main(self) -> Delivery | None:
        """What answers the recipe's own budget; None when nothing does."""
        return next(iter(self.deliveries.values()), None)

    @property
    def met(self) -> bool:
        """Whether every line of every budget holds on the shipped bytes, and further forms agree.

        A form with its front end inside has a certificate of its own, which does not count here.
        """
        return (
            bool(self.deliveries)
            and all(d.certificate.met for d in self.deliveries.values())
            and all(form.agreement.proven for form in self.in_graph.values())
        )


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to run, as opposed to what.

    Attributes:
        workers: training processes; 0 takes one per usable core.
        device: of torch, ``"cpu"`` or ``"cuda"``.
        overwrite: replace a run that is there.
        engine: where workers live: ``"local"`` or ``"ray"``.
        address: of the engine's cluster.
        storage: URL of an Optuna storage for the study; empty: a file in the run's folder.
        profile: of the device that the model is for, see ``motefit bench --profile``; screening
            then judges by its latency. None: by this machine's.
        in_graph: deliver the models with their front ends inside, too.
    """

    workers: int = 0
    device: str = "cpu"
    overwrite: bool = False
    engine: str = "local"
    address: str = ""
    storage: str = ""
    profile: Path | None = None
    in_graph: bool = False


def fit(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Screen, search, choose on validation, measure the shipped bytes, certify.

    Args:
        recipe: what to make.
        data: folder or file; None synthesises the embedded default.
        out: folder of the run; a run of the same recipe and data in it is picked up, and answers
            with its stored verdict when it is finished. Nothing in it is changed before the data
            are loaded and a candidate is found that may meet the budget.
        options: how to run.
        listener: hears of progress.

    Raises:
        MotefitError: for anything the user can mend; the text says what and how.
    """
    listener = listener or Listener()
    _require(recipe, options)
    silence_litert()
    task, space, folder = find_task(recipe.task), Space(recipe), RunFolder(out)
    folder.claim(recipe, overwrite=options.overwrite)
    listener.began(recipe)
    dataset = load_dataset(task, recipe, data, progress=listener.loading)
    task.require_measured(recipe, dataset)
    listener.loaded(notes_of(task.audit(dataset)))
    judge = Judge(task, dataset, _timing(options))
    first: Round | None = None
    if options.overwrite or not folder.begun:
        first = propose(space, judge, (), 0)
        if not any(entry.trains for entry in first.entries):
            listener.screened(0, first.entries)
            return FitResult(
                folder=out,
                obstacle=nearest_miss(tuple(judge.judged)),
                judged=len(first.entries),
                rejected=rejected_by(entry.excess for entry in first.entries),
            )
    sitting = _Sitting(
        recipe=recipe,
        data=data,
        folder=folder,
        task=task,
        dataset=dataset,
        space=space,
        judge=judge,
        options=options,
        listener=listener,
    )
    with folder.locked():
        folder.begin(
            recipe,
            data,
            data_sha256=task.data_key(dataset),
            storage=options.storage,
            overwrite=options.overwrite,
        )
        if first is not None:
            Rounds(out).write(0, first)
        elif (done := finished(folder, recipe)) is not None:
            return sitting.answer(done)
        with closing(_ledger(folder, space, options)) as ledger:
            finish, chosen = sitting.search(ledger)
            return sitting.deliver(finish, chosen, ledger.records)


def _require(recipe: Recipe, options: FitOptions) -> None:
    """What can be refused before anything is loaded."""
    require_training()
    require_report()
    find_strategy(recipe.search.strategy)
    if options.in_graph:
        require_in_graph(recipe)


@dataclass(frozen=True, kw_only=True)
class _Sitting:
    """What a run works with while its folder is locked."""

    recipe: Recipe
    data: Path | None
    folder: RunFolder
    task: AnyTask
    dataset: Any
    space: Space
    judge: Judge
    options: FitOptions
    listener: Listener

    def search(self, ledger: "Ledger") -> tuple[Finish, Mapping[str, str]]:
        """Train, and choose: the finished files, and the key of the chosen by name of the bundle.

        Raises:
            NothingTrainedError: when no candidate came to its end.
        """
        options, folder = self.options, self.folder
        with open_engine(
            options.engine, workers=options.workers, address=options.address
        ) as engine:
            trainer = Trainer(
                task=self.task,
                dataset=self.dataset,
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
                judge=self.judge,
                rounds=Rounds(folder.path),
                ledger=ledger,
                trainer=trainer,
                listener=self.listener,
            ).run()
            if not trained:
                reasons = dict.fromkeys(r.reason for r in ledger.records if r.epochs)
                raise NothingTrainedError(
                    f"no candidate came to the end of its training: {'; '.join(reasons)}"
                )
            finish = Finish(
                recipe=self.recipe, task=self.task, trainer=trainer, listener=self.listener
            )
            return finish, finish.run(trained)

    def deliver(
        self, finish: Finish, chosen: Mapping[str, str], records: Sequence[Record]
    ) -> FitResult:
        """Measure the chosen files on the test part, and write what ships."""
        self.listener.measuring("the chosen files on the test part")
        deliveries = deliver(
            self.recipe,
            self.data,
            self.folder,
            task=self.task,
            finish=finish,
            chosen=chosen,
            records=records,
        )
        return self._result(deliveries, already_done=False)

    def answer(self, deliveries: Mapping[str, Delivery]) -> FitResult:
        """Of a run that is finished: what is stored, and further forms that are asked for now."""
        return self._result(deliveries, already_done=True)

    def _result(self, deliveries: Mapping[str, Delivery], *, already_done: bool) -> FitResult:
        in_graph = {name: self._in_graph(name) for name in deliveries if self.options.in_graph}
        self.folder.clear_checkpoints()
        searched: Any = next(iter(deliveries.values())).card.evidence["search"]
        return FitResult(
            folder=self.folder.path,
            deliveries=deliveries,
            in_graph=in_graph,
            judged=searched["candidates"],
            rejected=searched["rejected_by"],
            already_done=already_done,
        )

    def _in_graph(self, name: str) -> Exported:
        """The stored form with its front end inside, or a new one."""
        stored = stored_in_graph(self.folder, name)
        if stored is not None:
            return stored
        self.listener.measuring("the form with its front end inside")
        return deliver_in_graph(self.folder, name, self.data)


def resume(
    out: Path,
    *,
    options: FitOptions = FitOptions(),
    listener: Listener | None = None,
) -> FitResult:
    """Go on with the run in a folder; arguments and errors as in :func:`fit`."""
    recipe, data = RunFolder(out).stored()
    return fit(recipe, data, out, options=options, listener=listener)


def _timing(options: FitOptions) -> Timing:
    if options.profile is None:
        return Timing()
    device = DeviceProfile.load(options.profile)
    xnnpack = device.resolver == "xnnpack"
    here = call_pinned(measure_profile, xnnpack=xnnpack)
    return Timing(scale=device.scale(here), xnnpack=xnnpack)


def _ledger(folder: RunFolder, space: Space, options: FitOptions) -> "Ledger":
    url, name = folder.study(options.storage)
    about = {
        "recipe": space.recipe.to_toml(),
        "folder": str(folder.path.resolve()),
        "motefit": __version__,
    }
    # Here, because it needs Optuna, which the base install has not.
    from motefit.search.ledger import Ledger  # noqa: PLC0415 - see above

    return Ledger(url, name, space, about=about)
