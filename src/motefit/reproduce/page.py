"""The page ``results.md``: a pure function of ``results.json``, so that a test can compare them."""

from collections.abc import Mapping, Sequence
from typing import Any

from motefit.report.text import metric_name
from motefit.reproduce.markdown import NONE, Table, figure, lines, short_figure, short_name
from motefit.reproduce.page_latency import latency_section
from motefit.reproduce.page_summary import summary
from motefit.spec.budget import Bound, Budget
from motefit.spec.metrics import MAE_PREFIX

SUBSETS = ("train", "validation", "test")
SAVING = "latency.saving_percent"
SIZES = ("size.tflite_bytes", "size.zip_bytes")
HEAD = """\
# Results: the published systems, and motefit's answers

<!-- Written by motefit reproduce from results.json; do not edit. -->

Five reports on the same family of problems, rebuilt row by row, and the budgets they had to meet,
each answered by a shipped recipe. `motefit reproduce` trains missing rows, checks the shipped files
against the budgets and writes this page. `motefit recipes R4.final` prints one row as a
recipe, and `motefit fit R4.final --data DATA` trains it alone.

- *Published* are the reports' own figures: on their machines, with files of TensorFlow's converter,
  climate for the years 2009 to 2016. *Rebuilt* is the same front end, network, training and
  compression with motefit's own writer, which is why its files are smaller. The comparison that
  counts is between rebuilt and motefit: one data set, one test set, one machine.
- Every figure is measured on the shipped file. Each run opened its test set once, after its last
  choice: see [what was opened when](#what-was-opened-when).
- 1 KB is 1024 bytes; a zip holds the model file alone. Published latencies are those of a Raspberry
  Pi. The others are medians for one example on one thread of this machine, in motefit's runtime;
  where a budget bounds a time, both sides were timed in one run. The comparison with the published
  pipelines in TensorFlow is [further down](#latency-beside-tensorflow).
- Measured on: {machines}.
- *Training* is the time of all epochs of all candidates of a run, on one thread of a busy machine.
- A bold figure misses its bound. `-`: not published, or not measured.

Trained so far: {rows} of {all_rows} rows, {answers} of {all_answers} answers.
"""


def page(table: Table) -> str:
    """Render the page as Markdown.

    Args:
        table: result of :func:`~motefit.reproduce.results.collect`.
    """
    runs = _runs(table)
    rows = [row for row in table["rows"].values() if not row["on_request"]]
    answers = table["answers"].values()
    head = HEAD.format(
        machines="; ".join(sorted({run["provenance"]["machine"] for run in runs.values()})) or NONE,
        rows=sum(row["run"] is not None for row in rows),
        all_rows=len(rows),
        answers=sum(run is not None for run in answers),
        all_answers=len(answers),
    )
    parts = [head, summary(table), "\n## Budgets\n\n", _summary(table["targets"])]
    parts += [_target(name, table) for name in table["targets"]]
    parts += [latency_section(table)]
    parts += [_system(name, table) for name in table["systems"]]
    return "".join([*parts, _reads(runs)])


def _runs(table: Table) -> dict[str, Any]:
    runs = {name: row["run"] for name, row in table["rows"].items()} | table["answers"]
    return {name: run for name, run in runs.items() if run is not None}


def _summary(targets: Table) -> str:
    rows = (
        (
            f"{name}: {target['note']}",
            _values(target["certificates"].get("rebuilt")),
            f"`{target['answer']}`",
            _values(target["certificates"].get("answer")),
            verdict_of(target["certificates"].get("answer")),
        )
        for name, target in targets.items()
    )
    return lines(("published budget", "rebuilt", "answer", "motefit's answer", "verdict"), rows)


def _values(certificate: Table | None) -> str:
    """List the measured values of the bounded metrics, in bold if they miss their bounds."""
    if certificate is None:
        return "not trained"
    said = []
    for line in certificate["lines"]:
        metric = line["metric"]
        text = f"{short_name(metric)} {short_figure(metric, {metric: line.get('value')})}"
        said.append(f"**{text}**" if line["verdict"] == "fail" else text)
    return ", ".join(said)


def verdict_of(certificate: Table | None) -> str:
    """Say whether a certificate is met.

    Args:
        certificate: certificate of one side of a budget; None if it is not trained.
    """
    if certificate is None:
        return "not trained"
    if not certificate["met"]:
        undecided = {"not measured", "not judged"}
        open_ = any(line["verdict"] in undecided for line in certificate["lines"])
        failed = any(line["verdict"] == "fail" for line in certificate["lines"])
        return "not all measured" if open_ and not failed else "**not met**"
    accuracy = certificate.get("accuracy") or {}
    shown = accuracy.get("confidence") in {None, "shown"}
    return "met" if shown else f"met; {accuracy['n']} clips cannot show it at 95 %"


