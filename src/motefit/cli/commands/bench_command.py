"""``motefit bench``: models timed against each other, here or on a host."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from motefit.api.bench import bench, bench_on_host
from motefit.cli.output import escape, out, print_json
from motefit.measure.latency.bench_report import Bench, ModelTimes
from motefit.measure.latency.device_profile import DeviceProfile
from motefit.measure.latency.paired import ROUNDS, Latency
from motefit.measure.latency.remote import Host
from motefit.measure.machine import Machine
from motefit.spec.errors import RecipeError


def bench_command(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Bundles, .tflite files, or zips of one.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="Also time fixed workloads, and write them as a device profile (JSON)."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Run there over ssh: user@host, with Python and motefit.")
    ] = "",
    python: Annotated[
        str | None, typer.Option(help="The host's Python that has motefit. Default: python3.")
    ] = None,
    ssh: Annotated[
        str | None, typer.Option(help="The ssh command, with its own options. Default: ssh.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that the host may take. Default: 600.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads to compare with one. Default: 4, or all cores if fewer."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=4, help="Timed rounds of each run.")] = ROUNDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time models with XNNPACK and the builtin kernels, paired with a reference workload.

    With its card a model is timed with its front end, without one alone. States threads, kernels,
    governor and temperature, and says what is known to make a model slow.
    """
    if not models and profile is None:
        raise RecipeError("nothing to measure: give a model, or --profile FILE")
    wanted, given = profile is not None, tuple(models or ())
    ways = {"python": python, "ssh": ssh, "timeout_s": timeout}
    way: dict[str, Any] = {name: value for name, value in ways.items() if value is not None}
    if way and not host:
        raise RecipeError("--python, --ssh and --timeout need --host")
    if host:
        place = Host(address=host, **way)
        found = bench_on_host(place, given, threads=threads, rounds=rounds, profile=wanted)
    else:
        found = bench(given, threads=threads, rounds=rounds, profile=wanted)
    if profile is not None and found.profile is not None:
        found.profile.save(profile)
    if as_json:
        print_json(found)
    else:
        _print(found, profile)


def _print(found: Bench, profile: Path | None) -> None:
    out.print(_machine(found.before), soft_wrap=True)
    out.print(f"before: {escape(found.before.state)}", soft_wrap=True)
    out.print(f"after:  {escape(found.after.state)}", soft_wrap=True)
    if found.models:
        out.print(_times(found.models))
        out.print(
            "ms: 25th percentiles; total / reference repeats better than ms; kernels of several "
            "threads are XNNPACK, timed in a run of their own",
            soft_wrap=True,
        )
    for pitfall in found.pitfalls:
        out.print(f"[yellow]{escape(pitfall.model)}[/]: {escape(pitfall.text)}", soft_wrap=True)
    if found.profile is not None and profile is not None:
        out.print(_profile(found.profile), soft_wrap=True)
        out.print(f"wrote {escape(str(profile))}", soft_wrap=True)


def _machine(machine: Machine) -> str:
    return escape(
        f"{machine.processor}, {machine.cores} cores, {machine.architecture} "
        f"({machine.bits} bit), {machine.system}; {machine.versions}"
    )


def _times(models: tuple[ModelTimes, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("model", "bytes", "weights", "kernels", "threads"):
        table.add_column(title, justify="right" if title in {"bytes", "threads"} else "left")
    for title in ("front end", "model", "total", "/ reference"):
        table.add_column(title, justify="right")
    for times in models:
        head = (escape(times.name), str(times.tflite_bytes), times.precision)
        for latency in (times.xnnpack, times.builtin, times.many_threads):
            if latency is not None:
                table.add_row(*head, *_row(latency, has_frontend=times.has_frontend))
                head = ("", "", "")
    return table


def _row(latency: Latency, *, has_frontend: bool) -> tuple[str, ...]:
    return (
        latency.resolver,
        str(latency.threads),
        f"{latency.frontend_p25_ms:.3f}" if has_frontend else "-",
        f"{latency.inference_p25_ms:.3f}",
        f"{latency.total_p25_ms:.3f}",
        f"{latency.total_over_reference:.3f}",
    )


def _profile(profile: DeviceProfile) -> str:
    times = {"front end": profile.frontend_p25_ms, **profile.inference_p25_ms}
    return "profile: " + ", ".join(f"{name} {value:.3f} ms" for name, value in times.items())


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("bench")(bench_command)
