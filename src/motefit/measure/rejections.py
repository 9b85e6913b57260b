"""How often a released keyword model rejects words, and answers what is none."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from motefit.data.rejects.reject_sounds import RejectSounds
from motefit.measure.accuracy import CHUNK_CLIPS
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.binomial import interval
from motefit.spec.metrics import WORDS_REJECTED
from motefit.spec.tasks.speech_spec import ANSWERED


@dataclass(frozen=True, kw_only=True)
class Share:
    """A counted share.

    Attributes:
        n: clips or windows.
        count: those of interest.
        low: lower limit of the exact 95 % binomial interval.
        high: upper limit.
    """

    n: int
    count: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """``count / n``."""
        return self.count / self.n


@dataclass(frozen=True, kw_only=True)
class Rejections:
    """What a model does with words and with other sound; the likeliest label counts.

    Attributes:
        words: clips of words that are rejected.
        answered: by reject class, its windows that are taken for a word.
        sources: by reject class and entry of the recipe, the same.
        confusion: by true label (row) and likeliest label (column), words then reject classes.
    """

    words: Share
    answered: Mapping[str, Share]
    sources: Mapping[str, Mapping[str, Share]]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name."""
        answered = {ANSWERED[label]: share.value for label, share in self.answered.items()}
        return {WORDS_REJECTED: self.words.value, **answered}


def measure_rejections(
    spotter: KeywordSpotter,
    sounds: Mapping[str, RejectSounds],
    *,
    guesses: np.ndarray,
    labels: np.ndarray,
) -> Rejections:
    """Classify the windows of reject recordings, one after the other, and count.

    Args:
        spotter: the released model.
        sounds: recordings by reject class, of one set.
        guesses: (n,) index of the likeliest label of each clip of a word.
        labels: (n,) index of its true label.
    """
    io = spotter.io
    confusion = np.zeros((len(io.labels), len(io.labels)), np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    answered, sources = {}, {}
    for label, recordings in sounds.items():
        answers, owners = _answers(spotter, recordings)
        np.add.at(confusion[io.labels.index(label)], answers, 1)
        wrong = answers < len(io.words)
        answered[label] = _share(wrong)
        entries = np.array(recordings.sources)[owners]
        sources[label] = {str(e): _share(wrong[entries == e]) for e in np.unique(entries)}
    return Rejections(
        words=_share(np.asarray(guesses >= len(io.words))),
        answered=answered,
        sources=sources,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def _answers(spotter: KeywordSpotter, sounds: RejectSounds) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest label (k,) of each window, and its recording (k,)."""
    samples = spotter.io.frontend.clip_samples
    owners, places = sounds.windows(samples)
    answers = [np.empty(0, np.int64)]
    for start in range(0, len(owners), CHUNK_CLIPS):
        some = slice(start, start + CHUNK_CLIPS)
        pcm = sounds.cut(owners[some], places[some], samples, continued=False)
        answers.append(spotter.classify_batch(pcm).argmax(axis=1))
    return np.concatenate(answers), owners


def _share(found: np.ndarray) -> Share:
    n, count = len(found), int(found.sum())
    low, high = interval(count, n)
    return Share(n=n, count=count, low=low, high=high)
