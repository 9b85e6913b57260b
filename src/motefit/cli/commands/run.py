"""``motefit kws`` and ``motefit forecast``: run a bundle on real input."""

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from motefit.cli.output import out, print_json
from motefit.runtime.audio import read_wav
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError

AUDIO = (".wav", ".flac", ".ogg")


def kws(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which keyword each audio file holds."""
    spotter = KeywordSpotter.load(model)
    rows = []
    for path in _audio_files(audio):
        pcm, rate_hz = read_wav(path)
        heard = spotter.classify(pcm, rate_hz)
        rows.append({"file": str(path), "label": heard.label, "probability": heard.probability})
        if not as_json:
            out.out(f"{heard.label:12s} {100 * heard.probability:6.2f} %  {path}")
    if as_json:
        print_json(rows)


def _audio_files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(f for f in path.rglob("*") if f.suffix.lower() in AUDIO)
            if not found:
                raise DataError(f"{path} holds no audio files ({', '.join(AUDIO)})")
            files.extend(found)
        else:
            files.append(path)
    return files


def forecast(
    model: Annotated[Path, typer.Argument(help="Bundle (.zip), or .tflite with its card.")],
    series: Annotated[Path, typer.Argument(help="CSV whose last rows are the window.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Forecast the steps that follow the last rows of a CSV file."""
    forecaster = Forecaster.load(model)
    io = forecaster.io
    window = _last_rows(series, io.inputs, io.input_steps)
    predicted = forecaster.predict(window)
    rows = [
        {
            "minutes_ahead": (step + 1) * io.step_minutes,
            **{name: float(value) for name, value in zip(io.targets, row, strict=True)},
        }
        for step, row in enumerate(predicted)
    ]
    if as_json:
        print_json(rows)
        return
    out.out("  ".join(["minutes ahead", *io.targets]))
    for row in rows:
        values = "  ".join(f"{row[name]:{len(name)}.2f}" for name in io.targets)
        out.out(f"{row['minutes_ahead']:13g}  {values}")


def _last_rows(path: Path, columns: tuple[str, ...], steps: int) -> np.ndarray:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    names = list(rows[0]) if rows else []
    for name in columns:
        if name not in names:
            raise DataError(f"{path}: no column {name!r}{nearest(name, names)}; it has {names}")
    if len(rows) < steps:
        raise DataError(f"{path}: {len(rows)} rows, but the model looks back over {steps}")
    values = []
    for number, row in enumerate(rows[-steps:], start=len(rows) - steps + 2):
        try:
            values.append([float(row[name]) for name in columns])
        except (TypeError, ValueError):
            raise DataError(f"{path}, line {number}: not all of {columns} are numbers") from None
    return np.asarray(values, np.float32)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(kws)
    app.command()(forecast)
