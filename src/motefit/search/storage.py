"""Trial store of a study in an Optuna storage: each trial is added once, when it is done."""

import re
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from motefit.search.optuna_adapter import OptunaAdapter, trial_of
from motefit.search.ranking import ranked
from motefit.search.space import Space
from motefit.search.trial import STATUSES, Trial
from motefit.search.urls import without_password
from motefit.spec.budget import Budget
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.recipe import Recipe

TRIES, PAUSE_S = 5, 0.3
ATTRIBUTES = ("recipe", "folder", "motefit")
"""User attributes of a study: the recipe's text, the run's folder, the version of motefit."""


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Convert exceptions of a database driver to errors that a user can fix."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        shown = without_password(url)
        raise OutputError(
            f"the study's storage {shown} cannot be used: {reason}; give another with --storage, "
            "e.g. sqlite:////path/of/studies.db or postgresql+psycopg://user@host/name "
            "(the latter needs the extra 'postgres')"
        ) from None


def open_storage(url: str) -> RDBStorage:
    """Open a storage for Optuna studies.

    Raises:
        OutputError: if it cannot be reached.
    """
    # several processes write at once: wait for a lock instead of failing
    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    with storage_errors(url):
        for _ in range(TRIES):
            try:
                return RDBStorage(url, engine_kwargs=waits)
            except (SQLAlchemyError, StorageInternalError) as error:
                # another process created the tables at the same moment
                if not re.search("already exists|duplicate|unique", str(error), re.IGNORECASE):
                    raise
                time.sleep(PAUSE_S)
        return RDBStorage(url, engine_kwargs=waits)


def close_storage(storage: RDBStorage) -> None:
    """Close the connections to a storage."""
    storage.remove_session()
    storage.engine.dispose()


class TrialStore:
    """The trials of one study.

    Args:
        url: of the storage.
        name: of the study, unique in the storage.
        space: of the recipe.
        about: stored with a new study, for display; see :data:`ATTRIBUTES`.

    Raises:
        OutputError: if the storage cannot be used.
        RecipeError: if the name belongs to a study with other objectives.
    """

    def __init__(self, url: str, name: str, space: Space, *, about: dict[str, Any]) -> None:
        self._url, self._adapter = url, OptunaAdapter(space)
        self._storage = open_storage(url)
        self._started = datetime.now()  # noqa: DTZ005 - Optuna's times have no zone
        try:
            self._open(name, about)
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, about: dict[str, Any]) -> None:
        url = self._url
        with storage_errors(url):
            self._study = optuna.create_study(
                study_name=name,
                storage=self._storage,
                directions=self._adapter.directions,
                load_if_exists=True,
            )
            for key in about.keys() - self._study.user_attrs.keys():
                self._study.set_user_attr(key, about[key])
            if self._study.directions != self._adapter.directions:
                raise RecipeError(
                    f"the study {name!r} in {without_password(url)} has other objectives; choose "
                    "another folder with --out, or another storage"
                )
            if self._study.metric_names is None:  # titles of the charts of a dashboard
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    self._study.set_metric_names(list(self._adapter.objectives))
        self._trials = {trial.place: trial for trial in self._read()}

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, by round and index."""
        return tuple(self._trials[place] for place in sorted(self._trials))

    def add(self, trials: Iterable[Trial]) -> None:
        """Add the trials of a round, which started when the previous one was added.

        Existing ones stay unchanged.

        Raises:
            OutputError: if the storage cannot be written.
        """
        with storage_errors(self._url):
            for trial in trials:
                if trial.place not in self._trials:
                    self._study.add_trial(self._adapter.stored(trial, self._started))
                    self._trials[trial.place] = trial
        self._started = datetime.now()  # noqa: DTZ005 - as above

    def close(self) -> None:
        """Close the storage."""
        close_storage(self._storage)

    def _read(self) -> Iterator[Trial]:
        for frozen in self._study.get_trials(deepcopy=False):
            trial = trial_of(frozen)
            if trial is not None:
                yield trial


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study read from a storage.

    Attributes:
        name: unique in the storage.
        folder: of the run.
        recipe: of the study; None if this version cannot read it.
        trials: its trials, in order.
        date: of its last trial, ISO 8601 to the minute by this machine's clock; empty without.
    """

    name: str
    folder: str
    recipe: Recipe | None
    trials: tuple[Trial, ...]
    date: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of trials by status."""
        return dict(Counter(trial.status for trial in self.trials))

    @property
    def best(self) -> Trial | None:
        """The best trial for the recipe's own budget, of those trained to the end."""
        if self.recipe is None:
            return None
        return next((t for t in self.ranked if t.status == "trained"), None)

    @property
    def ranked(self) -> tuple[Trial, ...]:
        """Trials by how far they got; of those that got as far, the best first."""
        budget = Budget() if self.recipe is None else self.recipe.budget
        order: list[Trial] = []
        for status in STATUSES:
            group = {t.place: t for t in self.trials if t.status == status}
            places = ranked({place: trial.facts for place, trial in group.items()}, budget)
            found = [group[place] for place in places]
            order += found if status == "trained" else sorted(found, key=lambda t: -t.epochs)
        return tuple(order)


def read_studies(url: str) -> tuple[StoredStudy, ...]:
    """Read all motefit studies of a storage, sorted by name.

    Raises:
        OutputError: if the storage cannot be reached.
    """
    storage = open_storage(url)
    try:
        with storage_errors(url):
            summaries = optuna.get_all_study_summaries(storage, include_best_trial=False)
            found = [s for s in summaries if "motefit" in s.user_attrs]
            return tuple(
                _read(optuna.load_study(study_name=s.study_name, storage=storage))
                for s in sorted(found, key=lambda s: s.study_name)
            )
    finally:
        close_storage(storage)


def _read(study: optuna.Study) -> StoredStudy:
    attributes = study.user_attrs
    folder = str(attributes.get("folder", ""))
    recipe: Recipe | None = None
    try:
        name = study.study_name.rpartition("-")[0]
        recipe = Recipe.loads(str(attributes.get("recipe", "")), name=name)
    except RecipeError:
        pass
    stored = study.get_trials(deepcopy=False)
    trials = map(trial_of, stored)
    ends = [frozen.datetime_complete for frozen in stored if frozen.datetime_complete is not None]
    return StoredStudy(
        name=study.study_name,
        folder=folder,
        recipe=recipe,
        trials=tuple(sorted((t for t in trials if t is not None), key=lambda t: t.place)),
        date=max(ends).isoformat(" ", "minutes") if ends else "",
    )
