"""``data audit``: what the data hold, before anything is trained on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.data.speech import BrokenFile
from motefit.search.progress import Listener
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import ModelSpec, Recipe
from motefit.spec.tasks import series_spec, speech_spec
from motefit.tasks import find_task


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """What an audit found.

    Attributes:
        broken: files that cannot be used; when there are some, nothing else was counted.
        facts: counts by name, as they go into a card.
    """

    broken: Sequence[BrokenFile]
    facts: Mapping[str, object]


def audit(
    data: Path, *, recipe: Recipe | None = None, listener: Listener | None = None
) -> AuditResult:
    """Look for files that cannot be used; if there are none, count what qualifies a score.

    Args:
        data: folder of words, or CSV file.
        recipe: whose [data] section says how to read and split; None: all words of a folder in a
            seeded split, or the default columns of a CSV file.
        listener: hears of progress.

    Raises:
        DataError: when the data cannot be used as a whole.
    """
    recipe = recipe or _usual(data)
    task = find_task(recipe.task)
    broken = task.broken(recipe, data)
    if broken:
        return AuditResult(broken=broken, facts={})
    dataset = task.load(recipe, data, progress=(listener or Listener()).loading)
    return AuditResult(broken=(), facts=task.audit(dataset))


def _usual(data: Path) -> Recipe:
    model = ModelSpec(family="linear")
    if data.suffix.lower() == ".csv":
        section = series_spec.SeriesData()
        return Recipe(name="audit", task=series_spec.NAME, data=section, model=model)
    return Recipe(
        name="audit",
        task=speech_spec.NAME,
        data=speech_spec.SpeechData(),
        frontend=FrontEnd(),
        model=model,
    )
