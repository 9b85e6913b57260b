"""What a certificate says against a model: naive baselines it does not beat, unknown words."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.measure.forecast_errors import score_forecast
from motefit.spec.budget import Budget
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate, certify, recheck
from motefit.spec.evidence import IN_HINDSIGHT
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.weakness import weaknesses

SKILLED = Budget.from_table({"skill": {"T": "> 10 %"}}, where="test")
errors = st.floats(0, 1e3)


def forecast(own: float, **baselines: float) -> Certificate:
    """The certificate of a forecaster of T, with the errors of naive baselines."""
    evidence = {"baselines": {name: {"mae": {"T": error}} for name, error in baselines.items()}}
    budget = Budget.from_table({"mae": {"T": "< 1000"}}, where="test")
    return certify({"mae.T": own}, budget, evidence=evidence)


def words(correct: int, n: int, *, guess: float, said: str = "down", **more: object) -> Certificate:
    """The certificate of a classifier, with the accuracy of always saying one word."""
    baseline = {
        "accuracy": guess,
        "recall": {"down": 0.0, "up": 0.0} | ({said: 1.0} if said else {}),
    }
    evidence = {
        "accuracy": {"n": n, "correct": correct},
        "baselines": {"majority class": baseline},
        **more,
    }
    budget = Budget.from_table({"accuracy": "> 1 %"}, where="test")
    return certify({"accuracy": correct / n}, budget, evidence=evidence)


def test_a_forecaster_that_is_worse_than_persistence():
    certificate = forecast(0.41, persistence=0.33, leastsquares=0.5)
    assert certificate.met
    assert certificate.reservations == ("no better than persistence (T 0.41 against 0.33)",)
    (found,) = certificate.weaknesses
    assert (found.metric, found.baseline) == ("mae.T", "persistence")
    assert (found.value, found.baseline_value) == (0.41, 0.33)


def test_columns_of_one_baseline_are_one_statement_and_persistence_comes_first():
    mae = {"T (degC)": 1.0, "rh (%)": 2.0}
    evidence = {"baselines": {"least squares": {"mae": mae}, "persistence": {"mae": mae}}}
    facts = {"mae.T (degC)": 1.5, "mae.rh (%)": 2.0}
    assert certify(facts, Budget(), evidence=evidence).reservations == (
        "no better than persistence (T (degC) 1.5 against 1, rh (%) 2 against 2)",
        "no better than least squares (T (degC) 1.5 against 1, rh (%) 2 against 2)",
    )


@pytest.mark.parametrize(("own", "weak"), [(0.3299999, True), (0.3301, True), (0.3298, False)])
def test_what_looks_equal_is_no_better(own, weak):
    assert bool(forecast(own, persistence=0.33).weaknesses) == weak


@pytest.mark.parametrize(
    ("correct", "n", "guess", "said"),
    [
        (60, 100, 0.62, "no better than always saying 'down' (60.00 % against 62.00 %)"),
        (62, 100, 0.62, "no better than always saying 'down' (62.00 % against 62.00 %)"),
        (4, 4, 0.5, "not shown to be better than always saying 'down' (100.00 % against 50.00 %)"),
        (95, 100, 0.62, ""),
    ],
)
def test_a_classifier_against_the_majority_class(correct, n, guess, said):
    assert "; ".join(words(correct, n, guess=guess).reservations) == said


def test_a_majority_that_the_test_part_does_not_hold_has_no_name():
    certificate = words(0, 9, guess=0.0, said="")
    assert certificate.reservations[0].startswith("no better than always saying the most frequent")


def test_words_that_are_not_known_are_named():
    clips = {"train": {"down": 0, "up": 90, "no": 9}, "test": {"down": 8, "up": 90, "no": 0}}
    certificate = words(
        90, 98, guess=0.1,
        accuracy={"n": 98, "correct": 90, "recall": {"down": 0.0, "up": 1.0}},
        data={"clips": clips},
    )  # fmt: skip
    assert certificate.met
    assert certificate.reservations == (
        "never recognizes 'down' (none of its 8 test clips)",
        "no training clip of 'down'",
        "no test clip of 'no'",
    )


names = st.sampled_from(["persistence", "least squares", "drift"])


@given(errors, st.dictionaries(names, errors), names, st.data())
def test_a_baseline_that_is_added_never_makes_a_certificate_better(own, known, name, data):
    known.pop(name, None)
    before = forecast(own, **known)
    after = forecast(own, **known, **{name: data.draw(errors)})
    assert set(before.reservations) <= set(after.reservations)
    assert after.met == before.met
    beaten = forecast(own, **known, **{name: data.draw(st.floats(0, own))})
    assert any(weakness.baseline == name for weakness in beaten.weaknesses)


@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0, 1)
)
def test_a_guess_that_is_as_good_is_always_said(counts, guess):
    certificate = words(*counts, guess=guess)
    claims = {weakness.claim for weakness in certificate.weaknesses}
    share = counts[0] / counts[1]
    assert ("no better than" in claims) == (share <= guess)
    assert claims or share > guess
    assert Certificate.from_json(certificate.to_json()) == certificate


@given(st.lists(st.tuples(*[st.floats(-100, 100)] * 3), min_size=1, max_size=20))
def test_skill_is_positive_exactly_where_persistence_is_beaten(rows):
    own, naive, truth = (list(column) for column in zip(*rows, strict=True))
    model, persistence = (
        score_forecast(("T",), *(_series(x) for x in (guess, truth))) for guess in (own, naive)
    )
    facts = {**model.facts, **model.skill_facts(persistence)}
    if persistence.mae[0] < 1e-300:
        assert persistence.mae[0] > 0 or "skill.T" not in facts
        return
    assert (facts["skill.T"] > 0) == (1 - model.mae[0] / persistence.mae[0] > 0)
    assert facts["skill.T"] <= 1
    evidence = {
        "errors": {"mae": {"T": model.mae[0]}},
        "baselines": {"persistence": {"mae": {"T": persistence.mae[0]}}},
    }
    certificate = certify(facts, SKILLED, evidence=evidence)
    assert certificate.met == (facts["skill.T"] > 0.1)
    assert not (certificate.met and certificate.weaknesses)


def _series(values):
    return np.array(values).reshape(-1, 1, 1)


def test_a_skill_or_recall_that_its_evidence_contradicts_fails():
    evidence = {
        "errors": {"mae": {"T": 0.5}},
        "baselines": {"persistence": {"mae": {"T": 1.0}}},
        "accuracy": {"n": 10, "correct": 5, "recall": {"down": 0.0, "up": 1.0}},
    }
    table = {
        "skill": {"T": "> 0"}, "recall": {"down": ">= 0", "min": ">= 0"},
        "balanced_accuracy": "> 10 %",
    }  # fmt: skip
    budget = Budget.from_table(table, where="test")
    facts = {"skill.T": 0.5, "recall.down": 0.0, "recall.min": 0.0, "balanced_accuracy": 0.5}
    assert certify(facts, budget, evidence=evidence).met
    for name in facts:
        lied = certify({**facts, name: 0.9}, budget, evidence=evidence)
        (line,) = [line for line in lied.lines if line.verdict != "pass"]
        assert (line.metric, line.verdict) == (name, "fail")
        assert "evidence" in line.reason


def test_what_is_undefined_is_not_measured_and_says_why():
    evidence = {
        "baselines": {"persistence": {"mae": {"T": 0.0}}},
        "data": {"clips": {"test": {"down": 0, "up": 3}}},
    }
    budget = Budget.from_table(
        {"skill": {"T": "> 0"}, "recall": {"down": "> 0", "min": "> 0"}}, where="test"
    )
    certificate = certify({}, budget, evidence=evidence)
    assert {line.metric: (line.verdict, line.reason) for line in certificate.lines} == {
        "skill.T": ("not measured", "persistence has no error on these windows"),
        "recall.down": ("not measured", "no test clip of 'down'"),
        "recall.min": ("not measured", "no test clip of 'down'"),
    }


def test_weaknesses_are_recomputed_from_a_stored_card():
    io = SeriesIO(
        inputs=("T",), targets=("T",), input_steps=2, output_steps=1, step_minutes=1.0,
        normalization=Normalization(mean=(0.0,), std=(1.0,)),
    )  # fmt: skip
    evidence = {name: {"mae": {"T": 0.3}} for name in ("persistence", "least squares")}
    card = Card(
        task="forecasting",
        io=io,
        model_sha256="ab",
        facts={"mae.T": 0.4},
        evidence={"baselines": evidence},
        recipe={"budget": {"mae": {"T": "< 1"}}},
    )
    certificate = recheck(card)
    assert len(certificate.weaknesses) == 2
    assert not weaknesses({"mae.T": 0.4}, {"baselines": {IN_HINDSIGHT: {"mae": {"T": 0.3}}}}, None)
    assert recheck(Card.from_json(card.to_json())) == certificate
    stored = json.loads(certificate.to_json())["weaknesses"][0]
    assert stored == {
        "claim": "no better than", "metric": "mae.T", "value": 0.4,
        "baseline": "persistence", "baseline_value": 0.3, "word": "",
    }  # fmt: skip
    assert Certificate.from_json(certificate.to_json()) == certificate
