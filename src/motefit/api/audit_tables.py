"""Facts of an audit as tables: a row for each set, one for each word or column, and the rest."""

from collections.abc import Iterable, Mapping
from typing import Any

from motefit.report.text import phrase, plain
from motefit.spec.tables import Item, ResultTable, Styled

SETS = ("train", "validation", "test")
TITLES = {
    "subset_rows": "rows",
    "short": "padded",
    "long": "cropped",
    "duplicates_within": "repeated",
    "windows_left_out": "left out",
    "filled_inputs_percent": "held %",
    "filled_columns_percent": "held %",
    "duplicates_across": "validation and test clips that repeat an earlier clip",
    "shared_speakers": "speakers in both training and test set",
    "unlisted": "clips that no list names",
    "noise_seconds": "seconds of noise",
    "missing": "missing values",
    "unknown_speakers": "clips of unknown speakers",
}
"""Titles of facts that are no phrase by themselves."""
SAID = {
    "key", "listed_missing", "unused", "test_clips_shared", "test_shared_percent", "rows", "runs",
    "groups", "missing_rows", "filled_values", "rejects_dropped",
}  # fmt: skip
"""The data set's key, which nobody reads, and facts that a note states too."""
SENTENCES = {"notes": "note", "warnings": Styled("warning", "doubtful")}
"""Facts that are sentences, and the label printed before each."""
ROWS = {"words": "word", "clips": "word", "rejects": "reject", "windows_left_out": "left out"}
"""What the rows of a fact are, if they are not the columns of a table."""
COMMON = ("rates_hz", "channels", "encodings")
"""Facts of words that are usually alike in all of them."""

Columns = dict[str, Mapping[str, Any]]
"""By title, the cell of each row."""


def audit_tables(facts: Mapping[str, Any]) -> list[Item]:
    r"""Lay out the facts of an audit; a column or a fact that counts nothing is left out.

    >>> clips = {"train": {"go": 8, "up": 1200}}
    >>> facts = {"clips": clips, "clipped": {"train": 0}, "words": {}, "unlisted": 3}
    >>> print(*audit_tables(facts), sep="\n")
    set    clips
    train  1 208
    word  train
    go        8
    up    1 200
    clips that no list names: 3
    """
    by_set: Columns = {}
    by_name: dict[tuple[str, ...], Columns] = {}
    headings: dict[tuple[str, ...], str] = {}
    lines: list[Item] = []
    for key, value in facts.items():
        title = TITLES.get(key, phrase(key).lower())
        found: Columns = {}
        if key == "words":
            found = _recordings(value)
            lines += _alike(value)
        elif isinstance(value, Mapping) and value and set(value) <= set(SETS):
            by_set[title] = {name: _total(amount) for name, amount in value.items()}
            found = {name: inner for name, inner in value.items() if isinstance(inner, Mapping)}
        elif isinstance(value, Mapping) and value and key not in SAID:
            found = _ranges(title, value)
        elif key not in SENTENCES and key not in SAID and value:
            lines.append(f"{title}: {plain(value)}")
        names = tuple(dict.fromkeys(name for cells in found.values() for name in cells))
        by_name.setdefault(names, {}).update(found)
        headings.setdefault(names, ROWS.get(key, "column"))
    tables = [_table("set", by_set), *(_table(headings[n], by_name[n]) for n in by_name)]
    return [
        *(table for table in tables if table.rows and len(table.titles) > 1),
        *lines,
        *((label, f": {text}") for key, label in SENTENCES.items() for text in facts.get(key, ())),
    ]


def _table(first: str, columns: Columns) -> ResultTable:
    shown = {title: cells for title, cells in columns.items() if any(cells.values())}
    names = dict.fromkeys(name for cells in shown.values() for name in cells)
    return ResultTable(
        titles=(first, *shown),
        align="l" + "r" * len(shown),
        rows=[(name, *(plain(c.get(name, "")) for c in shown.values())) for name in names],
    )


def _total(amount: Any) -> Any:  # noqa: ANN401 - a number, or numbers by name
    return sum(amount.values()) if isinstance(amount, Mapping) else amount


def _ranges(title: str, value: Mapping[str, Any]) -> Columns:
    """Return one column, or two for pairs."""
    if any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value.values()):
        return {title: value}
    ends = zip(*value.values(), strict=True)
    return {
        name: dict(zip(value, end, strict=True))
        for name, end in zip(("smallest", "largest"), ends, strict=True)
    }


def _recordings(words: Mapping[str, Mapping[str, Any]]) -> Columns:
    """Return how the clips of each word were recorded."""
    columns: Columns = {
        "length s": {word: _length(facts) for word, facts in words.items()},
        "dBFS": {word: f"{facts['level_dbfs']:.1f}" for word, facts in words.items()},
        "up to Hz": {word: round(facts["bandwidth_hz"]) for word, facts in words.items()},
    }
    for key, title in {"shorter": "padded", "longer": "cropped", "clipped": "clipped",
                       "unused": "not used"}.items():  # fmt: skip
        columns[title] = {word: facts[key] for word, facts in words.items()}
    for key in COMMON:
        if not _is_common(words.values(), key):
            columns[phrase(key).lower()] = {word: _kinds(f[key]) for word, f in words.items()}
    return columns


def _length(facts: Mapping[str, Any]) -> str:
    shortest, median, longest = (facts[f"{name}_ms"] / 1000 for name in ("min", "median", "max"))
    return f"{median:.2f}" if shortest == longest else f"{shortest:.2f}..{longest:.2f}"


def _alike(words: Mapping[str, Mapping[str, Any]]) -> list[Item]:
    """Say once what is the same in the recordings of all words."""
    facts = next(iter(words.values()), None)
    if facts is None:
        return []
    units = dict(zip(COMMON, (" Hz", " channel", ""), strict=True))
    alike = [next(iter(facts[k])) + units[k] for k in COMMON if _is_common(words.values(), k)]
    return [f"all clips: {', '.join(alike)}"] if alike else []


def _is_common(words: Iterable[Mapping[str, Any]], key: str) -> bool:
    return len({name for facts in words for name in facts[key]}) == 1


def _kinds(counts: Mapping[str, int]) -> str:
    """List values with their counts, without the count if all clips are alike."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{value} ({plain(count)})" for value, count in counts.items())
