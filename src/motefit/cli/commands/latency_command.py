"""``motefit latency``: latency of one model file by a published protocol."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import motefit
from motefit.cli.completion import complete_model
from motefit.cli.output import announce, encode, examples, out, print_json, tell

EXAMPLES = examples(
    "motefit latency up-down --protocol 2024",
)


def latency_command(
    model: Annotated[
        Path | None,
        typer.Argument(
            autocompletion=complete_model,
            help="Shipped model, bundle, .tflite, or zip of one. "
            "Default (2020 only): the front end alone.",
        ),
    ] = None,
    protocol: Annotated[
        Literal["motefit", "2020", "2024"],
        typer.Option(
            help="motefit: paired with a reference workload, no pause. 2020 and 2024: the steps "
            "and output lines of the published scripts of those years."
        ),
    ] = "motefit",
    rate: Annotated[
        int | None,
        typer.Option(min=1, metavar="HZ", help="Rate in Hz. Default: the card's, or 16000."),
    ] = None,
    mfcc: Annotated[
        bool, typer.Option("--mfcc", help="MFCCs instead of a resized spectrogram.")
    ] = False,
    resize: Annotated[
        int | None,
        typer.Option(help="Side of the resized spectrogram; 0: mel features. Default: 32."),
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="Samples in a frame. Default: the card's, or 640.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Samples between frames. Default: the card's, or 320.")
    ] = None,
    bins: Annotated[int | None, typer.Option(help="Mel bands. Default: the card's, or 40.")] = None,
    lower_frequency: Annotated[
        int | None, typer.Option(metavar="HZ", help="Lowest in Hz. Default: the card's, or 20.")
    ] = None,
    upper_frequency: Annotated[
        int | None, typer.Option(metavar="HZ", help="Highest in Hz. Default: the card's, or 4000.")
    ] = None,
    coeff: Annotated[
        int | None,
        typer.Option(help="MFCCs kept; 0: the log-mel bands. Default: the card's, or 10."),
    ] = None,
    pause: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds between two loops of a published protocol. Default: 0.1.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of LiteRT.")] = 1,
    builtin: Annotated[
        bool, typer.Option("--builtin", help="Builtin kernels instead of XNNPACK.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure front end and model by a protocol; needs neither a card nor TensorFlow.

    A bundle's card defines the front end, and options that contradict it are refused. For any
    other model the options define it, with the names and defaults of the published scripts.

    2020 prints means of 100 loops; the total includes resampling from 48 kHz:

        Inference Latency 0.12ms
        Total Latency 0.57ms

    2024 prints medians and standard deviations of the last 100 of 200 loops:

        Preprocessing Latency: 0.3 +/- 0.1ms
        Model Latency: 0.1 +/- 0.0ms
        Total Latency: 0.4 +/- 0.1ms

    motefit prints medians and 25th percentiles of 200 loops, and the total over the reference:

        Preprocessing Latency: 0.268ms, p25 0.261ms
        Model Latency: 0.123ms, p25 0.121ms
        Total Latency: 0.391ms, p25 0.383ms
        Total Latency p25: 3.120 x reference p25 0.123ms
    """
    flags = motefit.FrontEndFlags(
        rate=rate,
        mfcc=mfcc,
        resize=resize,
        length=length,
        stride=stride,
        bins=bins,
        lower_frequency=lower_frequency,
        upper_frequency=upper_frequency,
        coeff=coeff,
    )
    announce(f"timing {model or 'the front end'} by the protocol {protocol}")
    found = motefit.latency(
        model,
        flags=flags,
        protocol=protocol,
        pause_s=pause,
        threads=threads,
        xnnpack=not builtin,
    )
    if as_json:
        print_json({**encode(found), "lines": found.lines})
        return
    tell(found.setting)
    for line in found.lines:
        out.out(line, highlight=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("latency", epilog=EXAMPLES)(latency_command)
