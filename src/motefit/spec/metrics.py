"""Metrics that a budget can bound: name, unit, and whether higher or lower is better."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from motefit.spec.boards import find_board
from motefit.spec.codec import nearest
from motefit.spec.column_names import column_name
from motefit.spec.errors import RecipeError

WORDS_REJECTED = "words_rejected"
"""Share of the clips of words whose likeliest label is a reject class."""
UNKNOWN_ANSWERED = "unknown_answered"
"""Share of the windows of other speech whose likeliest label is a word."""
SILENCE_ANSWERED = "silence_answered"
"""Share of the windows of sound without speech whose likeliest label is a word."""

Unit = Literal["fraction", "percent", "bytes", "ms", "count", "column", "per hour"]

UNIT_FACTORS: dict[str, dict[str, float]] = {
    "fraction": {"": 1.0, "%": 0.01},
    "percent": {"": 1.0, "%": 1.0},
    "bytes": {"": 1.0, "B": 1.0, "KB": 1024.0, "kB": 1024.0, "MB": 1024.0 * 1024.0},
    "ms": {"": 1.0, "ms": 1.0, "us": 0.001, "s": 1000.0},
    "count": {"": 1.0, "k": 1e3, "M": 1e6},
    "column": {"": 1.0},
    "per hour": {"": 1.0, "per hour": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measurable property of a model file.

    Attributes:
        name: as written in a budget, e.g. ``"size.zip_bytes"``.
        unit: of its value; ``"column"`` is the unit of the predicted column itself.
        higher_is_better: whether a bound is a lower bound.
        before_training: whether the value is known before any training.
        quality: whether it is measured on data, by the task; otherwise every model file has it.
        estimated: whether it is computed for a machine that is not here, not measured.
    """

    name: str
    unit: Unit
    higher_is_better: bool = False
    before_training: bool = False
    quality: bool = False
    estimated: bool = False


STREAM_PREFIX = "stream."
"""Metrics of a model that listens to long recordings."""
FALSE_ACCEPTS = f"{STREAM_PREFIX}false_accepts_per_hour"
MISS_RATE = f"{STREAM_PREFIX}miss_rate"
STREAM_LATENCY = f"{STREAM_PREFIX}latency_ms"
"""From the end of a word to its report, in time of the sound: it is the same on every machine."""
STREAM_METRICS = (FALSE_ACCEPTS, MISS_RATE, STREAM_LATENCY)
FLASH = "flash_bytes"
"""Flash of the generated C, counted without a compiler."""
ESTIMATE_PREFIX, ESTIMATE_SUFFIX = "estimate.", "_ms"
"""Around the name of a board: one inference of the network there."""
_METRICS = {
    m.name: m
    for m in (
        Metric(name="accuracy", unit="fraction", higher_is_better=True, quality=True),
        Metric(name="balanced_accuracy", unit="fraction", higher_is_better=True, quality=True),
        Metric(name=WORDS_REJECTED, unit="fraction", quality=True),
        Metric(name=UNKNOWN_ANSWERED, unit="fraction", quality=True),
        Metric(name=SILENCE_ANSWERED, unit="fraction", quality=True),
        Metric(name="size.tflite_bytes", unit="bytes", before_training=True),
        Metric(name="size.zip_bytes", unit="bytes"),
        Metric(name="latency.frontend_ms", unit="ms"),
        Metric(name="latency.inference_ms", unit="ms"),
        Metric(name="latency.total_ms", unit="ms"),
        Metric(name="latency.saving_percent", unit="percent", higher_is_better=True),
        Metric(name="ram.arena_bytes", unit="bytes", before_training=True),
        Metric(name=FLASH, unit="bytes", before_training=True, estimated=True),
        Metric(name="macs", unit="count", before_training=True),
        Metric(name=FALSE_ACCEPTS, unit="per hour", quality=True),
        Metric(name=MISS_RATE, unit="fraction", quality=True),
        Metric(name=STREAM_LATENCY, unit="ms", quality=True),
    )
}
METRIC_NAMES = tuple(_METRICS)
"""Those without a column, word or board in their name; :data:`PATTERNS` are the others."""
MAE_PREFIX = "mae."
SKILL_PREFIX = "skill."
COVERAGE_PREFIX = "coverage."
"""Share of true values between the lowest and the highest quantile of their forecasts."""
RECALL_PREFIX = "recall."
RECALL_MIN = f"{RECALL_PREFIX}min"
"""The lowest recall of all words; a word called "min" has no recall of its own."""
PATTERNS = (
    f"{MAE_PREFIX}<column>",
    f"{SKILL_PREFIX}<column>",
    f"{COVERAGE_PREFIX}<column>",
    f"{RECALL_PREFIX}<word>",
    f"{ESTIMATE_PREFIX}<board>{ESTIMATE_SUFFIX}",
)
"""One metric for every column, word or board."""
TIMING_PREFIX = "latency."
"""Metrics that differ from machine to machine and from run to run."""


