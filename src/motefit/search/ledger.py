"""The ledger of a study in an Optuna storage: each candidate is entered once, when it is done."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from motefit.search.optuna_terms import Terms, record_of
from motefit.search.record import Record
from motefit.search.space import Space
from motefit.search.urls import without_password
from motefit.spec.errors import OutputError, RecipeError

TRIES, PAUSE_S = 5, 0.3
ATTRIBUTES = ("recipe", "folder", "motefit")
"""User attributes of a study: the recipe's text, the run's folder, the version of motefit."""


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what a database driver raises into something a user can mend."""
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
    """A storage that Optuna can keep studies in.

    Raises:
        OutputError: when it cannot be reached.
    """
    # several processes write at once: wait for a lock instead of failing
    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    with storage_errors(url):
        for _ in range(TRIES):
            try:
                return RDBStorage(url, engine_kwargs=waits)
            except (SQLAlchemyError, StorageInternalError) as error:
                # another process made the tables at the same moment
                if not re.search("already exists|duplicate|unique", str(error), re.IGNORECASE):
                    raise
                time.sleep(PAUSE_S)
        return RDBStorage(url, engine_kwargs=waits)


def close_storage(storage: RDBStorage) -> None:
    """Let go of the connections to a storage."""
    storage.remove_session()
    storage.engine.dispose()


class Ledger:
    """The finished candidates of one study.

    Args:
        url: of the storage.
        name: of the study, unique in the storage.
        space: of the recipe.
        about: kept with a new study, for people; see :data:`ATTRIBUTES`.

    Raises:
        OutputError: when the storage cannot be used.
        RecipeError: when the name belongs to a study of another kind.
    """

    def __init__(self, url: str, name: str, space: Space, *, about: dict[str, Any]) -> None:
        self._url, self._terms = url, Terms(space)
        self._storage = open_storage(url)
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
                directions=self._terms.directions,
                load_if_exists=True,
            )
            for key in about.keys() - self._study.user_attrs.keys():
                self._study.set_user_attr(key, about[key])
            if self._study.directions != self._terms.directions:
                raise RecipeError(
                    f"the study {name!r} in {without_password(url)} has other objectives; choose "
                    "another folder with --out, or another storage"
                )
        self._records = {record.place: record for record in self._read()}

    @property
    def records(self) -> tuple[Record, ...]:
        """All entries, by round and index."""
        return tuple(self._records[place] for place in sorted(self._records))

    def enter(self, records: Iterable[Record]) -> None:
        """Enter candidates; those that are there already stay as they are.

        Raises:
            OutputError: when the storage cannot be written.
        """
        with storage_errors(self._url):
            for record in records:
                if record.place not in self._records:
                    self._study.add_trial(self._terms.trial(record))
                    self._records[record.place] = record

    def close(self) -> None:
        """Let go of the storage."""
        close_storage(self._storage)

    def _read(self) -> Iterator[Record]:
        for trial in self._study.get_trials(deepcopy=False):
            record = record_of(trial)
            if record is not None:
                yield record
