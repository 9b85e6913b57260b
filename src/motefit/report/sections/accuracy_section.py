"""Accuracy: the interval, the confusion matrix, recall per word, naive baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.charts import Tick, tick_text, ticks
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import percent
from motefit.report.verdict import accuracy_bound
from motefit.spec.certificate import AccuracyEvidence
from motefit.spec.metrics import grouped

LEFT, WIDTH = 24.0, 420.0


@dataclass(frozen=True, kw_only=True)
class Strip:
    """An interval on an axis of percent; positions are pixels of a drawing ``WIDTH`` wide."""

    value: float
    low: float
    high: float
    bound: float | None
    ticks: tuple[Tick, ...]
    description: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the confusion matrix; ``share`` is its percentage of the row's clips."""

    count: int
    share: int
    right: bool


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """All answers to one spoken word; ``recall`` is empty if it was not stored."""

    label: str
    cells: tuple[Cell, ...]
    recall: str


@dataclass(frozen=True, kw_only=True)
class AccuracyView:
    """Contents of the section; ``methods`` are (name, accuracy) of this model and baselines."""

    accuracy: str
    counted: tuple[str, str] | None
    interval: tuple[str, str] | None
    unseen: str
    strip: Strip | None
    labels: tuple[str, ...]
    matrix: tuple[MatrixRow, ...]
    has_recall: bool
    turned: bool
    recall: tuple[tuple[str, str], ...]
    methods: tuple[tuple[str, str], ...]


def build(facts: ReportFacts) -> AccuracyView | None:
    """Make the view; None if no accuracy was measured."""
    topic = facts.topic("accuracy")
    value = number(facts.card.facts.get("accuracy"))
    if value is None:
        return None
    counted = facts.certificate.accuracy
    recalls = {
        str(label): share
        for label, recall in table(topic.get("recall")).items()
        if (share := number(recall)) is not None
    }
    labels = tuple(str(label) for label in getattr(facts.card.io, "labels", ()) or recalls)
    matrix = _matrix(topic.get("confusion"), labels, recalls)
    return AccuracyView(
        accuracy=percent(value),
        counted=None if counted is None else (grouped(counted.correct), grouped(counted.n)),
        interval=None if counted is None else (percent(counted.low), percent(counted.high)),
        unseen=_unseen(topic, counted),
        strip=None
        if counted is None
        else _strip(value, counted, accuracy_bound(facts.certificate)),
        labels=labels,
        matrix=matrix,
        has_recall=any(row.recall for row in matrix),
        turned=len(labels) > 6 and max(map(len, labels), default=0) > 3,
        recall=() if matrix else tuple((k, percent(v)) for k, v in recalls.items()),
        methods=_methods(facts, value),
    )


def _unseen(topic: Mapping[str, object], counted: AccuracyEvidence | None) -> str:
    """Format the accuracy on speakers who are not in training; empty if not on the card."""
    if "unseen_speakers" not in topic or counted is None:
        return ""
    unseen = counted.unseen_speakers
    if unseen is None:
        return "speakers unknown"
    if not unseen.n:
        return f"none of the {grouped(counted.n)} test clips"
    return (
        f"{percent(unseen.correct / unseen.n)}, {grouped(unseen.correct)} of {grouped(unseen.n)} "
        f"test clips right; 95 % interval {percent(unseen.low)} to {percent(unseen.high)}"
    )


def _methods(facts: ReportFacts, value: float) -> tuple[tuple[str, str], ...]:
    baselines = tuple(
        (str(name), percent(accuracy))
        for name, result in facts.topic("baselines").items()
        if (accuracy := number(table(result).get("accuracy"))) is not None
    )
    return (("this model", percent(value)), *baselines) if baselines else ()


def _strip(value: float, counted: AccuracyEvidence, bound: float | None) -> Strip:
    low, high = counted.low, counted.high
    marks = [value, low, high, *([] if bound is None else [bound])]
    axis = [t for t in ticks(100 * min(marks), 100 * max(marks), most=6) if 0 <= t <= 100]
    first, last = axis[0], axis[-1]

    def at(share: float) -> float:
        inner = (100 * share - first) / (last - first) if last > first else 0.5
        return round(LEFT + inner * (WIDTH - 2 * LEFT), 1)

    words = f"Accuracy {percent(value)}, 95 % interval {percent(low)} to {percent(high)}"
    if bound is not None:
        words += f", bound {percent(bound)}"
    return Strip(
        value=at(value),
        low=at(low),
        high=at(high),
        bound=None if bound is None else at(bound),
        ticks=tuple(
            Tick(at=at(t / 100), text=f"{text} %")
            for t, text in zip(axis, tick_text(axis), strict=True)
        ),
        description=words,
    )


def _matrix(
    confusion: object, labels: Sequence[str], recalls: Mapping[str, float]
) -> tuple[MatrixRow, ...]:
    rows = [numbers(row) for row in confusion] if isinstance(confusion, list | tuple) else []
    if not rows or len(rows) != len(labels) or any(len(row) != len(labels) for row in rows):
        return ()
    return tuple(
        MatrixRow(
            label=label,
            cells=tuple(
                Cell(count=int(n), share=_share(n, sum(row)), right=i == j)
                for j, n in enumerate(row)
            ),
            recall=percent(recalls[label]) if label in recalls else "",
        )
        for i, (label, row) in enumerate(zip(labels, rows, strict=True))
    )


def _share(count: float, total: float) -> int:
    return round(100 * count / total) if total else 0


SECTIONS.register("accuracy", Section(order=20, name="accuracy", title="Accuracy", build=build))
