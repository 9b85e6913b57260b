"""``motefit codegen``: C source of a model."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.json_tables import c_source_json
from motefit.cli.output import examples, print_json, show, waiting

EXAMPLES = examples(
    "motefit codegen yes-no --out yes-no-c && make -C yes-no-c",
    "motefit codegen yes-no --target arduino --out ~/Arduino/libraries/motefit_yes_no",
)


def codegen_command(
    model: Annotated[
        Path,
        typer.Argument(
            autocompletion=complete_model,
            help="Name of a shipped model, bundle (.zip), or .tflite with its card.",
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="c99: any C99 compiler; cortex-m: with start-up and Makefile, runs in qemu; "
            "arduino: a library; zephyr: a module; tflm: for TensorFlow Lite Micro.",
        ),
    ] = "c99",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder to write. Default: MODEL-c, or MODEL-TARGET."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the C source of a model, with its front end, labels and a self-test.

    It has no dependencies, allocates nothing and computes what LiteRT's builtin kernels compute, to
    the last bit in int8. `motefit check --c` compares both on the test set. Other targets lay out
    the same source for a build system, or leave the network to TensorFlow Lite Micro.
    """
    with waiting(f"{model}: writing its C source"):
        source = motefit.generate_c(model, target=target, out=out_dir)
    if as_json:
        print_json(c_source_json(source))
    else:
        show(source)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("codegen", epilog=EXAMPLES)(codegen_command)
