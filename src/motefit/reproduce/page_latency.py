"""Latency section of ``results.md``: rows with words compared with the TensorFlow pipelines."""

from collections.abc import Sequence
from typing import Any

from motefit.reproduce.markdown import NONE, Table, lines, short_figure, short_name

PROTOCOLS = ("motefit", "2020", "2024")
SIDES = ("tensorflow", "rebuilt", "answer")
PROMISE = 0.1
"""Largest ratio of the answer's total latency to the reference's."""
QUIET_LOAD = 2.0
BUSY = (
    " The machine was busy, which slows TensorFlow most: on a quiet machine the ratios are higher."
)
TEXT = """
## Latency beside TensorFlow
Total latency in ms by motefit's protocol and by both published ones, three ways in one run on one
thread:

- *TensorFlow*, the reference: the rebuilt file after the published front end, as the published
  scripts run them (operations one by one, `tf.lite.Interpreter`; the mel matrix computed once).
- *Rebuilt*: the same file in motefit's runtime.
- *Answer*: motefit's answer for the same words.

2020: 100 loops, resampling from 48 kHz included, means. 2024: 200 loops, the first 100 dropped,
medians and standard deviations. motefit: the steps of 2024 without pauses. In each loop each of
the three runs once; in the published protocols a pause follows, shorter than the scripts' 0.1 s,
and the next run finds cold caches. *Ratio* is answer / TensorFlow for these
figures, *p25* the same for the 25th percentiles of those 100 loops: the verdict uses p25, because
other work on the machine interrupts the longer of two pipelines more often. *Published* are the
reports' own figures, on a Raspberry Pi. `-`: not measured. Other ways to measure gave other
figures: [decision 11](decisions/0011-latency-beside-tensorflow.md).
"""


def latency_section(table: Table) -> str:
    """Render the section as Markdown.

    Args:
        table: result of :func:`~motefit.reproduce.results.collect`.
    """
    latency = table["latency"]
    runs = "".join(_run(started, facts) for started, facts in latency["runs"].items())
    verdicts = "".join(f"- {protocol}: {verdict(table, protocol)}.\n" for protocol in PROTOCOLS)
    heads = ["row (answer)", "published", "TensorFlow", "rebuilt", "answer", "ratio", "p25"]
    words = {
        name: row
        for name, row in table["rows"].items()
        if row["answer"] and (name in latency["rows"] or not row["on_request"])
    }
    tables = ""
    for protocol in PROTOCOLS:
        rows = [
            _row(name, row, latency["rows"].get(name, {}).get(protocol, {}))
            for name, row in words.items()
        ]
        tables += f"\n### By the protocol {protocol}\n{lines(heads, rows)}"
    how = runs or "Not measured yet: `motefit reproduce --reference PYTHON`.\n"
    return f"{TEXT}\n{how}\n{_promise()}\n\n{verdicts}{tables}"


def ratios(table: Table, protocol: str) -> dict[str, float]:
    """Compute the answer's total latency relative to TensorFlow's by row; 25th percentiles."""
    return {
        name: ratio
        for name, entry in table["latency"]["rows"].items()
        if (ratio := _ratio(entry[protocol], "total_p25_ms")) is not None
    }


def verdict(table: Table, protocol: str) -> str:
    """Say whether the promised ratio holds in all rows."""
    found = ratios(table, protocol)
    if not found:
        return "not measured"
    worst = max(found, key=lambda name: found[name])
    missed = sum(ratio > PROMISE for ratio in found.values())
    most = f"the largest ratio is {found[worst]:.3f} (`{worst}`)"
    if not missed:
        return f"**met** in all {len(found)} rows; {most}"
    over = found[worst] - PROMISE
    return f"**missed** in {missed} of {len(found)} rows; {most}, {over:.3f} too much"


def _promise() -> str:
    return f"Total latency at most {PROMISE:g} of the reference's, by 25th percentiles:"


def _run(started: str, facts: Table) -> str:
    machine = facts["machine"]
    load = machine.get("load", 0.0)
    return (
        f"Run of {started[:16].replace('T', ' ')} UTC: {machine['processor']}, {machine['cores']} "
        f"cores, {machine['system']}, load {load:.1f} at the start; "
        f"{machine['versions']}; {facts['tensorflow']}; {facts['threads']} thread, "
        f"{facts['resolver']}; {facts['pipelines']} pipelines, pauses of "
        f"{facts['pause_s']:g} s, {facts['seconds']:.0f} s in all."
        f"{BUSY if load > QUIET_LOAD else ''}\n"
    )


def _row(name: str, row: Table, figures: Table) -> list[str]:
    return [
        f"`{name}` (`{row['answer']}`)",
        _published(row["figures"]),
        *(_total(figures.get(side)) for side in SIDES),
        *(_three(_ratio(figures, key)) for key in ("total_ms", "total_p25_ms")),
    ]


def _published(figures: Table) -> str:
    """Format the report's total latency, or else its inference latency."""
    names: Sequence[str] = [m for m in ("latency.total_ms", "latency.inference_ms") if m in figures]
    if not names:
        return NONE
    said = short_figure(names[0], figures)
    return said if names[0].endswith("total_ms") else f"{short_name(names[0])} {said}"


def _total(figures: Table | None) -> str:
    if figures is None:
        return NONE
    spread = f" ± {figures['total_std_ms']:.2f}" if "total_std_ms" in figures else ""
    return f"{figures['total_ms']:.2f}{spread}"


def _ratio(figures: Table, key: str) -> float | None:
    ours: Any = figures.get("answer")
    theirs: Any = figures.get("tensorflow")
    return ours[key] / theirs[key] if ours and theirs else None


def _three(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
