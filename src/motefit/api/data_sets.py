"""``synthesize`` and ``fetch``: data to train on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motefit.api.progress_display import Progress, open_progress
from motefit.data.fetch.fetch import FetchReport
from motefit.data.fetch.fetch import fetch as download
from motefit.data.synth.climate import ClimateReport, synthesize_climate
from motefit.data.synth.spoken_words import SynthReport, synthesize_speech
from motefit.data.synth.voices import ENGLISH_ACCENTS
from motefit.spec.errors import RecipeError


def synthesize(  # noqa: PLR0913 - the options of a command
    out: str | Path,
    *,
    words: Sequence[str] = (),
    clips: int = 200,
    climate_days: int = 0,
    rate_hz: int = 16_000,
    accents: Sequence[str] = (),
    seed: int = 0,
    workers: int = 1,
    progress: Progress = "auto",
) -> SynthReport | ClimateReport:
    """Make spoken words (with espeak-ng, in a process of its own) or a climate series.

    >>> import motefit, pathlib, tempfile
    >>> out = pathlib.Path(tempfile.mkdtemp(), "climate.csv")
    >>> motefit.synthesize(out, climate_days=2).path.name
    'climate.csv'

    Args:
        out: folder of the words, or CSV file of the climate.
        words: to speak; either these or ``climate_days``.
        clips: per word.
        climate_days: days of a climate series, a row every 10 minutes.
        rate_hz: sampling rate of the clips.
        accents: espeak-ng voices, e.g. ``["de"]``; none given: English ones.
        seed: equal seeds give equal bytes.
        workers: espeak-ng processes.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        RecipeError: for neither words nor days, or both, or numbers that make no sense.
        OutputError: when ``out`` cannot be written.
        MissingExtraError: for words without ``pip install 'motefit[synth]'``.
    """
    out, rng = Path(out), np.random.default_rng(seed)
    if bool(words) == bool(climate_days):
        raise RecipeError("give either words (--words up,down) or days (--climate-days 365)")
    if climate_days:
        return synthesize_climate(out, days=climate_days, rng=rng)
    with open_progress(progress) as listener:
        return synthesize_speech(
            tuple(words),
            out,
            clips_per_word=clips,
            rng=rng,
            rate_hz=rate_hz,
            workers=workers,
            accents=tuple(accents) or ENGLISH_ACCENTS,
            progress=listener.loading,
        )


def fetch(name: str, out: str | Path, *, url: str = "", progress: Progress = "auto") -> FetchReport:
    """Download a published data set, with resume and checks of size and sha256.

    >>> import motefit
    >>> motefit.fetch("mini-speech-commands", "data/words")  # doctest: +SKIP

    Args:
        name: of the data set, see :func:`motefit.dataset_names`.
        out: folder to unpack into.
        url: of the same archive on a mirror.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        RecipeError: for an unknown name or a URL that is not http(s).
        DataError: when the archive cannot be had or is not the right one.
        OutputError: when ``out`` cannot be written.
    """
    with open_progress(progress) as listener:
        return download(name, Path(out), progress=listener.loading, url=url or None)
