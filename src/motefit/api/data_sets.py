"""``synthesize`` and ``fetch``: get data for training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motefit.api.progress_display import Progress, open_progress
from motefit.data.fetch.fetch import FetchReport
from motefit.data.fetch.fetch import fetch as download
from motefit.data.synth.climate import ClimateReport, synthesize_climate
from motefit.data.synth.spoken_words import SynthReport, synthesize_speech
from motefit.data.synth.voices import ENGLISH_ACCENTS, chosen_synthesizers
from motefit.spec.errors import RecipeError
from motefit.spec.files import leaves_no_empty
from motefit.spec.several import several_names


def synthesize(  # noqa: PLR0913 - the options of a command
    out: str | Path,
    *,
    words: Sequence[str] = (),
    clips: int = 200,
    climate_days: int = 0,
    seconds: float | None = None,
    near_words: int = 0,
    sentences: int = 0,
    rate_hz: int = 16_000,
    accents: Sequence[str] = (),
    synthesizers: Sequence[str] = (),
    seed: int = 0,
    workers: int = 1,
    add: bool = False,
    progress: Progress = "auto",
) -> SynthReport | ClimateReport:
    """Synthesize spoken words (in a separate process) or a climate series.

    >>> import motefit, pathlib, tempfile
    >>> out = pathlib.Path(tempfile.mkdtemp(), "climate.csv")
    >>> motefit.synthesize(out, climate_days=2).path.name
    'climate.csv'

    Args:
        out: folder for the words, or CSV file for the climate series.
        words: words to speak; give either these or ``climate_days``.
        clips: number of clips per word.
        climate_days: length of a climate series in days, with a row every 10 minutes.
        seconds: length of the clips, up to 3; None: 1 s, or more if a word takes longer.
        near_words: number of clips of words that sound almost like one of ``words``, in
            ``_unknown_/near-words``: what a model must reject.
        sentences: number of sentences and other words, in ``_unknown_/sentences``.
        rate_hz: sampling rate of the clips.
        accents: espeak-ng voices, e.g. ``["de"]``; empty: English ones.
        synthesizers: what speaks; empty: espeak-ng; ``["espeak-ng", "hibari"]`` adds a neural
            voice.
        seed: equal seeds give equal bytes.
        workers: number of espeak-ng processes.
        add: whether ``out`` may be non-empty; existing files are kept.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        RecipeError: for neither words nor days, or both, or invalid numbers.
        OutputError: if ``out`` cannot be written.
        MissingExtraError: for words without ``pip install 'motefit[synth]'``.
    """
    out, rng, said = Path(out), np.random.default_rng(seed), several_names(words)
    if bool(said) == bool(climate_days):
        raise RecipeError(
            "give either words (--words up,down) or climate_days (--climate-days 365)"
        )
    if climate_days:
        with open_progress(progress) as listener:
            listener.counted("days", 0, climate_days)
            return synthesize_climate(out, days=climate_days, rng=rng)
    with open_progress(progress) as listener, leaves_no_empty(out):
        return synthesize_speech(
            said,
            out,
            clips_per_word=clips,
            rng=rng,
            seconds=seconds,
            near_word_clips=near_words,
            sentence_clips=sentences,
            rate_hz=rate_hz,
            workers=workers,
            add=add,
            accents=several_names(accents) or ENGLISH_ACCENTS,
            synthesizers=chosen_synthesizers(several_names(synthesizers)),
            progress=listener.loading,
        )


def fetch(name: str, out: str | Path, *, url: str = "", progress: Progress = "auto") -> FetchReport:
    """Download a published data set; downloads resume, and size and SHA-256 are checked.

    >>> import motefit
    >>> motefit.fetch("mini-speech-commands", "data/words")  # doctest: +SKIP

    Args:
        name: name of the data set, see :func:`motefit.dataset_names`.
        out: folder to unpack into.
        url: address of the same archive on a mirror.
        progress: how progress is shown, see :func:`motefit.fit`.

    Raises:
        RecipeError: if the name is unknown or the URL is not http(s).
        DataError: if the archive cannot be downloaded or is not the right one.
        OutputError: if ``out`` cannot be written.
    """
    with open_progress(progress) as listener:
        return download(name, Path(out), progress=listener.loading, url=url or None)
