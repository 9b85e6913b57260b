"""``motefit inspect``: what is in a .tflite file, made here or elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from motefit.cli.output import escape, out, print_json
from motefit.spec.metrics import format_value
from motefit.tflite.archive import read_model
from motefit.tflite.inspect import Inspection
from motefit.tflite.inspect import inspect as take_apart


def inspect_command(
    model: Annotated[Path, typer.Argument(help=".tflite file, or a zip that holds one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the bytes of a model file go, its operations, and what one run costs."""
    found = take_apart(read_model(model))
    if as_json:
        print_json(found)
        return
    out.print(
        f"[bold]{escape(str(model))}[/]: {format_value('size.tflite_bytes', found.size_bytes)}"
    )
    out.print(
        f"{found.parameters} parameters ({100 * found.sparsity:.1f} % zero), "
        f"{format_value('macs', found.macs)} multiply-accumulates a run"
    )
    for title, tensors in (("in ", found.inputs), ("out", found.outputs)):
        for tensor in tensors:
            shape = "x".join(map(str, tensor.shape))
            out.print(f"{title} {tensor.dtype} {shape} {escape(tensor.name)}".rstrip())
    out.print(_bytes(found))
    out.print(_operations(found))


def _bytes(found: Inspection) -> Table:
    table = Table(box=None, pad_edge=False, title="where the bytes go", title_justify="left")
    table.add_column("part")
    table.add_column("bytes", justify="right")
    table.add_column("share", justify="right")
    for part, count in sorted(found.bytes_by_part.items(), key=lambda item: -item[1]):
        if count:
            table.add_row(part, str(count), f"{100 * count / found.size_bytes:.1f} %")
    return table


def _operations(found: Inspection) -> Table:
    table = Table(box=None, pad_edge=False, title="operations", title_justify="left")
    for title in ("operation", "version", "output", "type", "MACs"):
        table.add_column(title, justify="right" if title in {"version", "MACs"} else "left")
    for op in found.ops:
        dtype = found.tensors[op.outputs[0]].dtype if op.outputs else ""
        shape = "x".join(map(str, op.shape))
        table.add_row(op.name, str(op.version), shape, dtype, str(op.macs))
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("inspect")(inspect_command)
