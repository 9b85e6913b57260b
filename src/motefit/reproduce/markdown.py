"""Markdown tables and figures of the pages that ``reproduce`` writes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from motefit.report.text import split_column, with_unit
from motefit.spec.metrics import MAE_PREFIX

Table = Mapping[str, Any]
NONE = "-"
_SHORT = {
    "accuracy": "accuracy",
    "size.tflite_bytes": "file",
    "size.zip_bytes": "zip",
    "latency.inference_ms": "inference",
    "latency.total_ms": "total",
    "latency.saving_percent": "saving",
}


def lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table in Markdown; all columns but the first are right-aligned.

    >>> print(lines(("row", "ms"), [("a", "1.5")]), end="")
    | row | ms |
    |---|---:|
    | a | 1.5 |
    """
    ruler = "|---" + "|---:" * (len(heads) - 1) + "|"
    return "\n".join([_cells(heads), ruler, *map(_cells, rows), ""])


def _cells(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def short_name(metric: str) -> str:
    """Abbreviate the name of a metric to a word, for the head of a column.

    >>> short_name("size.zip_bytes"), short_name("mae.T (degC)"), short_name("macs")
    ('zip', 'T', 'macs')
    """
    if metric.startswith(MAE_PREFIX):
        return split_column(metric[len(MAE_PREFIX) :])[0]
    return _SHORT.get(metric, metric)


def figure(metric: str, facts: Table) -> str:
    """Format a value with its unit; a dash if there is none.

    >>> figure("size.zip_bytes", {"size.zip_bytes": 20480.0}), figure("macs", {"macs": None})
    ('20.00 KB (20 480 B)', '-')
    """
    value = facts.get(metric)
    return NONE if value is None else with_unit(metric, value)


def short_figure(metric: str, facts: Table) -> str:
    """Format a value with its unit, without the bytes in parentheses.

    >>> short_figure("size.zip_bytes", {"size.zip_bytes": 20480.0})
    '20.00 KB'
    """
    return figure(metric, facts).split(" (")[0]


def listed(names: Iterable[str]) -> str:
    """Join names for a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('`a`', '`a`, `b` and `c`')
    """
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def span(values: Sequence[float], form: str) -> str:
    """Format the range of some values; a single figure if both ends read the same.

    >>> span([0.27, 0.374], ".0%"), span([1.0], "+.1f")
    ('27% to 37%', '+1.0')
    """
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"
