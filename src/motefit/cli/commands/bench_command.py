"""``motefit bench``: latency of models relative to each other, here or on a host."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import examples, given, out, print_json, show, waiting
from motefit.spec.errors import RecipeError

EXAMPLES = examples(
    "motefit bench up-down eight-words",
    "motefit bench up-down --host pi@raspberrypi",
)


def bench_command(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            autocompletion=complete_model,
            help="Shipped models, bundles, .tflite files, or zips of one.",
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also time fixed workloads, and write them as a device profile (JSON).",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="USER@HOST", help="Run over ssh on user@host, which needs Python and motefit."
        ),
    ] = "",
    python: Annotated[
        str | None,
        typer.Option(
            metavar="PYTHON", help="Python on the host that has motefit. Default: python3."
        ),
    ] = None,
    ssh: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="The ssh command, with options if needed. Default: ssh."
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Time limit for the host in seconds. Default: 600."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads to compare with one. Default: 4, or all cores if fewer."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=4, help="Timed rounds per run. Default: 200.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time models with XNNPACK and the builtin kernels, paired with a reference workload.

    A model with a card is timed with its front end, one without a card alone. The output states
    threads, kernels, governor and temperature, and known reasons why a model is slow.
    """
    if not models and profile is None:
        raise RecipeError("nothing to measure: give a model, or --profile FILE")
    way = given(python=python, ssh=ssh, timeout_s=timeout)
    how = given(threads=threads, rounds=rounds, profile=profile is not None)
    if way and not host:
        raise RecipeError("--python, --ssh and --timeout need --host")
    place = f" on {host}" if host else ""
    with waiting(f"timing {', '.join(map(str, models or ())) or 'this machine'}{place}"):
        if host:
            found = motefit.bench_on_host(motefit.Host(address=host, **way), models or (), **how)
        else:
            found = motefit.bench(models or (), **how)
    if profile is not None and found.profile is not None:
        found.profile.save(profile)
    if as_json:
        print_json(found)
        return
    show(found)
    if profile is not None:
        out.print(f"wrote {profile}", soft_wrap=True, markup=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("bench", epilog=EXAMPLES)(bench_command)
