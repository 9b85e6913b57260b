"""Size: the file raw, zipped and bundled; its bytes by purpose; its operations."""

from dataclasses import dataclass

from motefit.report.charts import Part, stack
from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import grouped, phrase, plain
from motefit.spec.metrics import format_value

_SIZES = {
    "tflite_bytes": "Model file (.tflite)",
    "zip_bytes": "Zipped alone",
    "bundle_bytes": "Bundle with card",
}

_FIRST = ("op", "name")
"""Columns that come before the others of an operation, in whatever order they are stored."""


@dataclass(frozen=True, kw_only=True)
class SizeView:
    """Contents of the section."""

    sizes: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    total: str
    operation_keys: tuple[str, ...]
    operations: tuple[tuple[str, ...], ...]


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
    found = dict.fromkeys(str(key) for op in facts.operations for key in op)
    keys = tuple(sorted(found, key=lambda key: key not in _FIRST))
    if not (sizes or pieces or keys):
        return None
    return SizeView(
        sizes=sizes,
        parts=stack([(phrase(n), v, grouped(v)) for n, v in pieces if v], full=total),
        total=grouped(total),
        operation_keys=tuple(phrase(key) for key in keys),
        operations=tuple(tuple(_cell(op.get(key)) for key in keys) for op in facts.operations),
    )


def _from_card(facts: ReportFacts) -> dict[str, object]:
    names = {"tflite_bytes": "size.tflite_bytes", "zip_bytes": "size.zip_bytes"}
    return {k: facts.card.facts[name] for k, name in names.items() if name in facts.card.facts}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and value and all(isinstance(v, int) for v in value):
        return "\N{MULTIPLICATION SIGN}".join(map(str, value))
    if table(value):
        return ", ".join(f"{phrase(str(k)).lower()} {plain(v)}" for k, v in table(value).items())
    return plain(value)


SECTIONS.register("size", Section(order=40, name="size", title="Size", build=build))
