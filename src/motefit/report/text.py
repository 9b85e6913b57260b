"""Formatting of words and numbers: names of metrics, units, aligned digits.

Any table of evidence becomes rows of words (:func:`rows`) where a section has no drawing for it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from motefit.spec.metrics import (
    COVERAGE_PREFIX,
    ESTIMATE_PREFIX,
    FALSE_ACCEPTS,
    FLASH,
    MAE_PREFIX,
    MISS_RATE,
    RECALL_MIN,
    RECALL_PREFIX,
    SILENCE_ANSWERED,
    SKILL_PREFIX,
    STREAM_LATENCY,
    UNKNOWN_ANSWERED,
    WORDS_REJECTED,
    board_of,
    format_value,
    grouped,
)

_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    RECALL_MIN: "Lowest recall of a word",
    WORDS_REJECTED: "Words rejected",
    UNKNOWN_ANSWERED: "Other speech answered",
    SILENCE_ANSWERED: "Other sound answered",
    "size.tflite_bytes": "Model file",
    "size.zip_bytes": "Model file, zipped",
    "latency.frontend_ms": "Latency, front end",
    "latency.inference_ms": "Latency, inference",
    "latency.total_ms": "Latency, total",
    "latency.saving_percent": "Latency saved",
    "ram.arena_bytes": "RAM, tensor arena",
    "macs": "Multiply-accumulates",
    FLASH: "Flash, estimated",
    FALSE_ACCEPTS: "False accepts",
    MISS_RATE: "Missed words",
    STREAM_LATENCY: "From a word's end to its report",
}
_WORDS = {
    "frontend": "front end",
    "p25": "25th percentile",
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "macs": "multiply-accumulates",
    "n": "examples",
}
_SPELLINGS = {"degC": "°C", "degF": "°F", "degK": "K"}
_COLUMN = re.compile(r"\s*(.*?)\s*\(([^()]*)\)\s*")


def metric_name(name: str) -> str:
    """Return a metric's name in words, e.g. ``Mean absolute error, rh``.

    >>> metric_name("mae.rh (%)"), metric_name("size.zip_bytes")
    ('Mean absolute error, rh', 'Model file, zipped')
    >>> metric_name("skill.rh (%)"), metric_name("recall.up"), metric_name("recall.min")
    ('Skill against persistence, rh', 'Recall, up', 'Lowest recall of a word')
    """
    if name.startswith(MAE_PREFIX):
        return f"Mean absolute error, {split_column(name[len(MAE_PREFIX) :])[0]}"
    if name.startswith(SKILL_PREFIX):
        column = split_column(name[len(SKILL_PREFIX) :])[0]
        return f"Skill against persistence, {column}"
    if name.startswith(COVERAGE_PREFIX):
        return f"Inside the quantiles, {split_column(name[len(COVERAGE_PREFIX) :])[0]}"
    if name.startswith(RECALL_PREFIX) and name not in _NAMES:
        return f"Recall, {name[len(RECALL_PREFIX) :]}"
    if name.startswith(ESTIMATE_PREFIX):
        return f"Inference on {board_of(name)}, estimated"
    return _NAMES.get(name, name)


def metric_unit(name: str) -> str:
    """Return the unit that :func:`motefit.spec.metrics.format_value` omits: a column's own."""
    return split_column(name[len(MAE_PREFIX) :])[1] if name.startswith(MAE_PREFIX) else ""


def percent(fraction: float) -> str:
    """Format a fraction like an accuracy.

    >>> percent(0.995)
    '99.50 %'
    """
    return format_value("accuracy", fraction)


def with_unit(name: str, value: float) -> str:
    """Format a metric's value, with the column's unit if it has one.

    >>> with_unit("mae.T (degC)", 0.2651), with_unit("latency.total_ms", 0.213)
    ('0.2651 °C', '0.213 ms')
    """
    return f"{format_value(name, value)} {metric_unit(name)}".strip()


def split_column(column: str) -> tuple[str, str]:
    """Split a column title that ends in a unit in parentheses into name and unit.

    >>> split_column("T (degC)"), split_column("pressure")
    (('T', '°C'), ('pressure', ''))
    """
    match = _COLUMN.fullmatch(column)
    if match is None or not match[1]:
        return column, ""
    return match[1], _SPELLINGS.get(match[2], match[2])


def inside(name: str) -> str:
    """Adapt a name to the middle of a sentence; abbreviations keep their capitals.

    >>> inside("Model file"), inside("RAM, tensor arena"), inside("T")
    ('model file', 'RAM, tensor arena', 'T')
    """
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def phrase(key: str) -> str:
    """Turn a key into words: ``shared_speaker_clips`` becomes ``Shared speaker clips``.

    >>> phrase("shared_speaker_clips"), phrase("inference_ms"), phrase("used_bytes")
    ('Shared speaker clips', 'Inference, ms', 'Used, bytes')
    """
    stem, comma, unit = re.sub(r"_(ms|hz|bytes|percent|seconds)$", r", \1", key).partition(", ")
    words = " ".join(_WORDS.get(word, word) for word in stem.split("_")) + comma + unit
    return words[:1].upper() + words[1:]


def plain(value: object) -> str:
    """Format any scalar: whole numbers in groups of three, others with four significant digits.

    >>> plain(12595), plain(0.98765432), plain(True), plain("x"), plain((1, 2.5))
    ('12 595', '0.9877', 'yes', 'x', '1, 2.5')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return grouped(value)
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "not a number"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return str(value)


def shortened(text: str, length: int) -> str:
    """Shorten a text with an ellipsis.

    >>> shortened("least squares", 8)
    'least s…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


LONGEST_LIST = 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fact: its name in words and its formatted value."""

    name: str
    value: str


def rows(facts: Mapping[str, object], *, under: str = "") -> tuple[Row, ...]:
    """Make one row per scalar or list; rows of a nested table get its name as a prefix.

    >>> rows({"arena_bytes": 5000, "range": {"T (degC)": (-12.5, 31)}})
    (Row(name='Arena, bytes', value='5 000'), Row(name='Range: T (degC)', value='-12.5, 31'))
    """
    found: list[Row] = []
    for key, value in facts.items():
        words = phrase(str(key))
        name = f"{under}: {inside(words) if '_' in str(key) else key}" if under else words
        if isinstance(value, Mapping):
            found.extend(rows(value, under=name))
        elif value is not None and value != "" and value != () and value != []:
            found.append(Row(name=name, value=_text(value)))
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, list | tuple) and len(value) > LONGEST_LIST:
        return f"{plain(value[:LONGEST_LIST])}, … ({len(value)} in all)"
    return plain(value)
