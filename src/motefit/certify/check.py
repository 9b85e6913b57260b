"""``check``: measure a model file again from its bytes and compare with its card and budget."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from motefit.certify.certify import CertifiedModel, certify_file, notes_of
from motefit.certify.facts import Evaluation, is_quality, is_timing, measure_file
from motefit.certify.provenance import provenance
from motefit.certify.verdict_table import verdict_content
from motefit.codegen.agreement import CAgreement, compiled_bundle
from motefit.measure.hardest_clips import without_sound
from motefit.report.render import write_report
from motefit.report.report_facts import ReportFacts
from motefit.runtime.bundle import Bundle, load_bundle, open_model
from motefit.runtime.quiet import silence_litert
from motefit.search.progress import Listener
from motefit.spec.card import Card, Provenance
from motefit.spec.certificate import Certificate
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.evidence import table
from motefit.spec.extras import can_report
from motefit.spec.files import require_writable, write_atomic
from motefit.spec.metrics import STREAM_PREFIX, format_value, is_estimate, metric
from motefit.spec.recipe import Recipe
from motefit.spec.stream_evidence import SCRIPTED
from motefit.spec.tables import Item, Printable, Styled, Text
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.spec.visible import visible
from motefit.tasks import TASKS, AnyTask
from motefit.tflite.model import ModelFile

REPORT_FACTS = "report.json"
"""File beside a report with the facts it was rendered from."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A fact of the card that the new measurement does not confirm."""

    metric: str
    stated: float
    measured: float | None

    @property
    def line(self) -> Text:
        """The difference as a sentence."""
        name, value = self.metric, self.measured
        stated = format_value(name, self.stated)
        measured = "nothing" if value is None else format_value(name, value)
        differs = Styled("differs", "bad")
        return differs, f" {name}: the card says {stated}, measured {measured}"


@dataclass(frozen=True, kw_only=True, repr=False)
class CheckResult(Printable):
    """Result of a check.

    Attributes:
        card: the card with the facts of this measurement.
        certificate: certificate of this measurement.
        differences: facts that differ from the bundle's card; timings are left out, since they
            depend on the machine, and so is the arena if it cannot be measured. None if there is
            no card to compare with.
        rounded: whether some error agrees only to one part in a million, not to the last digit.
        same_data: whether the data are those the card was measured on; if not, accuracy and
            errors are not compared.
        report: path of the report; None if the extra ``report`` is not installed.
        scope: description of the data that were scored; empty if they are the card's.
        label_order: labels of a model without a card in the order of its outputs, and the source of
            that order; empty for other models.
        c_source: comparison of the model's C source with it; None if not requested.
    """

    card: Card
    certificate: Certificate
    differences: tuple[Difference, ...] | None
    rounded: bool
    same_data: bool
    report: Path | None
    scope: str = ""
    label_order: str = ""
    c_source: CAgreement | None = None

    @property
    def met(self) -> bool:
        """Whether the budget is met, the card's figures are confirmed and the C source agrees."""
        agrees = self.c_source is None or self.c_source.proven
        return self.certificate.met and not self.differences and agrees

    def content(self) -> list[Item]:
        """List facts and verdicts, whether the card is confirmed, and the report's path."""
        report = self.report or "not written; it needs: pip install 'motefit[report]'"
        found = verdict_content(self.card, self.certificate)
        return [*found, *self._confirmation(), "", f"report  {report}"]

    def _confirmation(self) -> list[Item]:
        found: list[Item] = [f"scored on {self.scope}"] if self.scope else []
        if self.label_order:
            found.append(self.label_order)
        if self.c_source is not None:
            found.append(self.c_source.line)
        if self.differences is None:
            return [*found, "no card to compare with"]
        if not self.same_data:
            found.append(
                (
                    Styled("other data than the card's", "doubtful"),
                    ": accuracy and errors were measured on them, but not compared with the card",
                )
            )
        elif not self.differences:
            digits = " to one part in a million" if self.rounded else " exactly"
            found.append(f"every size, accuracy and error of the card was reproduced{digits}")
        return [*found, *(item.line for item in self.differences)]


CForm = bool | Literal["fixed"]
"""Whether to compare C source, with its front end in float32 or in fixed point."""


