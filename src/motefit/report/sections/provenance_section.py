"""Provenance: how the model was made, and the recipe to make it again."""

from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, recipe_text
from motefit.report.sections import SECTIONS, Section


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One line; ``code`` marks text to type or compare."""

    name: str
    value: str
    code: bool


@dataclass(frozen=True, kw_only=True)
class ProvenanceView:
    """Contents of the section; ``commands`` are titles and what to type."""

    commands: tuple[tuple[str, str], ...]
    origins: tuple[Origin, ...]
    recipe: str


def build(facts: ReportFacts) -> ProvenanceView:
    """Make the view."""
    card, made = facts.card, facts.card.provenance
    lines = (
        ("Commit", made.commit, True),
        ("motefit", made.version, False),
        ("Seed", str(made.seed) if made.command else "", False),
        ("Measured on", made.machine, False),
        ("Model SHA-256", card.model_sha256, True),
        ("Data SHA-256", made.data_sha256, True),
    )
    return ProvenanceView(
        commands=(("Make it again", made.command),) if made.command else (),
        origins=tuple(Origin(name=n, value=v, code=code) for n, v, code in lines if v),
        recipe=recipe_text(card) if card.recipe else "",
    )


SECTIONS.register(
    "provenance", Section(order=100, name="provenance", title="Provenance", build=build)
)