def metric(name: str) -> Metric:
    """Look up a metric; those of :data:`PATTERNS` exist for every column or word.

    Raises:
        RecipeError: for an unknown name.
    """
    if name in _METRICS:
        return _METRICS[name]
    kind, dot, rest = name.partition(".")
    prefix = kind + dot
    if prefix == MAE_PREFIX and rest:
        return Metric(name=name, unit="column", quality=True)
    if prefix in {SKILL_PREFIX, COVERAGE_PREFIX, RECALL_PREFIX} and rest:
        return Metric(name=name, unit="fraction", higher_is_better=True, quality=True)
    if prefix == ESTIMATE_PREFIX and name.endswith(ESTIMATE_SUFFIX):
        if name not in PATTERNS:
            find_board(board_of(name))
        return Metric(name=name, unit="ms", before_training=True, estimated=True)
    kinds = {pattern.partition(".")[0]: pattern for pattern in PATTERNS}
    meant = "" if kind in kinds else nearest(name, _METRICS)
    if not meant and (near := nearest(kind, kinds)):
        meant = next(near.replace(k, pattern) for k, pattern in kinds.items() if repr(k) in near)
    allowed = ", ".join([*_METRICS, *PATTERNS])
    raise RecipeError(f"unknown metric {name!r}{meant}; allowed: {allowed}")


def metric_name(name: str) -> str:
    """Return the name of a metric as it is compared: its column or word is composed (NFC).

    >>> metric_name("mae. T\u00a0(\u200bdegC)"), metric_name("recall.fu\u0308nf") == "recall.fünf"
    ('mae.T (degC)', True)
    """
    kind, dot, rest = name.partition(".")
    if kind + dot in {MAE_PREFIX, SKILL_PREFIX, COVERAGE_PREFIX}:
        return f"{kind}.{column_name(rest)}"
    return unicodedata.normalize("NFC", name)


def board_of(name: str) -> str:
    """Return the board in the name of an estimate.

    >>> board_of("estimate.nano-33-ble_ms")
    'nano-33-ble'
    """
    return name.removeprefix(ESTIMATE_PREFIX).removesuffix(ESTIMATE_SUFFIX)


def is_estimate(name: str) -> bool:
    """Return whether a metric is computed for a machine that is not here, not measured.

    >>> is_estimate("flash_bytes"), is_estimate("estimate.pico_ms"), is_estimate("macs")
    (True, True, False)
    """
    return metric(name).estimated


def is_among(name: str, names: Iterable[str]) -> bool:
    """Return whether a name is one of the names, or matches one that ends in a placeholder.

    >>> is_among("recall.up", ["accuracy", "recall.<word>"]), is_among("recall.", ["recall.<word>"])
    (True, False)
    """
    return any(
        name == known
        or (known in PATTERNS and name.startswith(stem := known.partition("<")[0]) and name != stem)
        for known in names
    )


def grouped(value: float) -> str:
    """Format a count with spaces between thousands.

    >>> grouped(1234567)
    '1 234 567'
    """
    return f"{round(value):,}".replace(",", " ")


def format_value(name: str, value: float) -> str:
    """Format a value for display, e.g. ``98.5 %``, ``12.3 KB (12 595 B)``, ``0.21 ms``."""
    unit = metric(name).unit
    if unit == "fraction":
        return f"{100 * value:.2f} %"
    if unit == "bytes":
        whole = f"{grouped(value)} B"
        return f"{value / 1024:.2f} KB ({whole})" if value >= 10_240 else whole
    if unit == "ms":
        return f"{value:.3f} ms"
    if unit == "percent":
        return f"{value:.1f} %"
    if unit == "count":
        return grouped(value)
    if unit == "per hour":
        return f"{value:.2f} per hour"
    return f"{value:.4g}"


COSTS: Mapping[str, str] = {
    "tflite_bytes": "size.tflite_bytes",
    "zip_bytes": "size.zip_bytes",
    "total_ms": "latency.total_ms",
    "macs": "macs",
}
"""Metrics of the costs that tables of models show, by their keys in the rows of a report."""
TITLES = {
    "size.tflite_bytes": "bytes",
    "size.zip_bytes": "zip bytes",
    "latency.total_ms": "ms",
    "macs": "MACs",
    FLASH: "flash bytes",
}
"""Titles of the columns of the usual costs."""


def column_title(name: str) -> str:
    """Return the title of a metric's column in a table.

    >>> column_title("size.zip_bytes"), column_title("mae.T (degC)"), column_title("recall.up")
    ('zip bytes', 'T (degC)', 'recall.up')
    """
    return TITLES.get(name, name.removeprefix(MAE_PREFIX))


def column_value(name: str, value: float) -> str:
    """Format a value for a column whose title says its unit; a percentage keeps its sign.

    >>> column_value("size.tflite_bytes", 64132), column_value("latency.total_ms", 0.5631)
    ('64 132', '0.563')
    >>> column_value("accuracy", 0.96), column_value("mae.T (degC)", 0.25371)
    ('96.00 %', '0.2537')
    """
    unit = metric(name).unit
    if unit in {"bytes", "count"}:
        return grouped(value)
    return f"{value:.3f}" if unit == "ms" else format_value(name, value)
