"""``data audit``: check the data before anything is trained on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.api.audit_tables import audit_tables
from motefit.api.progress_display import Progress, open_progress
from motefit.data.damage import BrokenFile
from motefit.data.layouts import gives_sets
from motefit.data.tables import is_table
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import DataError
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import ModelSpec, Recipe
from motefit.spec.tables import Item, Printable, Styled
from motefit.spec.tasks import series_spec, speech_spec
from motefit.tasks import TASKS


@dataclass(frozen=True, kw_only=True, repr=False)
class AuditResult(Printable):
    """Result of an audit.

    Attributes:
        broken: unusable files; if there are too many, nothing is counted, and a warning says why.
        facts: counts by name, as they go into a card.
    """

    broken: Sequence[BrokenFile]
    facts: Mapping[str, object]

    def content(self) -> list[Item]:
        """List broken files; then facts of the sets, of words or columns, notes and warnings."""
        broken = [(Styled("broken", "bad"), f" {item.problem}") for item in self.broken]
        return [*broken, *audit_tables(self.facts)]


def audit(
    data: str | Path, *, recipe: str | Path | Recipe | None = None, progress: Progress = "auto"
) -> AuditResult:
    """Find unusable files; if they are few enough to be left out, count what affects a score.

    >>> import motefit, pathlib, tempfile
    >>> csv = pathlib.Path(tempfile.mkdtemp(), "climate.csv")
    >>> made = motefit.synthesize(csv, climate_days=20)
    >>> motefit.audit(csv).broken
    ()

    Args:
        data: folder of words; or a table, a folder of tables or a pattern.
        recipe: recipe whose [data] section says how to read and split; None: all words of a folder
            in a seeded split, or the default columns of a CSV file.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        DataError: if the data cannot be used at all.
    """
    data = Path(data)
    recipe = _default_recipe(data) if recipe is None else find_recipe(recipe)
    task = TASKS.find(recipe.task)
    try:
        with open_progress(progress) as listener:
            dataset = task.load(recipe, data, progress=listener.loading)
    except DataError as error:
        broken = task.broken(recipe, data)
        if not broken:
            raise
        return AuditResult(broken=broken, facts={"warnings": (str(error),)})
    return AuditResult(broken=task.damaged(dataset), facts=task.audit(dataset))


def _default_recipe(data: Path) -> Recipe:
    model = ModelSpec(family="linear")
    if is_table(data):
        section = series_spec.SeriesData()
        return Recipe(name="audit", task=series_spec.NAME, data=section, model=model)
    return Recipe(
        name="audit",
        task=speech_spec.NAME,
        data=speech_spec.SpeechData(split="given" if gives_sets(data) else "stratified"),
        frontend=FrontEnd(),
        model=model,
    )
