"""``motefit data``: synthesize, fetch and audit data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from motefit.api.audit import audit
from motefit.cli.output import escape, out, print_json
from motefit.cli.progress_display import open_progress
from motefit.data.fetch.datasets import dataset_names
from motefit.data.fetch.fetch import fetch
from motefit.data.synth.climate import synthesize_climate
from motefit.data.synth.spoken_words import synthesize_speech
from motefit.data.synth.voices import ENGLISH_ACCENTS
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import RecipeError

_SENTENCES = {"notes": "note", "warnings": "[yellow]warning[/]"}
"""Facts that are sentences, and what stands before each."""

data_app = typer.Typer(no_args_is_help=True, help="Synthesize, fetch and audit data.")


@data_app.command()
def synth(
    out_path: Annotated[Path, typer.Option("--out", help="Folder of words; or CSV of a climate.")],
    words: Annotated[str, typer.Option(help="Comma-separated words to speak.")] = "",
    clips: Annotated[int, typer.Option(min=1, help="Clips per word.")] = 200,
    climate_days: Annotated[
        int, typer.Option(min=0, help="Instead of words: a climate series of this many days.")
    ] = 0,
    rate_hz: Annotated[int, typer.Option(help="Sampling rate of the clips.")] = 16_000,
    accents: Annotated[
        str, typer.Option(help="Comma-separated espeak-ng voices, e.g. de; default: English ones.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="espeak-ng processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make spoken words (with espeak-ng, in a process of its own) or a climate series."""
    rng = np.random.default_rng(seed)
    if bool(words) == bool(climate_days):
        raise RecipeError("give either --words up,down or --climate-days 365")
    if climate_days:
        series = synthesize_climate(out_path, days=climate_days, rng=rng)
        if as_json:
            print_json({"path": str(series.path), "rows": series.rows, "gaps": series.gaps})
        else:
            out.print(f"{series.rows} rows with {series.gaps} gaps in {escape(str(series.path))}")
        return
    with open_progress() as listener:
        speech = synthesize_speech(
            _listed(words),
            out_path,
            clips_per_word=clips,
            rng=rng,
            rate_hz=rate_hz,
            workers=workers,
            accents=_listed(accents) if accents else ENGLISH_ACCENTS,
            progress=listener.loading,
        )
    if as_json:
        print_json(
            {
                "folder": str(speech.folder),
                "words": speech.words,
                "clips": speech.clips,
                "speakers": speech.speakers,
                "sha256": speech.sha256,
            }
        )
    else:
        out.print(
            f"{speech.clips} clips of {', '.join(speech.words)} by {speech.speakers} voices "
            f"in {escape(str(speech.folder))}"
        )


@data_app.command("fetch")
def fetch_command(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(dataset_names())}.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to unpack into.")],
    url: Annotated[str, typer.Option(help="Take the archive from here (a mirror).")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Download a published data set, with resume and checks of size and sha256."""
    with open_progress() as listener:
        report = fetch(name, out_dir, progress=listener.loading, url=url or None)
    if as_json:
        print_json({**vars(report), "path": str(report.path)})
        return
    known = "as published" if report.sha256_known else "recorded now, since none is published"
    out.print(f"{report.name} is in {escape(str(report.path))} ({report.license})")
    out.print(f"sha256 {report.sha256}, {known}", soft_wrap=True)


@data_app.command("audit")
def audit_command(
    data: Annotated[Path, typer.Argument(help="Folder of words, or CSV file.")],
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe whose [data] section says how to read and split. Left out: all words of a "
            "folder, or the default columns of a CSV file."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find files that cannot be used; count what makes a score look better, or worse, than it is.

    Exit code 0: the data can be used; 1: some files cannot; 2: something to fix.
    """
    with open_progress() as listener:
        found = audit(data, recipe=find_recipe(recipe) if recipe else None, listener=listener)
    if as_json:
        broken = [{"path": str(item.path), "problem": item.problem} for item in found.broken]
        print_json({"broken": broken, **found.facts})
    else:
        for item in found.broken:
            out.print(f"[bold red]broken[/] {escape(item.problem)}", soft_wrap=True)
        for key, value in found.facts.items():
            for line in _lines(key, value):
                out.print(line, soft_wrap=True)
    raise typer.Exit(1 if found.broken else 0)


def _lines(key: str, value: object) -> list[str]:
    """One fact; sentences and words on a line each."""
    if key in _SENTENCES and isinstance(value, list | tuple):
        return [f"{_SENTENCES[key]}: {escape(str(item))}" for item in value]
    if key == "words" and isinstance(value, Mapping):
        return [f"word {escape(word)}: {escape(_word(facts))}" for word, facts in value.items()]
    return [f"{key}: {escape(_text(value))}"]


def _word(facts: Mapping[str, Any]) -> str:
    """How the clips of one word were recorded."""
    kinds = (
        _kinds(facts["rates_hz"], " Hz"),
        _kinds(facts["channels"], " channel"),
        _kinds(facts["encodings"], ""),
    )
    return (
        f"{facts['clips']} clips; {'; '.join(kinds)}; {facts['median_ms'] / 1000:.2f} s "
        f"({facts['min_ms'] / 1000:.2f}..{facts['max_ms'] / 1000:.2f}; {facts['shorter']} padded, "
        f"{facts['longer']} cropped); level {facts['level_dbfs']:.1f} dBFS, {facts['clipped']} "
        f"clipped; up to {facts['bandwidth_hz']:.0f} Hz; {facts['unused']} files not used"
    )


def _kinds(counts: Mapping[str, int], unit: str) -> str:
    """Values with their counts; the count is left out where all clips are alike."""
    if len(counts) == 1:
        return f"{next(iter(counts))}{unit}"
    return ", ".join(f"{value}{unit} {count}" for value, count in counts.items())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def add_to(app: typer.Typer) -> None:
    """Register the group."""
    app.add_typer(data_app, name="data")
