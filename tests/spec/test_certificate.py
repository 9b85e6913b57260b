"""The certificate: nothing missing, undefined or contradictory ever passes."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.binomial import interval
from motefit.spec.budget import Budget
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate, certify, recheck
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO

TABLE = {
    "accuracy": "> 98 %",
    "size": {"zip_bytes": "< 25 KB"},
    "latency": {"total_ms": "< 8 ms"},
    "mae": {"T (degC)": "< 0.5"},
}
BUDGET = Budget.from_table(TABLE, where="test")
FACTS = {
    "accuracy": 199 / 200,
    "size.zip_bytes": 9000,
    "latency.total_ms": 0.4,
    "mae.T (degC)": 0.3,
}
EVIDENCE = {
    "accuracy": {"n": 200, "correct": 199},
    "data": {"shared_speakers": 150, "test_clips_shared": 185, "duplicates_across": 2},
}


def test_all_bounds_met():
    certificate = certify(FACTS, BUDGET, evidence=EVIDENCE, model_sha256="ab")
    assert certificate.met
    assert [(x.metric, x.verdict) for x in certificate.lines] == [
        (n, "pass") for n in sorted(FACTS)
    ]
    assert certificate.lines[0].bound == "> 98.00 %"
    assert certificate.lines[0].measured == "99.50 %"
    assert (certificate.objective, certificate.objective_value) == ("size.zip_bytes", 9000)
    facts = certificate.data
    assert (facts.test_examples, facts.shared_speakers) == (200, 150)
    assert (facts.test_clips_shared, facts.duplicates_across) == (185, 2)


@pytest.mark.parametrize(
    ("correct", "n", "word", "clips"),
    [
        (199, 200, "met, not shown at 95 %", 359),
        (995, 1000, "shown", 359),
        (196, 200, "missed", None),
    ],
)
def test_the_three_words_of_accuracy(correct, n, word, clips):
    evidence = {"accuracy": {"n": n, "correct": correct}}
    certificate = certify({**FACTS, "accuracy": correct / n}, BUDGET, evidence=evidence)
    accuracy = certificate.accuracy
    assert (accuracy.confidence, accuracy.clips_to_show) == (word, clips)
    assert certificate.met == (word != "missed")
    assert accuracy.low < correct / n < accuracy.high


@given(st.sampled_from(sorted(FACTS)))
def test_a_missing_value_is_never_a_pass(name):
    facts = {key: value for key, value in FACTS.items() if key != name}
    certificate = certify(facts, BUDGET, evidence=EVIDENCE)
    line = next(x for x in certificate.lines if x.metric == name)
    assert (line.verdict, line.value, line.measured) == ("not measured", None, "-")
    assert not certificate.met


@given(st.sampled_from(sorted(FACTS)), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_value_that_is_no_finite_number_fails(name, value):
    certificate = certify({**FACTS, name: value}, BUDGET, evidence=EVIDENCE)
    line = next(x for x in certificate.lines if x.metric == name)
    assert (line.verdict, line.value) == ("fail", None)
    assert str(value) in line.reason
    assert not certificate.met
    assert Certificate.from_json(certificate.to_json()) == certificate


@given(st.fixed_dictionaries({name: st.floats(0, 30_000) for name in FACTS}))
def test_met_means_every_bound_holds(facts):
    certificate = certify(facts, BUDGET)
    assert certificate.met == all(b.holds(facts[b.metric]) for b in BUDGET.bounds)
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_an_accuracy_that_its_counts_contradict_fails():
    certificate = certify({**FACTS, "accuracy": 0.999}, BUDGET, evidence=EVIDENCE)
    assert certificate.lines[0].verdict == "fail"
    assert "199 of 200" in certificate.lines[0].reason
    assert not certificate.met


@pytest.mark.parametrize(
    "accuracy", [None, {}, {"n": 0, "correct": 0}, {"n": 5, "correct": 6}, {"n": 5}, "199/200"]
)
def test_without_usable_counts_there_is_no_interval(accuracy):
    certificate = certify(FACTS, BUDGET, evidence={"accuracy": accuracy})
    assert certificate.accuracy is None
    assert certificate.lines[0].verdict == "pass"


def test_a_forecast_names_its_test_windows():
    evidence = {"data": {"windows": {"train": 9, "test": 777}}}
    assert certify(FACTS, BUDGET, evidence=evidence).data.test_examples == 777


def test_json_that_contradicts_itself_is_refused():
    text = certify({}, BUDGET).to_json()
    assert '"met": false' in text
    with pytest.raises(ModelFileError, match="exactly when all its lines pass"):
        Certificate.from_json(text.replace('"met": false', '"met": true'))
    with pytest.raises(ModelFileError, match="certificate"):
        Certificate.from_json("{")


def _card(**changes):
    io = SpeechIO(labels=("a", "b"), frontend=FrontEnd(), normalization=Normalization())
    card = Card(
        task="keyword-spotting",
        io=io,
        model_sha256="ab",
        facts=FACTS,
        evidence=EVIDENCE,
        recipe={"budget": BUDGET.to_table()},
    )
    return dataclasses.replace(card, **changes)


def test_a_card_is_rechecked_from_what_it_stores():
    wanted = certify(FACTS, BUDGET, evidence=EVIDENCE, model_sha256="ab")
    assert recheck(_card()) == wanted
    stored = Card.from_json(_card().to_json())
    assert recheck(stored) == wanted
    assert not recheck(_card(facts={**FACTS, "size.zip_bytes": 30_000})).met


@pytest.mark.parametrize("budget", ["< 1", {"acuracy": "> 1 %"}])
def test_a_card_without_a_readable_budget_is_an_error(budget):
    with pytest.raises(ModelFileError, match="budget"):
        recheck(_card(recipe={"budget": budget}))


def test_a_budget_without_bounds_is_met_with_no_lines():
    certificate = recheck(_card(recipe={}))
    assert certificate.met
    assert certificate.lines == ()


@pytest.mark.parametrize(
    ("stored", "counted"),
    [
        ({"n": 50, "correct": 48, "low": 0.0, "high": 1.0}, (50, 48)),
        ({"n": 0, "correct": 0}, (0, 0)),
        ({"n": 200, "correct": 199}, (200, 199)),
        ("speakers unknown", None),
        (None, None),
        ({"n": 50, "correct": 51}, None),
        ({"n": 50}, None),
        ({"n": 201, "correct": 199}, None),  # more than all clips
        ({"n": 50, "correct": 48, "accuracy": 0.5}, (50, 48)),  # recomputed from the counts
        ({"n": 50, "correct": 30}, None),  # more wrong than of all clips
    ],
)
def test_accuracy_on_unseen_speakers_is_recomputed_from_counts(stored, counted):
    accuracy = {"n": 200, "correct": 198, "unseen_speakers": stored}
    if counted == (200, 199):
        accuracy["correct"] = 199
    certificate = certify(FACTS, BUDGET, evidence={"accuracy": accuracy})
    unseen = certificate.accuracy.unseen_speakers
    assert (unseen and (unseen.n, unseen.correct)) == counted
    if unseen and unseen.n:
        assert (unseen.low, unseen.high) == interval(unseen.correct, unseen.n)
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_unknown_speakers_stay_unknown():
    evidence = {**EVIDENCE, "data": {"unknown_speakers": 12, "duplicates_across": 0}}
    facts = certify(FACTS, BUDGET, evidence=evidence).data
    assert (facts.unknown_speakers, facts.shared_speakers, facts.test_clips_shared) == (
        12,
        None,
        None,
    )
