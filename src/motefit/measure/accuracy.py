"""Accuracy of a released keyword model, clip by clip through the runtime."""

import statistics
from dataclasses import dataclass

import numpy as np

from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.binomial import interval
from motefit.spec.errors import DataError
from motefit.spec.metrics import RECALL_MIN, RECALL_PREFIX
from motefit.spec.tasks.speech_spec import SpeechIO

CHUNK_CLIPS = 256
NO_WORD = -1
"""Guess of a model that rejects a clip."""


@dataclass(frozen=True, kw_only=True)
class UnseenSpeakerScore:
    """Accuracy of a classifier on the clips of speakers who are not in training.

    Attributes:
        n: number of such clips; may be 0.
        correct: number classified correctly.
        accuracy: ``correct / n``; None without clips.
        low: lower limit of the exact 95 % binomial interval; 0 without clips.
        high: upper limit; 1 without clips.
    """

    n: int
    correct: int
    accuracy: float | None
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy of a classifier on labeled clips.

    Attributes:
        labels: the words, in the order of rows and columns of ``confusion``.
        n: clips.
        correct: number classified correctly.
        accuracy: ``correct / n``.
        low: lower limit of the exact 95 % binomial interval.
        high: upper limit.
        confusion: clips by true label (row) and predicted label (column).
        recalls: per label the fraction of its clips classified correctly; None for a label without
            clips.
        unseen_speakers: of the clips of speakers who are not in training; None if speakers are
            unknown, or not requested.
    """

    labels: tuple[str, ...]
    n: int
    correct: int
    accuracy: float
    low: float
    high: float
    confusion: tuple[tuple[int, ...], ...]
    recalls: tuple[float | None, ...]
    unseen_speakers: UnseenSpeakerScore | None = None

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name.

        ``balanced_accuracy`` is the mean recall of the words that have clips. A word without clips
        has no recall, and then there is no minimum recall either.
        """
        recalls = dict(zip(self.labels, self.recalls, strict=True))
        known = {label: recall for label, recall in recalls.items() if recall is not None}
        facts = {f"{RECALL_PREFIX}{label}": recall for label, recall in known.items()}
        facts.pop(RECALL_MIN, None)  # of a word called "min"
        if len(known) == len(recalls):
            facts[RECALL_MIN] = min(known.values())
        balanced = statistics.fmean(known.values())
        return {"accuracy": self.accuracy, "balanced_accuracy": balanced, **facts}


def probabilities_of(spotter: KeywordSpotter, pcm: np.ndarray) -> np.ndarray:
    """Classify clips through the runtime, in chunks: float32 (n, labels).

    Args:
        spotter: the released model.
        pcm: (n, samples) int16 or float32 at the front end's rate; may be memory-mapped.
    """
    found = [
        spotter.classify_batch(pcm[start : start + CHUNK_CLIPS])
        for start in range(0, len(pcm), CHUNK_CLIPS)
    ]
    return np.concatenate([np.empty((0, len(spotter.io.labels)), np.float32), *found])


def score_words(
    io: SpeechIO,
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    unseen: np.ndarray | None = None,
) -> Accuracy:
    """Count right and wrong answers among the words; reject classes are set aside.

    A model of a single word answers right unless it rejects the clip.

    Args:
        io: of the model.
        probabilities: (n, labels) of each clip.
        labels: (n,) index of each clip's label in ``io.words``.
        unseen: bool (n,), clips of speakers who are not in training; None: not known.

    Raises:
        DataError: as in :func:`score`.
    """
    if len(io.words) == 1:
        guesses = np.where(probabilities.argmax(axis=1) == 0, 0, NO_WORD)
    else:
        guesses = probabilities[:, : len(io.words)].argmax(axis=1)
    return score(io.words, guesses, labels, unseen=unseen)


def score(
    names: tuple[str, ...],
    guesses: np.ndarray,
    labels: np.ndarray,
    *,
    unseen: np.ndarray | None = None,
) -> Accuracy:
    """Count right and wrong answers.

    Args:
        names: of the labels.
        guesses: (n,) index of the predicted label; :data:`NO_WORD` for none of them.
        labels: (n,) index of the true label.
        unseen: bool (n,), clips of speakers who are not in training; None: not known.

    Raises:
        DataError: for no clips, different lengths, or invalid label indices.
    """
    labels = np.asarray(labels)
    if not len(guesses) or labels.shape != guesses.shape or labels.dtype.kind not in "iu":
        raise DataError(
            f"accuracy needs as many integer labels as clips and at least one: "
            f"got {len(guesses)} clips and labels {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"labels must be 0..{len(names) - 1} ({', '.join(names)}), "
            f"got {labels.min()}..{labels.max()}"
        )
    confusion = np.zeros((len(names), len(names)), np.int64)
    answered = guesses != NO_WORD
    np.add.at(confusion, (labels[answered], guesses[answered]), 1)
    correct, n = int(confusion.trace()), len(labels)
    low, high = interval(correct, n)
    clips = np.bincount(labels, minlength=len(names))
    rows = [(int(confusion[i, i]), int(clips[i])) for i in range(len(names))]
    return Accuracy(
        labels=names,
        n=n,
        correct=correct,
        accuracy=correct / n,
        low=low,
        high=high,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        recalls=tuple(right / clips if clips else None for right, clips in rows),
        unseen_speakers=None if unseen is None else _unseen((guesses == labels)[unseen]),
    )


def _unseen(right: np.ndarray) -> UnseenSpeakerScore:
    n, correct = len(right), int(right.sum())
    low, high = interval(correct, n) if n else (0.0, 1.0)
    accuracy = correct / n if n else None
    return UnseenSpeakerScore(n=n, correct=correct, accuracy=accuracy, low=low, high=high)
