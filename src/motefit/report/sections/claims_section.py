"""Claims: properties of the file read from its bytes: forms, zeros, shared values, channels."""

import math
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.spec.metrics import grouped

_COLUMNS = ("Operation", "Form", "Shape", "Channels", "Bits", "Scales", "Zero", "Distinct")


@dataclass(frozen=True, kw_only=True)
class ClaimsView:
    """Contents of the section."""

    techniques: tuple[str, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[str, ...], ...]


def build(facts: ReportFacts) -> ClaimsView | None:
    """Make the view; None if the card has no claims."""
    claims = facts.topic("claims")
    weights = claims.get("weights")
    if not claims or not isinstance(weights, list | tuple):
        return None
    stated = claims.get("techniques")
    techniques = tuple(map(str, stated)) if isinstance(stated, list | tuple) else ()
    edges = f"{claims.get('input_dtype')} in, {claims.get('output_dtype')} out"
    return ClaimsView(
        techniques=(*(techniques or (f"{claims.get('precision')} weights",)), edges),
        columns=_COLUMNS,
        weights=tuple(_row(weight) for weight in weights),
    )


def _row(weight: object) -> tuple[str, ...]:
    facts = table(weight)
    shape = facts.get("shape")
    sizes = [int(n) for n in numbers(shape)]
    zeros = number(facts.get("zeros")) or 0
    counts = (number(facts.get(key)) or 0 for key in ("channels", "bits", "scales"))
    return (
        f"{facts.get('place')} {facts.get('operator')}",
        str(facts.get("form", "")),
        "\N{MULTIPLICATION SIGN}".join(map(str, sizes)),
        *(grouped(int(count)) for count in counts),
        f"{100 * zeros / max(math.prod(map(float, sizes)), 1):.1f} %",
        grouped(int(number(facts.get("distinct")) or 0)),
    )


SECTIONS.register("claims", Section(order=45, name="claims", title="Compression", build=build))
