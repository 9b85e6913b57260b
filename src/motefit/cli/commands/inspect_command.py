"""``motefit inspect``: what is in a .tflite file, made here or elsewhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from motefit.api.layer_parity import parity as compare
from motefit.cli.output import escape, out, print_json
from motefit.measure.claims import Claims, read_claims
from motefit.measure.parity import Parity
from motefit.measure.ram import Ram, measure_ram
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError
from motefit.spec.metrics import format_value
from motefit.tflite.inspect import Inspection
from motefit.tflite.model import ModelFile
from motefit.tflite.validate import validate

DIFFERS = 1


def inspect_command(
    model: Annotated[Path, typer.Argument(help=".tflite file, or a zip that holds one.")],
    parity: Annotated[
        str,
        typer.Option(
            metavar="DATA|random",
            help="Compare each layer with LiteRT's builtin kernels: on random inputs, a .npy file "
            "of inputs, or the data of a model with its card. Exit code 1 where one differs.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where the bytes of a model file go, what is in it, and what one run costs."""
    file = ModelFile.from_path(model)
    found, claims = file.inspection, read_claims(file)
    ram = measure_ram(file)
    problem = _problem(file.data)
    compared = compare(model, parity) if parity else None
    if as_json:
        print_json(
            {
                **encode(found),
                "claims": encode(claims),
                "arena": encode(ram),
                "problem": problem,
                **({"parity": encode(compared)} if compared is not None else {}),
            }
        )
    else:
        _print(model, found, claims, ram, problem)
        if compared is not None:
            _print_parity(compared)
    if compared is not None and compared.first is not None:
        raise typer.Exit(DIFFERS)


def _problem(data: bytes) -> str:
    """What the verifier finds wrong with a file that could be read all the same; empty: nothing."""
    try:
        validate(data)
    except ModelFileError as error:
        return str(error)
    return ""


def _print(model: Path, found: Inspection, claims: Claims, ram: Ram, problem: str) -> None:
    out.print(
        f"[bold]{escape(str(model))}[/]: {format_value('size.tflite_bytes', found.size_bytes)}"
    )
    out.print(
        f"{found.parameters} parameters ({100 * found.sparsity:.1f} % zero), "
        f"{format_value('macs', found.macs)} multiply-accumulates a run"
    )
    out.print(f"weights: {'; '.join(claims.techniques) or claims.precision}")
    if problem:
        out.print(f"[red]not sound:[/] {escape(problem)}")
    arena = f"{ram.arena_bytes} bytes" if ram.arena_bytes is not None else ram.method
    out.print(f"arena of TensorFlow Lite Micro: {escape(arena)}")
    for title, tensors in (("in ", found.inputs), ("out", found.outputs)):
        for tensor in tensors:
            shape = "x".join(map(str, tensor.shape))
            out.print(f"{title} {tensor.dtype} {shape} {escape(tensor.name)}".rstrip())
    out.print(_bytes(found))
    out.print(_operations(found))
    out.print(_weights(claims))


def _table(title: str, *columns: str, left: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right")
    return table


def _bytes(found: Inspection) -> Table:
    table = _table("where the bytes go", "part", "bytes", "share", left=("part",))
    for part, count in sorted(found.bytes_by_part.items(), key=lambda item: -item[1]):
        if count:
            table.add_row(part, str(count), f"{100 * count / found.size_bytes:.1f} %")
    return table


def _operations(found: Inspection) -> Table:
    columns = ("operation", "version", "output", "type", "MACs")
    table = _table("operations", *columns, left=("operation", "output", "type"))
    for op in found.ops:
        dtype = found.tensors[op.outputs[0]].dtype if op.outputs else ""
        shape = "x".join(map(str, op.shape))
        table.add_row(op.name, str(op.version), shape, dtype, str(op.macs))
    return table


def _weights(claims: Claims) -> Table:
    columns = ("operation", "form", "shape", "channels", "bits", "scales", "zero", "distinct")
    table = _table("weights", *columns, left=("operation", "form", "shape"))
    for weight in claims.weights:
        shape = "x".join(map(str, weight.shape))
        zero = f"{100 * weight.zeros / max(weight.size, 1):.1f} %"
        numbers = (weight.channels, weight.bits, weight.scales)
        place = f"{weight.place} {weight.operator}"
        row = (place, weight.form, shape, *map(str, numbers), zero, str(weight.distinct))
        table.add_row(*row)
    return table


def _print_parity(compared: Parity) -> None:
    columns = ("layer", "output", "numbers", "differ", "at most")
    table = _table("against LiteRT's builtin kernels", *columns, left=("layer", "output"))
    for layer in compared.layers:
        shape = "x".join(map(str, layer.shape))
        most = f"{layer.greatest:.0f} steps" if layer.exact else f"{layer.greatest:.1e}"
        style = "red" if layer.differing else ""
        counts = (str(layer.numbers), str(layer.differing))
        table.add_row(layer.name, shape, *counts, most, style=style)
    out.print(table)
    if compared.first is None:
        out.print(f"all layers agree on {compared.examples} examples")
    else:
        out.print(f"[red]the first layer that differs is {compared.first}[/]")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("inspect")(inspect_command)
