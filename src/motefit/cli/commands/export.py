"""``motefit export``: the same network in another form of file."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from motefit.cli.output import out, print_json
from motefit.cli.progress import open_progress
from motefit.cli.verdict import print_verdict, verdict_table
from motefit.pipeline.export import Exported, export_in_graph
from motefit.spec.codec import encode

FORMS = {"in-graph": export_in_graph}


def export_command(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    frontend: Annotated[
        Literal["in-graph"],
        typer.Option(help="in-graph: raw samples in, scores out, one .tflite."),
    ],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Bundle to write. Default: MODEL-audio.zip.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of words: accuracy is measured and the budget certified. Left out: size, "
            "latency, and agreement with the plain form on generated sound."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put the front end of a keyword model into its file, and measure what ships.

    Exit code 0: written, and with --data the budget is met; 1: not met; 2: something to mend.
    """
    form = FORMS[frontend]
    target = out_file or model.with_name(f"{model.stem}-audio.zip")
    with open_progress() as listener:
        done = form(model, target, data=data, listener=listener)
    if as_json:
        print_json(_facts(done))
    else:
        _print(done)
    raise typer.Exit(0 if done.certificate is None or done.certificate.met else 1)


def _facts(done: Exported) -> dict[str, object]:
    table = {"facts": dict(done.card.facts)}
    if done.certificate is not None:
        table = verdict_table(done.card, done.certificate)
    return {
        **table,
        "bundle": str(done.bundle),
        "agreement": encode(done.agreement),
        "plain_tflite_bytes": done.plain_bytes,
        "latency": encode(done.latency),
    }


def _print(done: Exported) -> None:
    if done.certificate is not None:
        print_verdict(done.card, done.certificate)
    table = Table(box=None, pad_edge=False)
    for title in ("", "bytes", "front end ms", "inference ms", "total ms"):
        table.add_column(title, justify="right" if title else "left")
    sizes = {"plain": done.plain_bytes}
    for name, times in done.latency.items():
        size = sizes.get(name, int(done.card.facts["size.tflite_bytes"]))
        row = (times.frontend_p25_ms, times.inference_p25_ms, times.total_p25_ms)
        table.add_row(name, str(size), *(f"{value:.3f}" for value in row))
    out.print(table)
    found = done.agreement
    out.print(
        f"{found.same_label} of {found.clips} clips have the same label in both forms; "
        f"probabilities differ by {found.probability_difference:.4f} at most, features by "
        f"{found.feature_difference:.1e} ({found.exceeding} of {found.features} by more than 1e-4)",
        soft_wrap=True,
    )
    out.print(f"wrote {done.bundle}", soft_wrap=True, markup=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export")(export_command)
