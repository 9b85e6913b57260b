"""The printed verdict says what the certificate says, no more and no less."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.certify.verdict_table import MOST_RESERVATIONS, verdict_content, verdict_words
from motefit.spec.budget import Budget
from motefit.spec.card import Card
from motefit.spec.certificate import certify
from motefit.spec.frontend import FrontEnd
from motefit.spec.metrics import RECALL_MIN
from motefit.spec.normalization import Normalization
from motefit.spec.tables import ResultTable
from motefit.spec.tasks.speech_spec import SpeechIO

IO = SpeechIO(labels=("no", "yes"), frontend=FrontEnd(), normalization=Normalization())


def judged(facts, table, evidence=None):
    """A card and its certificate."""
    evidence = evidence or {}
    card = Card(task="keyword-spotting", io=IO, model_sha256="ab", facts=facts, evidence=evidence)
    return card, certify(facts, Budget.from_table(table, where="test"), evidence=evidence)


@settings(max_examples=25)
@given(st.integers(0, 20_000), st.integers(1, 20_000))
def test_a_bound_passes_or_fails_in_words(measured, limit):
    card, certificate = judged(
        {"size.zip_bytes": float(measured)}, {"size": {"zip_bytes": f"< {limit} B"}}
    )
    assert certificate.met == (measured < limit)
    words = verdict_words(certificate)
    assert words == ("budget met" if certificate.met else "budget not met")
    table, *_, last = verdict_content(card, certificate)
    assert isinstance(table, ResultTable)
    assert last == words
    assert last.style == ("good" if certificate.met else "bad")
    mark = table.rows[0][3][0]
    assert mark == ("pass" if certificate.met else "FAIL")


@settings(max_examples=25)
@given(st.integers(1, 400), st.data())
def test_the_counted_clips_are_those_of_the_evidence(n, data):
    correct = data.draw(st.integers(0, n))
    evidence = {"accuracy": {"n": n, "correct": correct}}
    card, certificate = judged({"accuracy": correct / n}, {"accuracy": "> 50 %"}, evidence)
    (line,) = [i for i in verdict_content(card, certificate) if str(i).startswith("accuracy: ")]
    assert f"{correct} of {n} test clips" in line
    assert certificate.accuracy.confidence in line


@pytest.mark.parametrize(
    ("unseen", "said"),
    [
        (None, "speakers unknown"),
        ({"n": 0, "correct": 0}, "none of the 8 test clips"),
        ({"n": 4, "correct": 3}, "75.00 %, 3 of 4 test clips; 95 % interval 19.41..99.37 %"),
    ],
)
def test_clips_of_new_speakers_are_counted_apart(unseen, said):
    evidence = {"accuracy": {"n": 8, "correct": 7, "unseen_speakers": unseen}}
    card, certificate = judged({"accuracy": 7 / 8}, {"accuracy": "> 50 %"}, evidence)
    lines = [str(item) for item in verdict_content(card, certificate)]
    assert f"accuracy on speakers who are not in training: {said}" in lines


def test_a_fact_without_a_bound_is_shown_and_single_recalls_are_not():
    facts = {"size.zip_bytes": 9.0, "macs": 72.0, "recall.no": 0.5, RECALL_MIN: 0.4}
    card, certificate = judged(facts, {"size": {"zip_bytes": "< 10 B"}})
    shown = [row[0] for row in verdict_content(card, certificate)[0].rows]
    assert shown == ["size.zip_bytes", "macs", RECALL_MIN]


def test_baselines_are_rows_below_the_facts():
    evidence = {
        "baselines": {
            "majority class": {"accuracy": 0.25},
            "persistence": {"mae": {"T (degC)": 0.5}},
        }
    }
    card, certificate = judged({"accuracy": 0.9}, {"accuracy": "> 50 %"}, evidence)
    rows = verdict_content(card, certificate)[0].rows
    assert [row[0] for row in rows[1:]] == [
        "accuracy, majority class",
        "mae.T (degC), persistence",
    ]


@pytest.mark.parametrize("n", [1, 3])
def test_the_spread_over_seeds_needs_two(n):
    moments = {"mean": 0.9, "sd": 0.01, "min": 0.88, "max": 0.92}
    evidence = {"seeds": {"n": n, "seeds": [0], "test": {"accuracy": moments, "macs": moments}}}
    card, certificate = judged({"accuracy": 0.9}, {"accuracy": "> 50 %"}, evidence)
    lines = [str(item) for item in verdict_content(card, certificate)]
    told = [line for line in lines if "over 3 seeds" in line]
    assert len(told) == (n > 1)
    assert all("mean 90.00 %" in line and "88.00 % to 92.00 %" in line for line in told)


def test_notes_of_the_data_come_last_and_warnings_after_them():
    evidence = {"data": {"notes": ["40 clips"], "warnings": ["half are missing"]}}
    card, certificate = judged({"accuracy": 0.9}, {"accuracy": "> 50 %"}, evidence)
    *_, note, warning, _ = verdict_content(card, certificate)
    assert note == "data: 40 clips"
    assert warning == ("warning", ": half are missing")


@settings(max_examples=25)
@given(st.integers(0, 9))
def test_a_verdict_names_the_first_reservations_and_counts_the_others(count):
    columns = [f"c{i}" for i in range(count)]
    facts = {f"mae.{c}": 1.0 for c in columns} | {"size.zip_bytes": 9.0}
    baselines = {"persistence": {"mae": dict.fromkeys(columns, 0.5)}}
    _, certificate = judged(facts, {"size": {"zip_bytes": "< 10 B"}}, {"baselines": baselines})
    words = verdict_words(certificate)
    said = certificate.reservations
    assert (words == "budget met") == (not said)
    assert all(text in words for text in said[:MOST_RESERVATIONS])
    assert ("more" in words) == (len(said) > MOST_RESERVATIONS)


def test_a_met_budget_that_nothing_speaks_for_is_not_green():
    facts = {"mae.T": 1.0, "size.zip_bytes": 9.0}
    evidence = {"baselines": {"persistence": {"mae": {"T": 0.5}}}}
    card, certificate = judged(facts, {"size": {"zip_bytes": "< 10 B"}}, evidence)
    assert certificate.met
    assert verdict_content(card, certificate)[-1].style == "doubtful"
    failed = replace(certificate, met=False, lines=(replace(certificate.lines[0], verdict="fail"),))
    assert verdict_content(card, failed)[-1].style == "bad"