def _target(name: str, table: Table) -> str:
    """Render one budget: its bounds, and the published, rebuilt and answering figures."""
    target = table["targets"][name]
    winner, answer = table["rows"][target["winner"]], table["answers"][target["answer"]]
    sides = {"rebuilt": winner["run"], "answer": answer}
    naive = _naive(answer) or _naive(winner["run"])
    facts = {
        s: {**_facts(run), **target["timed"].get(s, {}), **_saving(target, s)}
        for s, run in sides.items()
    }
    budget = Budget.from_table(target["budget"], where=name)
    bounds: dict[str, Bound | None] = {b.metric: b for b in budget.bounds}
    rows = []
    for metric, bound in (bounds | {s: None for s in SIZES if s not in bounds}).items():
        cells = [_measured(metric, facts[side], bound, run) for side, run in sides.items()]
        beside = [figure(metric, _as_facts(mae)) for mae in naive.values()]
        published = figure(metric, winner["figures"])
        rows.append((metric_name(metric), str(bound or ""), published, *cells, *beside))
    rest = [""] * len(naive)
    rows.append(("Training", "", "", *(_seconds(run) for run in sides.values()), *rest))
    verdicts = [verdict_of(target["certificates"].get(side)) for side in sides]
    rows.append(("Verdict", "", "", *verdicts, *rest))
    published = f"published: `{target['winner']}`"
    heads = ("", "bound", published, "rebuilt", f"motefit: `{target['answer']}`", *naive)
    note = _saved(target, winner["figures"])
    return f"\n### Budget {name}\n{target['note']}.\n\n{lines(heads, rows)}{note}"


def _facts(run: Table | None) -> dict[str, float]:
    """Return a run's facts without its own saving, which has another reference than the page's."""
    facts = {} if run is None else run["facts"]
    return {metric: value for metric, value in facts.items() if metric != SAVING}


def _saving(target: Table, side: str) -> dict[str, float]:
    percent = target["saved"].get("percent", {})
    return {SAVING: percent[side]} if side in percent else {}


def _saved(target: Table, published: Table) -> str:
    """Name the reference of a saving."""
    saved = target["saved"]
    if SAVING not in target["budget"]:
        return ""
    if not saved:
        return "\nThe saving is not measured: `motefit reproduce --reference PYTHON`.\n"
    return (
        f"\nThe saving is that of total latency by the protocol of {saved['protocol']} over "
        f"`{saved['reference']}` in TensorFlow, in the run of {_time(saved['run'])[:16]} UTC. With "
        f"the rebuilt file, TensorFlow itself saves {saved['percent']['tensorflow']:.1f} % "
        f"(published: {figure(SAVING, published)}).\n"
    )


def _time(stamp: str) -> str:
    """Format a time stamp to the second, for people."""
    return stamp[:19].replace("T", " ")


def _measured(metric: str, facts: Table, bound: Bound | None, run: Table | None) -> str:
    """Format a measured value with its interval, if any, in bold if it misses the bound."""
    text = figure(metric, facts)
    if metric == "accuracy" and run is not None:
        counts = run["evidence"]["accuracy"]
        text += f" ({100 * counts['low']:.1f} to {100 * counts['high']:.1f}, n = {counts['n']})"
    missed = bound is not None and metric in facts and not bound.holds(facts[metric])
    return f"**{text}**" if missed else text


def _as_facts(mae: Table) -> Table:
    return {f"{MAE_PREFIX}{column}": value for column, value in mae.items()}


def _naive(run: Table | None) -> Table:
    """Return the errors of the naive forecasts on the same rows, by name and column."""
    found: Table = {} if run is None else run["evidence"]["baselines"]
    return found


def _seconds(run: Table | None) -> str:
    return NONE if run is None else f"{run['seconds']:.0f} s"


def _system(name: str, table: Table) -> str:
    """Render all rows of a system, with the report's figures next to those measured here."""
    system = table["systems"][name]
    own = {n: row for n, row in table["rows"].items() if n.startswith(f"{name}.")}
    metrics = list(dict.fromkeys(m for row in own.values() for m in row["figures"]))
    choices = "".join(f"- {choice}\n" for choice in system["choices"])
    head = f"\n## {name}: {system['title']}\nChoices that the report leaves open:\n\n{choices}"
    rows = []
    naive: Table = {}
    for full, row in own.items():
        if row["run"] is not None and naive != _naive(row["run"]):
            naive = _naive(row["run"])
            rows += [(n, *_pairs(metrics, {}, _as_facts(mae)), "") for n, mae in naive.items()]
        facts = _facts(row["run"]) | _savings(table, full)
        seconds = "on request" if row["on_request"] and not row["run"] else _seconds(row["run"])
        title = f"`{full.removeprefix(f'{name}.')}`: {row['note']}"
        rows.append((title, *_pairs(metrics, row["figures"], facts), seconds))
    heads = [f"{short_name(m)}, {side}" for m in metrics for side in ("published", "rebuilt")]
    return f"{head}\n{lines(('row', *heads, 'training'), rows)}"


def _pairs(metrics: Sequence[str], published: Table, rebuilt: Table) -> list[str]:
    return [short_figure(metric, facts) for metric in metrics for facts in (published, rebuilt)]


def _savings(table: Table, row: str) -> dict[str, float]:
    """Return the saving of a row that won a budget which bounds it."""
    won = [target for target in table["targets"].values() if target["winner"] == row]
    return {metric: v for target in won for metric, v in _saving(target, "rebuilt").items()}


def _reads(runs: Mapping[str, Table]) -> str:
    """Render the runs' logs of opened data sets."""
    head = "\n## What was opened when\nUTC, from the runs' own logs, which also state why.\n\n"
    rows = []
    for name, run in runs.items():
        opened = [[r["at"] for r in run["reads"] if r["part"] == part] for part in SUBSETS]
        rows.append((f"`{name}`", *("<br>".join(map(_time, times)) for times in opened)))
    return head + lines(("run", *SUBSETS), rows)
