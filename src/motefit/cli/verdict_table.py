"""How a certificate looks in a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from motefit.certify.check import CheckResult
from motefit.certify.facts import is_quality
from motefit.cli.output import escape, out
from motefit.search.screening import Screened
from motefit.spec.card import Card
from motefit.spec.certificate import AccuracyEvidence, Certificate
from motefit.spec.codec import encode
from motefit.spec.metrics import MAE_PREFIX, RECALL_MIN, RECALL_PREFIX, format_value

MARKS = {
    "pass": "[green]pass[/]",
    "fail": "[bold red]FAIL[/]",
    "not measured": "[yellow]not measured[/]",
    "not judged": "[yellow]not judged[/]",
}

MOST_RESERVATIONS = 4
"""In the line of the verdict; report and certificate have all."""


def print_verdict(card: Card, certificate: Certificate) -> None:
    """Print facts, verdicts and what the data can carry."""
    table = Table(box=None, pad_edge=False)
    for title in ("metric", "bound", "measured", "verdict"):
        table.add_column(title, justify="right" if title in {"bound", "measured"} else "left")
    bounded = {line.metric for line in certificate.lines}
    for line in certificate.lines:
        note = f" ({escape(line.reason)})" if line.reason else ""
        table.add_row(escape(line.metric), line.bound, line.measured, MARKS[line.verdict] + note)
    for name, value in sorted(card.facts.items()):
        if name not in bounded and (name == RECALL_MIN or not name.startswith(RECALL_PREFIX)):
            table.add_row(f"[dim]{escape(name)}[/]", "", f"[dim]{format_value(name, value)}[/]", "")
    for name, row in _baselines(card):
        table.add_row(f"[dim]{escape(name)}[/]", "", f"[dim]{row}[/]", "[dim]baseline[/]")
    out.print(table)
    if certificate.accuracy is not None:
        out.print(f"accuracy: {_accuracy(certificate.accuracy)}", soft_wrap=True)
        for text in _unseen(card, certificate.accuracy):
            out.print(text, soft_wrap=True)
    for text in _spread(card):
        out.print(text, soft_wrap=True)
    for text in _about_data(card):
        out.print(text, soft_wrap=True)
    out.print(
        f"[bold {_color(certificate)}]{escape(verdict_words(certificate))}[/]", soft_wrap=True
    )


def verdict_words(certificate: Certificate) -> str:
    """The verdict in one line, with what speaks against the model.

    For example ``budget met, but no better than persistence (T (degC) 0.41 against 0.33)``.
    """
    words = _outcome(certificate)
    found = certificate.reservations
    if not found:
        return words
    more = f"; and {len(found) - MOST_RESERVATIONS} more" if len(found) > MOST_RESERVATIONS else ""
    but = "but" if certificate.met else "and"
    return f"{words}, {but} {'; '.join(found[:MOST_RESERVATIONS])}{more}"


def _outcome(certificate: Certificate) -> str:
    if certificate.met:
        return "budget met"
    if _too_busy(certificate):
        return "budget not judged: the machine was too busy"
    return "budget not met"


def _too_busy(certificate: Certificate) -> bool:
    """Whether nothing but the load of the machine keeps the budget from being met."""
    return {line.verdict for line in certificate.lines} - {"pass"} == {"not judged"}


def _color(certificate: Certificate) -> str:
    """Green is for what is good without a "but"."""
    if not certificate.met:
        return "yellow" if _too_busy(certificate) else "red"
    return "yellow" if certificate.weaknesses else "green"


def _baselines(card: Card) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    baselines = card.evidence.get("baselines")
    for name, facts in baselines.items() if isinstance(baselines, Mapping) else ():
        if "accuracy" in facts:
            rows.append((f"accuracy, {name}", format_value("accuracy", facts["accuracy"])))
        rows.extend(
            (f"{MAE_PREFIX}{column}, {name}", format_value(f"{MAE_PREFIX}{column}", value))
            for column, value in facts.get("mae", {}).items()
        )
    return rows


def _spread(card: Card) -> list[str]:
    """Mean and spread over seeds of each quality, on the test set."""
    seeds: Any = card.evidence.get("seeds")
    if not isinstance(seeds, Mapping) or seeds["n"] < 2:
        return []
    return [
        f"{escape(name)} over {seeds['n']} seeds: mean {format_value(name, moments['mean'])}, "
        f"deviation {format_value(name, moments['sd'])}, {format_value(name, moments['min'])} to "
        f"{format_value(name, moments['max'])}"
        for name, moments in seeds["test"].items()
        if is_quality(name)
    ]


def _accuracy(evidence: AccuracyEvidence) -> str:
    text = (
        f"{evidence.correct} of {evidence.n} test clips; 95 % interval "
        f"{100 * evidence.low:.2f}..{100 * evidence.high:.2f} %"
    )
    if evidence.confidence is not None:
        text += f"; the bound is {evidence.confidence}"
    if evidence.confidence == "met, not shown at 95 %" and evidence.clips_to_show:
        text += f" ({evidence.clips_to_show} clips at this accuracy would show it)"
    return text


def _unseen(card: Card, evidence: AccuracyEvidence) -> list[str]:
    """Accuracy on clips of speakers who are not in training, where the card speaks of it."""
    topic: Any = card.evidence.get("accuracy")
    if "unseen_speakers" not in topic:
        return []
    start, unseen = "accuracy on speakers who are not in training: ", evidence.unseen_speakers
    if unseen is None:
        return [start + "speakers unknown"]
    if not unseen.n:
        return [start + f"none of the {evidence.n} test clips"]
    counted = f"{unseen.correct} of {unseen.n} test clips"
    limits = f"{100 * unseen.low:.2f}..{100 * unseen.high:.2f} %"
    return [f"{start}{100 * unseen.correct / unseen.n:.2f} %, {counted}; 95 % interval {limits}"]


def _about_data(card: Card) -> list[str]:
    """What the audit says of the data, warnings last."""
    data = card.evidence.get("data")
    audit: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    return [
        *(f"data: {escape(str(text))}" for text in audit.get("notes", ())),
        *(f"[yellow]warning[/]: {escape(str(text))}" for text in audit.get("warnings", ())),
    ]


def print_obstacle(nearest: Screened, rejected: Mapping[str, int], *, judged: int) -> None:
    """Say that nothing fits, which bounds are in the way, and what came nearest."""
    out.print(f"[bold red]no candidate can meet the budget[/] ({judged} judged, none trained)")
    for name, count in rejected.items():
        out.print(f"missed by {count}: {escape(name)}")
    out.print(f"nearest: {escape(nearest.candidate.title)}: {escape(nearest.reason)}")


def print_differences(result: CheckResult) -> None:
    """Say whether the card told the truth."""
    if result.differences is None:
        out.print("no card to compare with: these figures are the first")
        return
    if not result.same_data:
        out.print(
            "[yellow]other data than the card's[/]: accuracy and errors were measured on them, and "
            "not compared with the card",
            soft_wrap=True,
        )
    elif not result.differences:
        digits = " to one part in a million" if result.rounded else " exactly"
        out.print(f"every size, accuracy and error of the card was reproduced{digits}")
    for item in result.differences:
        measured = "nothing" if item.measured is None else format_value(item.metric, item.measured)
        out.print(
            f"[bold red]differs[/] {escape(item.metric)}: the card says "
            f"{format_value(item.metric, item.stated)}, measured {measured}",
            soft_wrap=True,
        )


def verdict_table(card: Card, certificate: Certificate) -> dict[str, Any]:
    """The same for programs."""
    return {
        "met": certificate.met,
        "certificate": encode(certificate),
        "facts": dict(card.facts),
        "evidence": encode(card.evidence),
        "model_sha256": card.model_sha256,
    }
