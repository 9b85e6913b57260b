"""Table of the trials, as Markdown."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

Row = Mapping[str, Any]
HEAD = (
    "| technique | form | raw | zip | {metrics} | latency XNNPACK | builtin |\n"
    "|---|---|--:|--:|{bars}--:|--:|"
)


def markdown(rows: Sequence[Row], made: Mapping[str, Any]) -> str:
    """Render all rows, averaged over seeds; latency relative to float32 with the same seed."""
    parts = ["# Compression techniques, on the files that ship\n"]
    parts.append(
        f"Written by `{made['command']}`, commit {made['commit'] or 'unknown'}, "
        f"on {made['machine']}, one thread a process.\n"
    )
    parts.append(
        "Bytes are those of `model.tflite` and of a zip that holds it alone. Metrics are measured "
        "on the file, in LiteRT: on the validation set / on the test set, by which nothing was "
        "chosen. Latency is one inference over the plain float32 network's, measured in turns. "
        "Where there are several seeds, means; the spread is largest minus smallest on the test "
        "set. `form` is read from the file.\n"
    )
    for net in dict.fromkeys(row["net"] for row in rows):
        own = [row for row in rows if row["net"] == net]
        examples = ", ".join(f"{n} in {part}" for part, n in made["examples"][net].items())
        parts.append(f"## {net}\n\nExamples: {examples}.\n")
        parts.append(_table("Alone", [r for r in own if len(r["parts"]) < 2]))
        parts.append(_table("In pairs", [r for r in own if len(r["parts"]) == 2]))
        parts.append(_refusals(own))
    return "\n".join(part for part in parts if part)


def _table(title: str, rows: Sequence[Row]) -> str:
    done = [row for row in rows if "refused" not in row]
    if not done:
        return ""
    metrics = [name for name in done[0]["test"] if name == "accuracy" or name.startswith("mae.")]
    head = HEAD.format(metrics=" | ".join(metrics) + " | spread", bars="--:|" * (len(metrics) + 1))
    lines = [f"### {title}\n", head]
    names = dict.fromkeys(row["name"] for row in done)
    lines += [_line(name, [r for r in done if r["name"] == name], metrics) for name in names]
    return "\n".join(lines) + "\n"


def _line(name: str, rows: Sequence[Row], metrics: Sequence[str]) -> str:
    def average(key: str) -> str:
        return f"{mean(row[key] for row in rows):.0f}"

    cells = [f"{name} ({len(rows)} seeds)" if len(rows) > 1 else name, rows[0]["precision"]]
    cells += [average("raw_bytes"), average("zip_bytes")]
    for metric in metrics:
        values = [mean(row[part][metric] for row in rows) for part in ("validation", "test")]
        cells.append(" / ".join(_figure(metric, value) for value in values))
    test = [row["test"][metrics[0]] for row in rows]
    cells.append(_figure(metrics[0], max(test) - min(test)) if len(rows) > 1 else "")
    for resolver in ("xnnpack", "builtin"):
        cells.append(f"{mean(row['latency'][resolver] for row in rows):.2f}")
    return "| " + " | ".join(cells) + " |"


def _figure(metric: str, value: float) -> str:
    return f"{100 * value:.2f} %" if metric == "accuracy" else f"{value:.4f}"


def _refusals(rows: Sequence[Row]) -> str:
    told = {row["name"]: row["refused"] for row in rows if "refused" in row}
    if not told:
        return ""
    lines = [f"- {name}: {reason}" for name, reason in told.items()]
    return "\n".join(["### Refused\n", *lines]) + "\n"
