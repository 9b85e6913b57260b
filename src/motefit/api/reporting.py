"""``report``: a page of stored facts, a sheet to print, a model card, or a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from motefit.api.page_printing import print_sheet
from motefit.certify.certify import bundle_report
from motefit.certify.check import REPORT_FACTS
from motefit.fitting.measured_run import stored_reports
from motefit.fitting.run_dir import RunDir
from motefit.measure.hardest_clips import without_sound
from motefit.report.model_card import model_card
from motefit.report.render import render_comparison, render_report, render_summary
from motefit.report.report_facts import ReportFacts
from motefit.runtime.zoo import find_model
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.extras import require_report
from motefit.spec.files import write_atomic
from motefit.spec.limits import MIB
from motefit.spec.tables import Item, Printable
from motefit.tflite.archive import read_capped

Form = Literal["page", "pdf", "markdown"]
SUFFIXES: dict[Form, str] = {"page": ".html", "pdf": ".pdf", "markdown": ".md"}
FACTS_BYTES = 64 * MIB
"""Maximum size of a file of facts, in bytes."""


@dataclass(frozen=True, kw_only=True, repr=False)
class WrittenReport(Printable):
    """A report that was written.

    Attributes:
        path: path of the file.
        names: names of the models in it.
    """

    path: Path
    names: tuple[str, ...]

    def content(self) -> list[Item]:
        """Return the path, as one line."""
        return [f"report  {self.path}"]


def make_report(
    *sources: str | Path,
    out: str | Path | None = None,
    form: Form = "page",
    sound: bool = True,
) -> WrittenReport:
    """Write a report from stored facts, or a comparison of several; nothing is measured.

    >>> import motefit, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "card.md")
    >>> motefit.make_report("climate-6", out=path, form="markdown").names
    ('climate-6',)

    Args:
        sources: folders of runs or checks, ``report.json`` files, bundles, or names of shipped
            models. Two or more are compared.
        out: file to write; None: ``<name>.html``, ``.pdf`` or ``.md`` here.
        form: ``"page"``: HTML in one file; ``"pdf"``: a summary on one sheet, printed by an
            installed Chromium; ``"markdown"``: a model card for a model hub.
        sound: keep the sound of clips in the page.

    Raises:
        ModelFileError: if a source has no facts, or is damaged.
        RecipeError: if the form is unknown, or cannot show several models.
        MissingExtraError: without the extra ``report``.
        OutputError: if the file cannot be written, or no browser is installed to print it.
    """
    if form not in SUFFIXES:
        raise RecipeError(f"the form must be one of {', '.join(SUFFIXES)}, got {form!r}")
    if not sources:
        raise RecipeError("give a run, a check or a bundle to report on")
    if len(sources) > 1 and form != "page":
        raise RecipeError("a comparison is always a page; leave out --pdf and --markdown")
    if form != "markdown":
        require_report()
    models = [facts for source in sources for facts in _find(source, single=len(sources) == 1)]
    if not sound:
        models = [replace(facts, details=without_sound(facts.details)) for facts in models]
    names = tuple(facts.name for facts in models)
    path = Path("-".join(names) + SUFFIXES[form]) if out is None else Path(out)
    write_atomic(path, _content(models, form))
    return WrittenReport(path=path, names=names)


def _content(models: Sequence[ReportFacts], form: Form) -> str | bytes:
    if len(models) > 1:
        return render_comparison(models)
    (facts,) = models
    if form == "markdown":
        return model_card(facts)
    if form == "pdf":
        return print_sheet(lambda zoom: render_summary(facts, zoom=zoom))
    return render_report(facts)


def _find(source: str | Path, *, single: bool) -> list[ReportFacts]:
    """Find the facts of a source; of a run with several bundles its own, or all to compare."""
    path = Path(source)
    if path.is_dir():
        if (path / REPORT_FACTS).is_file():
            return [_read(path / REPORT_FACTS)]
        if RunDir(path).started:
            found = list(stored_reports(RunDir(path)).values())
            return found[:1] if single else found
        raise ModelFileError(
            f"{path} has neither a finished run nor a check; give a folder that motefit fit or "
            "motefit check has written, a bundle, or the name of a shipped model"
        )
    if path.suffix == ".json":
        return [_read(path)]
    return [bundle_report(find_model(source))]


def _read(path: Path) -> ReportFacts:
    try:
        text = read_capped(path, FACTS_BYTES).decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: not UTF-8 text: {error}") from None
    return ReportFacts.from_json(text, where=str(path))
