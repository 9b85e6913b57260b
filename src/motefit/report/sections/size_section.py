"""Size: the file raw, zipped and bundled; its bytes by layer and purpose, and what to shrink."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from motefit.report.charts import Part, stack
from motefit.report.report_facts import ReportFacts, number
from motefit.report.sections import SECTIONS, Section
from motefit.report.sections.layers_section import layer_name
from motefit.report.text import phrase
from motefit.report.treemap import Piece, Tile, treemap
from motefit.spec.metrics import format_value, grouped

_SIZES = {
    "tflite_bytes": "Model file (.tflite)",
    "zip_bytes": "Zipped alone",
    "bundle_bytes": "Bundle with card",
}
_CONSTANTS = "constants"
_LAYER_ADVICE = "fewer channels, pruning or clustering"
_ADVICE = {
    _CONSTANTS: _LAYER_ADVICE,
    "scales": "per_channel = false, where the accuracy allows it",
    "zero points": "per_channel = false, where the accuracy allows it",
    "names": "motefit shrink, which leaves them out",
    "metadata": "motefit shrink, which leaves it out",
    "appended": "motefit shrink, which leaves it out",
}
"""What reduces a part; the others grow with the number of operations."""
_LARGEST = 3
"""Number of pieces with an advice."""


@dataclass(frozen=True, kw_only=True)
class SizeView:
    """Contents of the section."""

    sizes: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    total: str
    cells: tuple[Tile, ...]
    shrink: tuple[tuple[str, str, str], ...]


def build(facts: ReportFacts) -> SizeView | None:
    """Make the view; None if no size was measured."""
    topic = {**_from_card(facts), **facts.topic("size")}
    sizes = tuple(
        (_SIZES.get(str(key), phrase(str(key))), format_value("size.tflite_bytes", n))
        for key, value in topic.items()
        if (n := number(value)) is not None
    )
    total = sum(facts.byte_map.values())
    pieces = sorted(facts.byte_map.items(), key=lambda item: (-item[1], item[0]))
    if not (sizes or pieces):
        return None
    layers = _layers(facts)
    forms = _forms(facts.byte_map, layers)
    return SizeView(
        sizes=sizes,
        parts=stack([(phrase(n), v, grouped(v)) for n, v in pieces if v], full=total),
        total=grouped(total),
        cells=treemap([layers, forms]),
        shrink=tuple(
            (piece.name, f"{100 * piece.value / total:.1f} %", _advice(piece))
            for piece in sorted([*layers, *forms], key=lambda p: -p.value)[:_LARGEST]
        ),
    )


def _layers(facts: ReportFacts) -> list[Piece]:
    """Return the constants of each operation, if together they are no more than the file's."""
    pieces = [
        _piece(f"{i + 1} {layer_name(op)}", number(op.get("constant_bytes")) or 0, "layer")
        for i, op in enumerate(facts.operations)
    ]
    found = [piece for piece in pieces if piece.value]
    return found if _sum(found) <= facts.byte_map.get(_CONSTANTS, 0) else []


def _forms(byte_map: Mapping[str, int], layers: Sequence[Piece]) -> list[Piece]:
    """Return everything that is no constant of an operation, by purpose."""
    rest = {**byte_map}
    if layers:
        rest[_CONSTANTS] -= round(_sum(layers))
    found = [_piece(name, value, "form") for name, value in rest.items() if value]
    return [
        replace(p, name="other constants") if p.name == _CONSTANTS and layers else p for p in found
    ]


def _piece(name: str, value: float, kind: str) -> Piece:
    return Piece(name=name, value=value, text=f"{grouped(value)} B", kind=kind)


def _sum(pieces: Sequence[Piece]) -> float:
    return sum(piece.value for piece in pieces)


def _advice(piece: Piece) -> str:
    if piece.kind == "layer":
        return _LAYER_ADVICE
    return _ADVICE.get(piece.name, "fewer operations")


def _from_card(facts: ReportFacts) -> dict[str, object]:
    names = {"tflite_bytes": "size.tflite_bytes", "zip_bytes": "size.zip_bytes"}
    return {k: facts.card.facts[name] for k, name in names.items() if name in facts.card.facts}


SECTIONS.register("size", Section(order=40, name="size", title="Size", build=build))
