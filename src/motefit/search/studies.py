"""Read the studies of a storage: those of motefit, with their recipes and candidates."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import optuna

from motefit.search.ledger import close_storage, open_storage, storage_errors
from motefit.search.optuna_terms import record_of
from motefit.search.record import Record
from motefit.search.select import choose
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study as it stands in a storage.

    Attributes:
        name: unique in the storage.
        folder: of the run.
        recipe: that is searched; None when this version cannot read it.
        records: its candidates, in order.
    """

    name: str
    folder: str
    recipe: Recipe | None
    records: tuple[Record, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many candidates ended in which way."""
        return dict(Counter(record.status for record in self.records))

    @property
    def best(self) -> Record | None:
        """The best candidate for the recipe's own budget, of those trained to the end."""
        trained = {r.place: r.facts for r in self.records if r.status == "trained"}
        if not trained or self.recipe is None:
            return None
        place = choose(trained, self.recipe.budget)
        return next(record for record in self.records if record.place == place)


def read_studies(url: str) -> tuple[StoredStudy, ...]:
    """All studies of a storage that are motefit's, by name.

    Raises:
        OutputError: when the storage cannot be reached.
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
    records = (record_of(trial) for trial in study.get_trials(deepcopy=False))
    return StoredStudy(
        name=study.study_name,
        folder=folder,
        recipe=recipe,
        records=tuple(sorted((r for r in records if r is not None), key=lambda r: r.place)),
    )
