"""``motefit data``: synthesize, fetch, record, cut and audit data."""

from pathlib import Path
from typing import Annotated

import typer

import motefit
from motefit.cli.output import (
    CHANNEL_HELP,
    announce,
    escape,
    examples,
    given,
    out,
    print_json,
    show,
    tell,
)
from motefit.spec.errors import RecipeError

data_app = typer.Typer(no_args_is_help=True, help="Synthesize, fetch, record, cut and audit data.")


@data_app.command(
    "synth",
    epilog=examples(
        "motefit data synth --words lights,music --clips 150 --out words",
        "motefit data synth --climate-days 365 --out climate.csv",
    ),
)
def synth_command(
    out_path: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Folder for the words, or CSV file for the climate series.",
        ),
    ],
    words: Annotated[
        str, typer.Option(metavar="WORDS", help="Comma-separated words to speak.")
    ] = "",
    clips: Annotated[int, typer.Option(min=1, help="Clips per word.")] = 200,
    climate_days: Annotated[
        int,
        typer.Option(
            min=0, metavar="DAYS", help="Instead of words: a climate series of this many days."
        ),
    ] = 0,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Length of the clips. Default: 1 s, or more if a word takes longer.",
        ),
    ] = None,
    near_words: Annotated[
        int,
        typer.Option(min=0, help="Clips of words that sound almost like yours, to be rejected."),
    ] = 0,
    sentences: Annotated[
        int, typer.Option(min=0, help="Sentences and other words, to be rejected.")
    ] = 0,
    rate: Annotated[
        int, typer.Option(metavar="HZ", help="Sampling rate in Hz of the clips.")
    ] = 16_000,
    accents: Annotated[
        str,
        typer.Option(
            metavar="VOICES",
            help="Comma-separated espeak-ng voices, e.g. de; default: English ones.",
        ),
    ] = "",
    synthesizers: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Comma-separated: espeak-ng, or espeak-ng,hibari (a neural voice).",
        ),
    ] = "espeak-ng",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="espeak-ng processes.")] = 1,
    add: Annotated[
        bool,
        typer.Option("--add", help="Add to a folder that is not empty; existing files are kept."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Synthesize spoken words (in a separate process) or a climate series."""
    announce(f"synthesizing {words or 'a climate series'} in {out_path}")
    made = motefit.synthesize(
        out_path,
        words=words,
        clips=clips,
        climate_days=climate_days,
        seconds=seconds,
        near_words=near_words,
        sentences=sentences,
        rate_hz=rate,
        accents=accents,
        synthesizers=synthesizers,
        seed=seed,
        workers=workers,
        add=add,
    )
    if not as_json:
        show(made)
    elif isinstance(made, motefit.ClimateReport):
        print_json({"path": str(made.path), "rows": made.rows, "gaps": made.gaps})
    else:
        print_json({**vars(made), "folder": str(made.folder)})


@data_app.command("fetch", epilog=examples("motefit data fetch mini-speech-commands --out data"))
def fetch_command(
    name: Annotated[str, typer.Argument(help="Name of the data set, e.g. mini-speech-commands.")],
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder to unpack into.")
    ],
    url: Annotated[
        str, typer.Option(metavar="URL", help="Address of the archive, e.g. of a mirror.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Download a published data set; downloads resume, and size and SHA-256 are checked."""
    announce(f"{name}: looking for it, then downloading what is missing")
    report = motefit.fetch(name, out_dir, url=url)
    if as_json:
        print_json({**vars(report), "path": str(report.path)})
    else:
        show(report)


@data_app.command(
    "audit",
    epilog=examples("motefit data audit FOLDER", "motefit data audit jena.csv --recipe climate-6"),
)
def audit_command(
    data: Annotated[Path, typer.Argument(help="Folder of words, or CSV file.")],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="Recipe whose data section says how to read and split. Default: all words of a "
            "folder, or the default columns of a CSV file.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find unusable files, and count what would make a score look better or worse than it is.

    Exit code 0: the data can be used; 1: some files cannot; 2: a mistake to fix.
    """
    announce(f"{data}: reading all of it")
    found = motefit.audit(data, recipe=recipe or None)
    if as_json:
        broken = [{"path": str(item.path), "problem": item.problem} for item in found.broken]
        print_json({"broken": broken, **found.facts})
    else:
        show(found)
    raise typer.Exit(1 if found.broken else 0)


@data_app.command("record")
def record_command(
    words: Annotated[str, typer.Option(metavar="WORDS", help="Comma-separated words to record.")],
    out_path: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for the word folders.")
    ],
    source: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="SOURCE",
            help="As for motefit listen: arecord:DEVICE, sounddevice:DEVICE, - for 16-bit PCM or "
            "WAV on standard input, or a file. Default: the default microphone.",
        ),
    ] = "",
    clips: Annotated[int, typer.Option(min=1, help="Clips of each word.")] = 10,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Length of a clip.")] = 1.0,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Name of the speaker; clips are named SPEAKER_nohash_NUMBER."
        ),
    ] = "",
    rate: Annotated[
        int,
        typer.Option(
            metavar="HZ", help="Sampling rate in Hz of a microphone, or of PCM without a header."
        ),
    ] = 16_000,
    channels: Annotated[
        int, typer.Option(min=1, help="Channels of PCM without a header, or to record.")
    ] = 1,
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help=CHANNEL_HELP)] = "auto",
    countdown: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="Seconds before each word.")
    ] = 2,
    attempts: Annotated[
        int, typer.Option(min=1, help="Bad takes in a row after which to give up.")
    ] = 5,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Seconds without sound after which to fail. Default: 5.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record words on your own microphone: prompts, counts down, checks and trims each take.

    A bad take is asked for again. After an interruption, the same command continues. Exit code 0:
    all clips are there; 1: the sound ended before; 2: a mistake to fix.
    """
    announce("opening the microphone")
    made = motefit.record(
        words,
        out_path,
        source=source,
        clips=clips,
        seconds=seconds,
        speaker=speaker,
        rate_hz=rate,
        channels=channels,
        channel=channel,
        countdown=countdown,
        attempts=attempts,
        tell=tell,
        **given(wait_s=wait),
    )
    if as_json:
        print_json({**vars(made), "folder": str(made.folder)})
    else:
        show(made)
    raise typer.Exit(1 if made.missing else 0)


@data_app.command("cut")
def cut_command(
    recordings: Annotated[
        list[Path] | None, typer.Argument(help="Long recordings, with --list.")
    ] = None,
    list_path: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="CSV file to write the words that were found into."
        ),
    ] = None,
    words: Annotated[
        str,
        typer.Option(
            metavar="WORDS", help="With --list: comma-separated words as they are said, in turn."
        ),
    ] = "",
    table: Annotated[
        Path | None,
        typer.Option(
            "--apply", metavar="FILE", help="CSV file that you have checked and completed."
        ),
    ] = None,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="With --apply: folder for the word folders."),
    ] = None,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Length of a clip.")] = 1.0,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Name of the speaker; clips are named SPEAKER_nohash_NUMBER."
        ),
    ] = "",
    channel: Annotated[str, typer.Option(metavar="CHANNEL", help=CHANNEL_HELP)] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the words in long recordings, list them for you to confirm, and write clips.

    First: motefit data cut RECORDING --list cuts.csv. Then fill in the column word, write no into
    keep where it is none, and: motefit data cut --apply cuts.csv --out words.
    """
    announce("reading the recordings")
    if list_path is not None and recordings and table is None:
        count = motefit.list_cuts(recordings, list_path, words=words, channel=channel)
        if as_json:
            print_json({"path": str(list_path), "stretches": count})
            return
        name = escape(str(list_path))
        out.print(
            f"{count} stretches of sound in {name}; check them, and fill in their words, then:"
        )
        out.print(f"motefit data cut --apply {name} --out FOLDER", soft_wrap=True)
    elif table is not None and out_path is not None and not recordings:
        made = motefit.cut(table, out_path, seconds=seconds, speaker=speaker, channel=channel)
        if as_json:
            print_json({"folder": str(made.folder), "clips": made.clips, "longer": made.longer})
        else:
            show(made)
    else:
        raise RecipeError(
            "give either recordings and --list cuts.csv, or --apply cuts.csv and --out FOLDER"
        )


def add_to(app: typer.Typer) -> None:
    """Register the group."""
    app.add_typer(data_app, name="data")
