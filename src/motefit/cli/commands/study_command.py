"""``motefit study``: look at studies; ``motefit dashboard``: look at one in a browser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from motefit.api.studies import export_study, find_studies, open_dashboard
from motefit.certify.facts import is_summary
from motefit.cli.output import escape, out, print_json
from motefit.search.trial import Trial
from motefit.spec.codec import encode
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import format_value

if TYPE_CHECKING:
    from motefit.search.storage import StoredStudy

study_app = typer.Typer(no_args_is_help=True, help="Look at the studies of runs and storages.")

Sources = Annotated[
    list[str] | None,
    typer.Argument(help="Folders of runs, or URLs of storages. Default: runs."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SHOWN = ("size.tflite_bytes", "size.zip_bytes", "latency.total_ms", "macs")
"""Costs in a table; beside them, all qualities."""


@study_app.command("list")
def list_command(sources: Sources = None, as_json: AsJson = False) -> None:
    """One line per study: how many candidates ended in which state, and the best."""
    studies = find_studies(sources or ["runs"])
    if as_json:
        print_json([_summary(study) for study in studies])
        return
    table = _table("study", "candidates", "best candidate", "its file")
    for study in studies:
        counts = ", ".join(f"{count} {status}" for status, count in study.counts.items())
        best = study.best
        row = ("", "") if best is None else (_point(best), _facts(best.facts))
        table.add_row(escape(study.name), counts, *map(escape, row))
    out.print(table)


@study_app.command()
def show(
    source: Annotated[str, typer.Argument(help="Folder of a run, or URL of a storage.")],
    name: Annotated[str, typer.Option(help="Of the study, where there are several.")] = "",
    top: Annotated[int, typer.Option(min=1, help="Candidates shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The candidates of a study, the best first."""
    study = _one(source, name)
    records = _ranked(study)
    if as_json:
        print_json({**_summary(study), "records": [encode(record) for record in records]})
        return
    out.print(f"{escape(study.name)} in {escape(study.folder)}", soft_wrap=True)
    table = _table("candidate", "became", "epochs", "file, on the validation set", "why")
    for record in records[:top]:
        table.add_row(
            escape(_point(record)), record.status, str(record.epochs),
            escape(_facts(record.facts)), escape(record.reason),
        )  # fmt: skip
    out.print(table)
    if len(records) > top:
        out.print(f"and {len(records) - top} more: --top {len(records)} shows all")


@study_app.command()
def compare(
    sources: Annotated[list[str], typer.Argument(help="Folders of runs, or URLs of storages.")],
    as_json: AsJson = False,
) -> None:
    """Studies side by side: candidates, epochs, and the best file of each."""
    studies = find_studies(sources)
    if as_json:
        print_json([_summary(study) for study in studies])
        return
    names = dict.fromkeys(
        name for s in studies if s.best for name in s.best.facts if _is_shown(name)
    )
    table = _table("", *(escape(study.name) for study in studies))
    for label, status in (("trained to the end", "trained"), ("stopped at a rung", "stopped"),
                          ("rejected before training", "rejected")):  # fmt: skip
        table.add_row(label, *(str(study.counts.get(status, 0)) for study in studies))
    table.add_row("epochs", *(str(sum(r.epochs for r in s.records)) for s in studies))
    for name in names:
        table.add_row(escape(name), *(_best_value(study, name) for study in studies))
    out.print(table)


@study_app.command()
def export(
    source: Annotated[str, typer.Argument(help="Folder of a run, or URL of a storage.")],
    out_path: Annotated[Path, typer.Option("--out", help="File: .csv or .json.")],
    name: Annotated[str, typer.Option(help="Of the study, where there are several.")] = "",
) -> None:
    """Write all candidates of a study to a file, one row each."""
    study = _one(source, name)
    export_study(study, out_path)
    out.print(f"{len(study.records)} candidates: {out_path}", soft_wrap=True)


def dashboard(
    source: Annotated[str, typer.Argument(help="Folder of a run, or URL of a storage.")],
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 8080,
) -> None:
    """Open optuna-dashboard on a study (extra: dashboard). Ctrl-C ends it."""
    open_dashboard(source, host=host, port=port)


def _one(source: str, name: str) -> "StoredStudy":
    studies = [s for s in find_studies([source]) if name in {"", s.name}]
    if len(studies) != 1:
        names = ", ".join(s.name for s in find_studies([source]))
        raise RecipeError(f"{source} has the studies {names}; choose one with --name")
    return studies[0]


def _ranked(study: "StoredStudy") -> Sequence[Trial]:
    """The best first, then by how far they came."""
    best = study.best
    order = ("trained", "stopped", "diverged", "lost", "rejected")
    return sorted(study.records, key=lambda r: (r is not best, order.index(r.status), r.place))


def _summary(study: "StoredStudy") -> Mapping[str, object]:
    return {
        "study": study.name,
        "folder": study.folder,
        "candidates": study.counts,
        "epochs": sum(record.epochs for record in study.records),
        "best": encode(study.best),
    }


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _point(record: Trial) -> str:
    return ", ".join(
        f"{k.removeprefix('model.')} {_value(v)}" for k, v in sorted(record.point.items())
    )


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _facts(facts: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {format_value(k, v)}" for k, v in sorted(facts.items()) if _is_shown(k))


def _is_shown(name: str) -> bool:
    return is_summary(name) or name in SHOWN


def _best_value(study: "StoredStudy", name: str) -> str:
    best = study.best
    return format_value(name, best.facts[name]) if best and name in best.facts else ""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(study_app, name="study")
    app.command()(dashboard)