def check(  # noqa: PLR0913 - the options of a command
    model: Path,
    data: Path | None,
    *,
    stream: str | None = None,
    recipe: Recipe | None = None,
    labels: Sequence[str] | None = None,
    out: Path | None = None,
    whole: bool = False,
    c_source: CForm = False,
    sound: bool = True,
    listener: Listener | None = None,
) -> CheckResult:
    """Measure a bundle, or a .tflite file of any origin, on the test set of the data.

    Args:
        model: bundle, or .tflite with its card; with ``recipe`` any .tflite file or zip of one.
        data: folder or file; None synthesizes data by the recipe.
        stream: folder in place of the recipe's ``[data] stream``.
        recipe: recipe whose budget and data replace the card's, and its front end without a card.
        labels: of a model without a card, in the order of its outputs; None: the file's, or sorted.
        out: folder for certificate and report; default: ``<model>-check`` beside the model.
        whole: score all the data, not only their test set.
        c_source: also compile the model's C source and compare it on the same data.
        sound: whether the report has the sound of the clips that the model finds hardest.
        listener: receives progress.

    Raises:
        ModelFileError: if the model is damaged, or its bytes do not match its card.
        MotefitError: for other mistakes the user can fix.
    """
    listener = listener or Listener()
    silence_litert()
    content, card = _open(model, recipe)
    recipe = _with_stream(recipe or recipe_of(card, model), stream)
    task = TASKS.find(recipe.task)
    require_writable(folder := out or model.with_name(f"{model.stem}-check"))
    if card is not None:
        _require_agreement(card, task, model, labels)
    dataset = _load(task, recipe, data, task.load_whole if whole else task.load, listener)
    io, dataset, order = _interpret(task, recipe, dataset, content, card, labels)
    listener.measuring("the file on the test set")
    made = Provenance() if card is None else card.provenance
    data_sha256 = task.data_key(dataset)
    evaluation = Evaluation(task=task, recipe=recipe, io=io, dataset=dataset)
    now = provenance(seed=made.seed, data_sha256=data_sha256)
    c_form = (visible(model.stem), c_source)
    shipped, compared = _certified(evaluation, content, now, listener, c_form)
    same_data = made.data_sha256 == data_sha256
    return CheckResult(
        card=shipped.card,
        certificate=shipped.certificate,
        differences=_compared(card, shipped, same_data=same_data),
        rounded=card is not None and _rounded(card.facts, shipped, same_data=same_data),
        same_data=same_data,
        report=_write(folder, shipped if sound else _muted(shipped)),
        scope="" if same_data else _scope(task.scope(recipe, dataset), synthetic=data is None),
        label_order=order,
        c_source=compared,
    )


def _scope(scope: str, *, synthetic: bool) -> str:
    """Describe the scored data; synthetic ones are named, since nobody chose them."""
    if not synthetic:
        return scope
    return "synthetic data, as none were given with --data" + (f": {scope}" if scope else "")


def _require_agreement(
    card: Card, task: AnyTask, model: Path, labels: Sequence[str] | None
) -> None:
    if card.task != task.name:
        raise RecipeError(f"{model} is a model for {card.task}; the recipe is for {task.name}")
    if labels is not None:
        raise RecipeError(f"{model} has a card, which names its labels; leave out --labels")


def _load(
    task: AnyTask, recipe: Recipe, data: Path | None, load: Callable[..., Any], listener: Listener
) -> Any:  # noqa: ANN401 - as the task loads it
    """Load the data that the recipe's budget needs, and report the notes about them."""
    dataset = load(recipe, data, progress=listener.loading)
    task.require_measured(recipe, dataset)
    listener.loaded(notes_of(task.audit(dataset)))
    return dataset


def _interpret(
    task: AnyTask,
    recipe: Recipe,
    dataset: Any,  # noqa: ANN401 - as the task loads it
    content: ModelFile,
    card: Card | None,
    labels: Sequence[str] | None,
) -> tuple[Any, Any, str]:
    """Return the model's section of the card, the data in its order of labels, and that order."""
    order = ""
    if card is None:
        dataset, order = task.ordered(dataset, content, labels)
    io = card.io if card is not None else task.foreign_io(recipe, dataset, content)
    task.require_fit(io, dataset)
    return io, dataset, order


def _certified(
    evaluation: Evaluation,
    content: ModelFile,
    made: Provenance,
    listener: Listener,
    c_source: tuple[str, CForm],
) -> tuple[CertifiedModel, CAgreement | None]:
    """Measure a file, and its C source in the requested form, and certify the result."""
    facts = measure_file(evaluation, content, "test")
    name, form = c_source
    fixed = form == "fixed"
    compared = compare_c(evaluation, content, name, listener, fixed=fixed) if form else None
    if compared is not None:
        facts = replace(facts, evidence={**facts.evidence, "c_source": encode(compared)})
    shipped = certify_file(
        evaluation, content, provenance=made, facts=facts, progress=listener.listening
    )
    return shipped, compared


