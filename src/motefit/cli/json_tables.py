"""Conversion of results to JSON tables, for programs."""

from typing import TYPE_CHECKING, Any

from motefit.spec.codec import encode

if TYPE_CHECKING:
    from motefit import (
        Card,
        Certificate,
        CheckResult,
        CSource,
        FitResult,
        InGraphExport,
        Release,
        StreamCheck,
        StreamingExport,
    )


def verdict_json(card: "Card", certificate: "Certificate") -> dict[str, Any]:
    """Return facts, evidence and verdicts as a table."""
    return {
        "met": certificate.met,
        "certificate": encode(certificate),
        "facts": dict(card.facts),
        "evidence": encode(card.evidence),
        "model_sha256": card.model_sha256,
    }


def check_json(result: "CheckResult") -> dict[str, Any]:
    """Return a check as a table: the verdict, and the differences from the card."""
    return {
        **verdict_json(result.card, result.certificate),
        "met": result.met,
        "differences": None if result.differences is None else encode(result.differences),
        "same_data": result.same_data,
        "scope": result.scope,
        **({"label_order": result.label_order} if result.label_order else {}),
        **({} if result.c_source is None else {"c_source": encode(result.c_source)}),
        "report": None if result.report is None else str(result.report),
    }


def stream_json(result: "StreamCheck") -> dict[str, Any]:
    """Return a check of long recordings as a table."""
    return {
        "met": result.met,
        "certificate": encode(result.certificate),
        "facts": dict(result.facts),
        "evidence": encode(result.evidence),
        "decision": encode(result.decision),
    }


def form_json(done: "InGraphExport | StreamingExport") -> dict[str, Any]:
    """Return an exported form of a model as a table, compared with its plain form."""
    table: dict[str, Any] = {"facts": dict(done.card.facts)}
    if done.certificate is not None:
        table = verdict_json(done.card, done.certificate)
    step_ms = getattr(done, "step_ms", None)
    return {
        **table,
        "bundle": str(done.bundle),
        "agreement": encode(done.agreement),
        "proven": done.agreement.proven,
        "plain_tflite_bytes": done.plain_bytes,
        "latency": encode(done.latency),
        **({} if step_ms is None else {"step_ms": step_ms}),
    }


def c_source_json(source: "CSource") -> dict[str, Any]:
    """Return generated C source as a table: its folder, memory and files."""
    return {
        "name": source.name,
        "target": source.target,
        "folder": str(source.folder),
        "arena_bytes": source.arena_bytes,
        "arena_optimal": source.arena_optimal,
        "table_bytes": source.table_bytes,
        "files": list(source.files),
    }


def fit_json(result: "FitResult") -> dict[str, object]:
    """Return a run as a table: its verdict, and those of all budgets if there are several."""
    table: dict[str, object] = {
        "met": result.met,
        "folder": str(result.folder),
        "already_done": result.already_done,
        "screened": result.screened,
        "rejected": dict(result.rejected),
    }
    tables = {name: _release(released) for name, released in result.releases.items()}
    for name, form in result.in_graph.items():
        tables[name]["in_graph"] = form_json(form)
    if tables:
        table |= next(iter(tables.values()))
    if len(tables) > 1:
        table |= {"met": result.met, "budgets": tables}
    if result.nearest_miss is not None:
        table["nearest_miss"] = {
            "candidate": result.nearest_miss.candidate.title,
            "reason": result.nearest_miss.reason,
        }
    return table


def _release(released: "Release") -> dict[str, object]:
    table = verdict_json(released.card, released.certificate)
    return {**table, "bundle": str(released.bundle), "report": str(released.report)}
