"""Data: the number of examples in each set, and what the sets share."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import Row, phrase, plain, rows
from motefit.spec.metrics import grouped

SUBSETS = ("train", "validation", "test")
WORD_COLUMNS = (
    "clips", "rate, Hz", "channels", "encoding", "length, s", "padded", "cropped", "level, dBFS",
    "clipped", "bandwidth, Hz", "not used",
)  # fmt: skip
_DRAWN = frozenset({"notes", "warnings", "words"})
_NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}


@dataclass(frozen=True, kw_only=True)
class PartCounts:
    """One row of the table: a number for each set; ``inner`` marks a subordinate row."""

    name: str
    values: tuple[str, ...]
    inner: bool


@dataclass(frozen=True, kw_only=True)
class WordRow:
    """Recording facts of one word, in the order of ``WORD_COLUMNS``."""

    word: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataView:
    """Contents of the section."""

    subsets: tuple[str, ...]
    counts: tuple[PartCounts, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    word_columns: tuple[str, ...] = ()
    words: tuple[WordRow, ...] = ()


def build(facts: ReportFacts) -> DataView | None:
    """Make the view; None if nothing is known about the data."""
    topic = facts.topic("data")
    if not topic:
        return None
    counts: list[PartCounts] = []
    own = {subset: topic[subset] for subset in SUBSETS if number(topic.get(subset)) is not None}
    if own:
        counts.append(_row("Examples", own))
    left: dict[str, object] = {}
    for key, value in topic.items():
        if _by_subset(value):
            counts.extend(_rows(key, table(value)))
        elif key == "part":
            left["scored_set"] = value
        elif key not in own and key not in _DRAWN and value != facts.card.provenance.data_sha256:
            left[key] = value
    return DataView(
        subsets=tuple(_NAMES[subset] for subset in SUBSETS),
        counts=tuple(counts),
        rows=rows(left),
        notes=_sentences(topic.get("notes")),
        warnings=_sentences(topic.get("warnings")),
        word_columns=WORD_COLUMNS,
        words=tuple(_word(word, table(facts)) for word, facts in table(topic.get("words")).items()),
    )


def _sentences(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _word(word: str, facts: Mapping[str, object]) -> WordRow:
    def count(key: str) -> str:
        value = number(facts.get(key))
        return "" if value is None else grouped(value)

    def seconds(key: str) -> str:
        return f"{(number(facts.get(key)) or 0) / 1000:.2f}"

    lengths = f"{seconds('median_ms')} ({seconds('min_ms')}..{seconds('max_ms')})"
    return WordRow(
        word=word,
        values=(
            count("clips"),
            _kinds(facts.get("rates_hz")),
            _kinds(facts.get("channels")),
            _kinds(facts.get("encodings")),
            lengths,
            count("shorter"),
            count("longer"),
            plain(facts.get("level_dbfs", "")),
            count("clipped"),
            count("bandwidth_hz"),
            count("unused"),
        ),
    )


def _kinds(value: object) -> str:
    """Format values with their counts; the count is left out if all clips are equal."""
    kinds = table(value)
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{kind} ({plain(count)})" for kind, count in kinds.items())


def _by_subset(value: object) -> bool:
    return bool(table(value)) and set(table(value)) <= set(SUBSETS)


def _rows(key: str, subsets: Mapping[str, object]) -> list[PartCounts]:
    """Make one row, or for counts by word in each set their sum and a row per word."""
    if not any(table(value) for value in subsets.values()):
        return [_row(phrase(key), subsets)]
    words = dict.fromkeys(str(word) for value in subsets.values() for word in table(value))
    sums = {p: sum(number(n) or 0 for n in table(v).values()) for p, v in subsets.items()}
    return [
        _row(phrase(key), sums),
        *(
            _row(word, {p: table(v).get(word) for p, v in subsets.items()}, inner=True)
            for word in words
        ),
    ]


def _row(name: str, subsets: Mapping[str, object], *, inner: bool = False) -> PartCounts:
    values = (number(subsets.get(subset)) for subset in SUBSETS)
    return PartCounts(
        name=name, values=tuple("" if n is None else plain(n) for n in values), inner=inner
    )


SECTIONS.register("data", Section(order=90, name="data", title="Data", build=build))
