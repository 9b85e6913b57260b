"""Layers: multiply-accumulates and bytes of each operation of the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, numbers
from motefit.report.sections import SECTIONS, Section
from motefit.spec.metrics import grouped

OPEN = 40
"""Number of operations up to which the table does not scroll."""
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number of one operation, and its share of the largest, in percent."""

    text: str
    percent: float


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One operation; ``amounts`` are in the order of the view's ``titles``."""

    name: str
    output: str
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, kw_only=True)
class LayersView:
    """Contents of the section."""

    titles: tuple[str, ...]
    layers: tuple[LayerRow, ...]
    totals: tuple[str, ...]
    lead: str
    scrolls: bool


def build(facts: ReportFacts) -> LayersView | None:
    """Make the view; None if neither work nor bytes of any operation are known."""
    operations = facts.operations
    columns = {
        title: [number(op.get(key)) for op in operations]
        for key, title in (
            ("macs", "multiply-accumulates"),
            ("constant_bytes", "bytes of weights and biases"),
        )
    }
    known = {title: values for title, values in columns.items() if any(values)}
    if not known:
        return None
    amounts = [_amounts(values) for values in known.values()]
    return LayersView(
        titles=tuple(known),
        layers=tuple(
            LayerRow(
                name=layer_name(op),
                output=_TIMES.join(f"{n:g}" for n in numbers(op.get("shape"))),
                amounts=row,
            )
            for op, row in zip(operations, zip(*amounts, strict=True), strict=True)
        ),
        totals=tuple(grouped(sum(n or 0 for n in values)) for values in known.values()),
        lead=_lead(known, operations),
        scrolls=len(operations) > OPEN,
    )


def layer_name(op: Mapping[str, object]) -> str:
    """Return the name of an operation, as readable text.

    >>> layer_name({"name": "DEPTHWISE_CONV_2D"})
    'depthwise conv 2d'
    """
    return str(op.get("name") or op.get("op") or "operation").replace("_", " ").lower()


def _amounts(values: Sequence[float | None]) -> list[Amount]:
    most = max(n or 0 for n in values)
    return [
        Amount(text="" if n is None else grouped(n), percent=round(100 * (n or 0) / most, 2))
        for n in values
    ]


def _lead(
    columns: Mapping[str, Sequence[float | None]], operations: Sequence[Mapping[str, object]]
) -> str:
    """Name the operations with most work and most bytes, which may be the same one."""
    shares: dict[int, list[str]] = {}
    for title, values in columns.items():
        amounts = [n or 0 for n in values]
        share = 100 * max(amounts) / sum(amounts)
        shares.setdefault(amounts.index(max(amounts)), []).append(f"{share:.0f} % of the {title}")
    return " ".join(
        f"Operation {i + 1}, {layer_name(operations[i])}, has {' and '.join(parts)}."
        for i, parts in shares.items()
    )


SECTIONS.register("layers", Section(order=42, name="layers", title="Layers", build=build))