def compare_c(
    evaluation: Evaluation, file: ModelFile, name: str, listener: Listener, *, fixed: bool = False
) -> CAgreement:
    """Generate and compile the C source of a model, and compare it on the test set.

    Raises:
        ModelFileError: for a form or an operation without C source.
        NoCompilerError: without a C compiler.
    """
    listener.measuring("its C source on the test set")
    task, io = evaluation.task, evaluation.io
    card = Card(task=task.name, io=io, model_sha256=file.sha256)
    bundle = Bundle(file=file, card=card, bundle_bytes=0)
    with compiled_bundle(bundle, name, fixed=fixed) as compiled:
        return task.compare_c(compiled, bundle, evaluation.dataset, "test")


def _with_stream(recipe: Recipe, stream: str | None) -> Recipe:
    if stream is None:
        return recipe
    if not isinstance(recipe.data, SpeechData):
        raise RecipeError(f"long recordings are for keyword spotters, not for {recipe.task}")
    given = stream if stream == SCRIPTED else str(Path(stream).absolute())
    return replace(recipe, data=replace(recipe.data, stream=given))


def _muted(shipped: CertifiedModel) -> CertifiedModel:
    return replace(shipped, details=without_sound(shipped.details))


def _write(folder: Path, shipped: CertifiedModel) -> Path | None:
    """Write certificate and report; return the report's path, None without ``report``."""
    text = shipped.report().to_json()
    facts = ReportFacts.from_json(text, where=REPORT_FACTS)  # as a later process will read them
    write_atomic(folder / "certificate.json", shipped.certificate.to_json())
    write_atomic(folder / REPORT_FACTS, text)
    report = folder / "report.html" if can_report() else None
    if report is not None:
        write_report(report, facts)
    return report


def _open(path: Path, recipe: Recipe | None) -> tuple[ModelFile, Card | None]:
    """Open a model file and its card; the card may be missing if there is a recipe."""
    if recipe is None:
        bundle = load_bundle(path)
        return bundle.file, bundle.card
    found = open_model(path)
    return (found, None) if isinstance(found, ModelFile) else (found.file, found.card)


def recipe_of(card: Card | None, model: Path) -> Recipe:
    """Read the recipe in a card.

    Raises:
        ModelFileError: if it has none.
    """
    table: dict[str, Any] = dict(card.recipe) if card is not None else {}
    name = str(table.pop("name", visible(model.stem)))
    if not table:
        raise ModelFileError(f"the card of {model} has no recipe; give one as recipe (--recipe)")
    return Recipe.from_table(table, name=name)


def _compared(
    card: Card | None, shipped: CertifiedModel, *, same_data: bool
) -> tuple[Difference, ...] | None:
    """Compare a card with a measurement; None without a card."""
    if card is None:
        return None
    return _differences(_stated(card, shipped), shipped, same_data=same_data)


def _stated(card: Card, shipped: CertifiedModel) -> Mapping[str, float]:
    """Return the facts of a card, without those of another stream than the one measured."""
    streams = [table(found.evidence, "stream").get("sha256") for found in (card, shipped.card)]
    if None not in streams and len(set(streams)) == 1:
        return card.facts
    return {name: v for name, v in card.facts.items() if not name.startswith(STREAM_PREFIX)}


def _differences(
    stated: Mapping[str, float], shipped: CertifiedModel, *, same_data: bool
) -> tuple[Difference, ...]:
    found = shipped.card.facts
    return tuple(
        Difference(metric=name, stated=value, measured=found.get(name))
        for name, value in sorted(stated.items())
        if _comparable(name, found, same_data=same_data) and not _same(name, value, found.get(name))
    )


def _rounded(stated: Mapping[str, float], shipped: CertifiedModel, *, same_data: bool) -> bool:
    found = shipped.card.facts
    return any(
        found.get(name) != value
        and _comparable(name, found, same_data=same_data)
        and _same(name, value, found.get(name))
        for name, value in stated.items()
    )


def _same(name: str, stated: float, found: float | None) -> bool:
    """Return whether two measurements agree: exactly, or for errors to one part in a million.

    An error is a mean over float32 predictions, whose last digits depend on the kernels that LiteRT
    selects for a processor.
    """
    if found is None or metric(name).unit != "column":
        return found == stated
    return math.isclose(found, stated, rel_tol=1e-6)


def _comparable(name: str, found: Mapping[str, float], *, same_data: bool) -> bool:
    """Return whether a fact must be the same on this machine, with these data."""
    if is_timing(name) or is_estimate(name):
        return False
    if is_quality(name):
        return same_data
    return name in found or name != "ram.arena_bytes"
