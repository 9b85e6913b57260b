"""Certification of a model file: its card, certificate and report facts, all measured here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from motefit.certify.facts import Evaluation, Facts, measure_file
from motefit.measure.stream_measurement import StreamProgress
from motefit.report.report_facts import ReportFacts
from motefit.runtime.bundle import load_bundle
from motefit.runtime.gate import vouch
from motefit.spec.card import Card, Provenance
from motefit.spec.certificate import Certificate, certify, recheck
from motefit.spec.codec import encode
from motefit.tflite.model import ModelFile


@dataclass(frozen=True, kw_only=True)
class CertifiedModel:
    """A model file with its card and certificate, and details that only its report shows."""

    model: ModelFile
    card: Card
    certificate: Certificate
    name: str
    details: Mapping[str, object] = field(default_factory=dict)

    def report(
        self,
        *,
        history: Sequence[Mapping[str, float]] = (),
        candidates: Sequence[Mapping[str, object]] = (),
    ) -> ReportFacts:
        """Collect the facts that a report shows.

        Args:
            history: training history, one mapping per epoch.
            candidates: one row per candidate.
        """
        found = self.model.inspection
        return ReportFacts(
            card=self.card,
            certificate=self.certificate,
            byte_map=found.bytes_by_part,
            operations=tuple(encode(op) for op in found.ops),
            history=tuple(history),
            candidates=tuple(candidates),
            details=self.details,
            name=self.name,
        )


def certify_file(
    evaluation: Evaluation,
    model: ModelFile,
    *,
    provenance: Provenance,
    facts: Facts | None = None,
    progress: StreamProgress | None = None,
) -> CertifiedModel:
    """Measure a model file on the test set and certify it against the recipe's budget.

    Args:
        evaluation: recipe and data to measure with; the recipe has the budget, and goes into the
            card.
        model: the .tflite file.
        provenance: provenance of this measurement.
        facts: facts on the test set, if they have been measured already.
        progress: receives the progress in long recordings.
    """
    facts = facts or measure_file(evaluation, model, "test", progress=progress)
    vouch(model)
    recipe = evaluation.recipe
    card = Card(
        task=evaluation.task.name,
        io=evaluation.io,
        model_sha256=model.sha256,
        facts=facts.values,
        evidence=facts.evidence,
        recipe={"name": recipe.name, **recipe.to_table()},
        provenance=provenance,
    )
    certificate = certify(
        card.facts, recipe.budget, evidence=card.evidence, model_sha256=card.model_sha256
    )
    return CertifiedModel(
        model=model,
        card=card,
        certificate=certificate,
        name=recipe.name,
        details=facts.details,
    )


def bundle_report(path: Path) -> ReportFacts:
    """Collect the facts in a bundle alone: its card, the verdict on it, and the model's content.

    Raises:
        ModelFileError: if the bundle is missing or damaged, or has no card.
    """
    bundle = load_bundle(path)
    card = bundle.card
    return CertifiedModel(
        model=bundle.file,
        card=card,
        certificate=recheck(card),
        name=str(card.recipe.get("name") or path.stem),
    ).report()


def notes_of(audit: Mapping[str, object]) -> tuple[str, ...]:
    """Return the notes of an audit, which are sentences for people."""
    notes = audit.get("notes", ())
    return tuple(map(str, notes)) if isinstance(notes, list | tuple) else ()
