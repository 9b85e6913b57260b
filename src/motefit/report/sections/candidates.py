"""Candidates: what was tried, what was turned away before training, what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.facts import ReportFacts, number, table
from motefit.report.sections import Section, register
from motefit.report.text import grouped, plain

_ORDER = ("chosen", "trained", "rejected")
_MARKS = {"chosen": "●", "trained": "○", "rejected": "\N{EN DASH}"}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One row of the table."""

    status: str
    mark: str
    values: tuple[str, ...]
    tflite: str
    macs: str
    score: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CandidatesView:
    """What the template shows; columns that no candidate fills are left out by it."""

    keys: tuple[str, ...]
    common: tuple[tuple[str, str], ...]
    candidates: tuple[Candidate, ...]
    counts: tuple[tuple[str, int], ...]


def build(facts: ReportFacts) -> CandidatesView | None:
    """What the template shows; None where there is no candidate."""
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
    return CandidatesView(
        keys=varied,
        common=tuple((key, tables[0][key]) for key in keys if key in same),
        candidates=tuple(_candidate(c, [v.get(k, "") for k in varied]) for c, v in pairs),
        counts=tuple((s, found.count(s)) for s in dict.fromkeys((*_ORDER, *found)) if s in found),
    )


def _status(candidate: Mapping[str, object]) -> str:
    return str(candidate.get("status") or "trained")


def _place(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)


def _candidate(candidate: Mapping[str, object], values: list[str]) -> Candidate:
    status = _status(candidate)
    size, macs = number(candidate.get("tflite_bytes")), number(candidate.get("macs"))
    score = number(candidate.get("validation_score"))
    return Candidate(
        status=status,
        mark=_MARKS.get(status, "○"),
        values=tuple(values),
        tflite="" if size is None else grouped(size),
        macs="" if macs is None else grouped(macs),
        score="" if score is None else f"{score:.4f}",
        reason=str(candidate.get("reason") or ""),
    )


register(Section(order=80, name="candidates", title="Candidates", build=build))
