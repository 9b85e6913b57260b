"""Printed form of a certificate."""

from collections.abc import Mapping
from typing import Any

from motefit.certify.facts import is_quality
from motefit.spec.card import Card
from motefit.spec.certificate import AccuracyEvidence, Certificate
from motefit.spec.metrics import (
    MAE_PREFIX,
    RECALL_MIN,
    RECALL_PREFIX,
    format_value,
    is_estimate,
)
from motefit.spec.tables import Item, ResultTable, Style, Styled, Text

STYLES: Mapping[str, Style] = {
    "pass": "good",
    "fail": "bad",
    "not measured": "doubtful",
    "not judged": "doubtful",
}

MOST_RESERVATIONS = 4
"""Maximum number of reservations in the verdict's line; report and certificate have all."""


def verdict_content(card: Card, certificate: Certificate) -> list[Item]:
    """List facts, verdicts, the statistical evidence, and the overall verdict in one line."""
    found: list[Item] = [_facts_table(card, certificate)]
    if certificate.accuracy is not None:
        found.append(f"accuracy: {_accuracy(certificate.accuracy)}")
        found += _unseen(card, certificate.accuracy)
    found += certificate.stream.sentences if certificate.stream is not None else ()
    found += [*_spread(card), *_about_data(card)]
    return [*found, Styled(verdict_words(certificate), _style(certificate))]


def _facts_table(card: Card, certificate: Certificate) -> ResultTable:
    rows: list[tuple[Text, ...]] = []
    bounded = {line.metric for line in certificate.lines}
    for line in certificate.lines:
        mark = Styled("FAIL" if line.verdict == "fail" else line.verdict, STYLES[line.verdict])
        note = f" ({line.reason})" if line.reason else ""
        rows.append((line.metric, line.bound, line.measured, (mark, note)))
    for name, value in sorted(card.facts.items()):
        if name not in bounded and (name == RECALL_MIN or not name.startswith(RECALL_PREFIX)):
            note = _dim("estimated") if is_estimate(name) else ""
            rows.append((_dim(name), "", _dim(format_value(name, value)), note))
    rows += [(_dim(name), "", _dim(value), _dim("baseline")) for name, value in _baselines(card)]
    return ResultTable(titles=("metric", "bound", "measured", "verdict"), align="lrrl", rows=rows)


def _dim(text: str) -> Styled:
    return Styled(text, "dim")


def verdict_words(certificate: Certificate) -> str:
    """Summarize the verdict in one line, with the reservations about the model.

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
    """Return whether only the load of the machine keeps the budget from being judged."""
    return {line.verdict for line in certificate.lines} - {"pass"} == {"not judged"}


def _style(certificate: Certificate) -> Style:
    """Choose the style of the verdict; a met budget with weaknesses is doubtful."""
    if not certificate.met:
        return "doubtful" if _too_busy(certificate) else "bad"
    return "doubtful" if certificate.weaknesses else "good"


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
    """List mean and spread over seeds of each quality, on the test set."""
    seeds: Any = card.evidence.get("seeds")
    if not isinstance(seeds, Mapping) or seeds["n"] < 2:
        return []
    return [
        f"{name} over {seeds['n']} seeds: mean {format_value(name, moments['mean'])}, "
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
    """List the accuracy on speakers who are not in training, if the card has it."""
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


def _about_data(card: Card) -> list[Text]:
    """List the notes of the audit on the data, warnings last."""
    data = card.evidence.get("data")
    audit: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    return [
        *(f"data: {text}" for text in audit.get("notes", ())),
        *((Styled("warning", "doubtful"), f": {text}") for text in audit.get("warnings", ())),
    ]
