"""Candidates: tried, rejected before training, and chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import grouped, metric_name, metric_unit, plain
from motefit.spec.metrics import format_value

_ORDER = ("chosen", "trained", "not trained", "rejected")
_MARKS = {"chosen": "●", "trained": "○", "rejected": "\N{EN DASH}"}


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """One row of the table."""

    status: str
    mark: str
    values: tuple[str, ...]
    tflite: str
    macs: str
    scores: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class CandidatesView:
    """Contents of the section; columns that no candidate fills are left out."""

    keys: tuple[str, ...]
    metrics: tuple[str, ...]
    common: tuple[tuple[str, str], ...]
    candidates: tuple[CandidateRow, ...]
    counts: tuple[tuple[str, int], ...]


def build(facts: ReportFacts) -> CandidatesView | None:
    """Make the view; None if there is no candidate."""
    if not facts.candidates:
        return None
    tables = [
        {str(k): plain(v) for k, v in table(c.get("values")).items()} for c in facts.candidates
    ]
    keys = tuple(dict.fromkeys(key for values in tables for key in values))
    same = {key for key in keys if len(tables) > 1 and len({v.get(key) for v in tables}) == 1}
    varied = tuple(key for key in keys if key not in same)
    pairs = sorted(
        zip(facts.candidates, tables, strict=True), key=lambda pair: _place(_status(pair[0]))
    )
    found = [_status(candidate) for candidate in facts.candidates]
    metrics = tuple(
        dict.fromkeys(str(name) for c in facts.candidates for name in table(c.get("validation")))
    )
    return CandidatesView(
        keys=varied,
        metrics=tuple(_heading(name) for name in metrics),
        common=tuple((key, tables[0][key]) for key in keys if key in same),
        candidates=tuple(_candidate(c, [v.get(k, "") for k in varied], metrics) for c, v in pairs),
        counts=tuple((s, found.count(s)) for s in dict.fromkeys((*_ORDER, *found)) if s in found),
    )


def _heading(name: str) -> str:
    unit = metric_unit(name)
    return f"{metric_name(name)}{f', {unit}' if unit else ''}"


def _status(candidate: Mapping[str, object]) -> str:
    return str(candidate.get("status") or "trained")


def _place(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)


def _candidate(
    candidate: Mapping[str, object], values: Sequence[str], metrics: Sequence[str]
) -> CandidateRow:
    status = _status(candidate)
    size, macs = number(candidate.get("tflite_bytes")), number(candidate.get("macs"))
    validation = table(candidate.get("validation"))
    scores = ((name, number(validation.get(name))) for name in metrics)
    return CandidateRow(
        status=status,
        mark=_MARKS.get(status, ""),
        values=tuple(values),
        tflite="" if size is None else grouped(size),
        macs="" if macs is None else grouped(macs),
        scores=tuple("" if value is None else format_value(name, value) for name, value in scores),
        reason=str(candidate.get("reason") or ""),
    )


SECTIONS.register(
    "candidates", Section(order=80, name="candidates", title="Candidates", build=build)
)
