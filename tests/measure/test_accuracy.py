"""Accuracy is a count of what the runtime answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.measure import accuracy as module
from motefit.measure.accuracy import (
    NO_WORD,
    probabilities_of,
    score,
    score_words,
)
from motefit.measure.baselines import majority_class
from motefit.spec.binomial import interval
from motefit.spec.codec import decode, encode
from motefit.spec.errors import DataError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SILENCE, UNKNOWN, SpeechIO

NAMES = ("down", "left", "up")


@pytest.fixture
def clips():
    return (np.random.default_rng(1).standard_normal((7, 16_000)) * 3000).astype(np.int16)


def measured(spotter, clips, labels):
    return score_words(spotter.io, probabilities_of(spotter, clips), labels)


def test_every_clip_is_classified_by_the_runtime(spotter, clips, monkeypatch):
    answers = [NAMES.index(spotter.classify(clip, 16_000).label) for clip in clips]
    truth = np.array(answers)
    truth[2] = (truth[2] + 1) % 3
    monkeypatch.setattr(module, "CHUNK_CLIPS", 3)
    result = measured(spotter, clips, truth)
    assert (result.n, result.correct, result.accuracy) == (7, 6, 6 / 7)
    assert result.confusion[truth[2]][answers[2]] == 1
    assert (result.low, result.high) == interval(6, 7)
    recalls = {f"recall.{name}": r for name, r in zip(NAMES, result.recalls, strict=True)}
    known = {name: recall for name, recall in recalls.items() if recall is not None}
    assert known.items() <= result.facts.items()
    assert result.facts["accuracy"] == 6 / 7
    assert decode(module.Accuracy, encode(result), where="card") == result


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_counts_add_up(pairs):
    truth, guesses = np.array(pairs).T
    result = score(NAMES, guesses, truth)
    assert sum(map(sum, result.confusion)) == result.n == len(pairs)
    assert result.correct == sum(result.confusion[i][i] for i in range(3))
    for label in range(3):
        mine = guesses[truth == label]
        assert result.recalls[label] == (np.mean(mine == label) if len(mine) else None)


def test_a_label_without_clips_has_no_recall_rather_than_a_perfect_one():
    result = score(NAMES, np.array([0, 1, 2]), np.array([0, 0, 2]))
    assert result.recalls == (0.5, None, 1.0)
    assert result.facts == {
        "accuracy": 2 / 3, "balanced_accuracy": 0.75, "recall.down": 0.5, "recall.up": 1.0,
    }  # fmt: skip


def test_the_lowest_recall_is_a_metric_even_where_a_word_is_called_so():
    labels = np.array([0, 0, 1, 1, 2, 2])
    result = score(("max", "min", "no"), np.array([0, 0, 1, 1, 2, 0]), labels)
    assert result.facts["recall.min"] == 0.5
    assert result.facts["balanced_accuracy"] == pytest.approx(2.5 / 3)
    assert set(result.facts) == {
        "accuracy", "balanced_accuracy", "recall.max", "recall.min", "recall.no",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "at least one"),
        ([0, 3], "0..2"),
        ([0, -1], "0..2"),
        ([0.0, 1.0], "integer"),
        ([0], "as many"),
    ],
)
def test_labels_that_do_not_fit_are_errors(spotter, clips, labels, reason):
    with pytest.raises(DataError, match=reason):
        measured(spotter, clips[: len(labels) if labels != [0] else 2], np.array(labels))


def test_majority_class():
    result = majority_class(NAMES, train=np.array([2, 2, 1]), test=np.array([0, 2, 2, 1]))
    assert result.accuracy == 0.5
    assert [row[2] for row in result.confusion] == [1, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1))
def test_unseen_speakers_are_counted_apart(rows):
    truth, guesses, unseen = np.array(rows).T
    result = score(NAMES, guesses, truth, unseen=unseen.astype(bool)).unseen_speakers
    alone = [(t, g) for t, g, u in rows if u]
    assert result.n == len(alone)
    assert result.correct == sum(t == g for t, g in alone)
    if alone:
        assert result.accuracy == result.correct / result.n
        assert (result.low, result.high) == interval(result.correct, result.n)
    else:
        assert (result.accuracy, result.low, result.high) == (None, 0.0, 1.0)


def test_where_speakers_are_unknown_nothing_is_said_of_them():
    assert score(NAMES, np.array([0, 1]), np.array([0, 0])).unseen_speakers is None


def rejecting(*words: str) -> SpeechIO:
    """The section of the card of a model with both reject classes."""
    rejects = (UNKNOWN, SILENCE)
    return SpeechIO(
        labels=(*words, *rejects), rejects=rejects, frontend=FrontEnd(),
        normalization=Normalization(),
    )  # fmt: skip


def test_among_words_the_outputs_of_reject_classes_are_set_aside():
    probabilities = np.array([[0.3, 0.2, 0.5, 0.0], [0.1, 0.2, 0.1, 0.6], [0.6, 0.3, 0.1, 0.0]])
    found = score_words(rejecting("no", "yes"), probabilities, np.array([0, 1, 1]))
    assert found.labels == ("no", "yes")
    assert found.confusion == ((1, 0), (1, 1))
    assert (found.n, found.correct) == (3, 2)


def test_a_single_word_is_right_unless_the_clip_is_rejected():
    probabilities = np.array([[0.4, 0.3, 0.3], [0.4, 0.5, 0.1], [0.2, 0.1, 0.7], [0.9, 0.1, 0.0]])
    unseen = np.array([True, True, False, False])
    found = score_words(rejecting("yes"), probabilities, np.zeros(4, int), unseen=unseen)
    assert (found.n, found.correct, found.recalls) == (4, 2, (0.5,))
    assert found.confusion == ((2,),)  # a rejected clip is in no column
    assert (found.unseen_speakers.n, found.unseen_speakers.correct) == (2, 1)


def test_clips_that_are_given_no_word_are_wrong():
    found = score(NAMES, np.array([NO_WORD, 1, NO_WORD]), np.array([0, 1, 2]))
    assert (found.n, found.correct) == (3, 1)
    assert found.confusion == ((0, 0, 0), (0, 1, 0), (0, 0, 0))
    assert found.recalls == (0.0, 1.0, 0.0)


def test_no_clips_have_no_probabilities(spotter, clips):
    assert probabilities_of(spotter, clips[:0]).shape == (0, 3)
    with pytest.raises(DataError, match="got 0 clips"):
        measured(spotter, clips[:0], np.zeros(0, int))
