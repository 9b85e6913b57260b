"""``motefit monitor``: a live node that logs sensors, switched by voice."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.output import announce, given, print_json, show


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def monitor_command(
    settings: Annotated[
        Path | None, typer.Argument(help="TOML file of settings; options replace what it says.")
    ] = None,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SENSOR",
            help="room, csv:FILE, battery, dht11:PIN or dht22:PIN; may be repeated. Default: room, "
            "a simulation.",
        ),
    ] = None,
    sink: Annotated[
        str | None,
        typer.Option(
            metavar="SINK",
            help="sqlite:FILE, csv:FOLDER, parquet:FOLDER, mqtt://BROKER/TOPIC or redis://HOST; "
            "mqtts and rediss encrypt. A password comes from MOTEFIT_SINK_PASSWORD. Default: "
            "sqlite:readings.db.",
        ),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Memory of the Redis server for this node, e.g. 50MB; the oldest readings are "
            "dropped. Default: as the sink says.",
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Seconds between two readings of a sensor. Default: 2."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Name of a shipped model, or bundle (.zip), that hears the words."
        ),
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="WORD", help="Word that switches logging on.")
    ] = None,
    off: Annotated[
        str | None, typer.Option(metavar="WORD", help="Word that switches logging off.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="on|off", help="State before the first word: on or off. Default: off."
        ),
    ] = None,
    microphone: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="SOURCE",
            help="As for motefit listen; a WAV file is processed as fast as possible. "
            "Default: the default microphone.",
        ),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="First part of the keys. Default: this machine's MAC."),
    ] = None,
    outbox: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="File in which readings wait for the sink. Default: outbox.db."
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve a status page; without a host to this machine only, otherwise with the "
            "token in MOTEFIT_STATUS_TOKEN.",
        ),
    ] = None,
    forecast: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Name of a shipped model, or bundle (.zip), that forecasts the readings.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Stop after this time; 0: never.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Log sensors to a store, switched on and off by two spoken words; what cannot be sent waits.

    Ends at Ctrl-C or SIGTERM, or when the sound ends: exit code 0; 2 if something cannot be used.
    """
    announce("opening the store and the sensors")
    result = motefit.monitor(
        settings,
        seconds=seconds,
        tell=_say,
        **given(
            sensors=sensor,
            sink=sink,
            retention=retention,
            every_s=every,
            model=model,
            on=on,
            off=off,
            start=start,
            microphone=microphone,
            node=node,
            outbox=outbox,
            status=status,
            forecast=forecast,
        ),
    )
    if as_json:
        print_json(result)
    else:
        show(result)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("monitor")(monitor_command)
