"""Run a bundle on audio files or on a CSV file; needs neither torch nor, for WAV, any extra."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motefit.data.audio import AUDIO_SUFFIXES, read_clip
from motefit.data.series import Series, read_series
from motefit.pipeline.quiet import silence_litert
from motefit.runtime.audio import read_wav
from motefit.runtime.bundle import load_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.keyword_spotter import Classification, KeywordSpotter
from motefit.spec.card import Card
from motefit.spec.codec import decode
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.tasks.forecasting import NAME, SeriesData, SeriesIO


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The steps that follow the last rows of a series.

    Attributes:
        last: time of the last row that the model saw.
        times: datetime64[s] (output_steps,).
        targets: names of the predicted columns.
        values: float32 (output_steps, targets), in the columns' own units.
    """

    last: np.datetime64
    times: np.ndarray
    targets: tuple[str, ...]
    values: np.ndarray


def hear(model: Path, paths: Sequence[Path]) -> Iterator[tuple[Path, Classification]]:
    """Classify audio files one by one.

    WAV files are read as the device reads them; FLAC and OGG need the extra ``train``.

    Args:
        model: bundle, or .tflite with its card.
        paths: files, and folders whose audio files are taken, those of sub-folders too.

    Yields:
        each file, in the order given (sorted within a folder), and what was heard.

    Raises:
        DataError: for a file that cannot be used, or a folder without audio files.
        MissingExtraError: for FLAC or OGG without soundfile.
        ModelFileError: for a model that cannot be used.
    """
    silence_litert()
    spotter = KeywordSpotter.load(model)
    for path in _audio_files(paths):
        if path.suffix.lower() in AUDIO_SUFFIXES[1:]:
            rate_hz = spotter.io.frontend.rate_hz
            yield path, spotter.classify(read_clip(path, rate_hz=rate_hz), rate_hz)
        else:
            yield path, spotter.classify(*read_wav(path))


def _audio_files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = [f for f in path.rglob("*") if f.suffix.lower() in AUDIO_SUFFIXES]
        shown = sorted(f for f in found if not f.name.startswith("."))
        if not shown:
            raise DataError(f"{path} holds no audio files ({', '.join(AUDIO_SUFFIXES)})")
        files.extend(shown)
    return files


def forecast(model: Path, series: Path) -> Forecast:
    """Predict the steps that follow the last rows of a CSV file.

    The file is read by the rules of the recipe in the card: time column and format, sentinels,
    missing values and repeated rows.

    Args:
        model: bundle, or .tflite with its card.
        series: the CSV file; its last rows, one step apart, are the window.

    Raises:
        DataError: for a file that cannot be used, or too few rows behind its last gap.
        ModelFileError: for a model that cannot be used.
    """
    silence_litert()
    bundle = load_bundle(model)
    if bundle.card.task != NAME:
        raise ModelFileError(f"{model} is a model for {bundle.card.task}, not for {NAME}")
    forecaster = Forecaster(bundle.model, bundle.card.io)
    io = forecaster.io
    found = read_series(series, _reading(bundle.card))
    window = _last_window(found, io)
    step = np.timedelta64(round(io.step_minutes * 60), "s")
    return Forecast(
        last=found.times[-1],
        times=found.times[-1] + step * np.arange(1, io.output_steps + 1),
        targets=io.targets,
        values=forecaster.predict(window),
    )


def _reading(card: Card) -> SeriesData:
    """How the model's own data were read, with the columns and step that its card states."""
    io: SeriesIO = card.io
    given = decode(SeriesData, card.recipe.get("data", {}), where="the card's recipe: [data]")
    return replace(given, inputs=io.inputs, targets=io.targets, step_minutes=io.step_minutes)


def _last_window(series: Series, io: SeriesIO) -> np.ndarray:
    start, stop = series.runs[-1]
    if stop - start < io.input_steps:
        raise DataError(
            f"{series.path}: the model looks back over {io.input_steps} rows, {io.step_minutes:g} "
            f"minutes apart; the file ends with {stop - start} such rows (a gap, a missing value "
            "or the begin of the file lies before them)"
        )
    return series.values[stop - io.input_steps :].astype(np.float32)
