"""The weaknesses of a model are at the head of its report."""

from dataclasses import replace

import pytest

from motefit.report.headline import headline
from motefit.report.render import render_report
from motefit.report.report_facts import ReportFacts
from motefit.spec.budget import Budget
from motefit.spec.certificate import certify

LOOSE = Budget.from_table({"size": {"zip_bytes": "< 1 MB"}}, where="test")


def held(facts: ReportFacts, budget: Budget = LOOSE, **evidence: object) -> ReportFacts:
    """The facts with other evidence, certified again."""
    card = replace(facts.card, evidence={**facts.card.evidence, **evidence})
    return replace(
        facts, card=card, certificate=certify(card.facts, budget, evidence=card.evidence)
    )


def test_a_model_that_beats_its_baselines_is_a_plain_success(climate, words):
    for facts in (climate, words):
        head = headline(held(facts))
        assert (head.verdict, head.tone, head.reservations) == ("Budget met", "good", ())
        assert 'class="reservations"' not in render_report(held(facts))


def test_a_met_budget_with_a_weakness_reads_as_no_plain_success(climate):
    mae = {name: value / 2 for name, value in climate.topic("errors")["mae"].items()}
    facts = held(climate, baselines={"persistence": {"mae": mae}})
    assert facts.certificate.met
    head = headline(facts)
    assert head.verdict == "Budget met, but no better than persistence"
    assert head.tone == "open"
    page = render_report(facts)
    assert "<title>climate-6: Budget met, but no better than persistence</title>" in page
    assert "<li>No better than persistence (T (degC) 0." in page
    assert " against 0." in page


def test_all_weaknesses_are_listed_and_the_verdict_counts_them(words):
    recall = {**words.topic("accuracy")["recall"], "no": 0.0, "up": 0.0}
    accuracy = {**words.topic("accuracy"), "recall": recall}
    facts = held(words, accuracy=accuracy)
    head = headline(facts)
    assert head.verdict == "Budget met, but never recognizes 'no' (and 1 more)"
    assert head.reservations == ("never recognizes 'no'", "never recognizes 'up'")
    page = render_report(facts)
    assert "<li>Never recognizes &#39;no&#39;</li>" in page
    assert "<li>Never recognizes &#39;up&#39;</li>" in page


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [({"size": {"zip_bytes": "< 1 B"}}, "Budget not met"), ({}, "No budget to meet")],
)
def test_a_verdict_that_is_no_success_stays_and_the_list_stands_beside_it(climate, budget, verdict):
    mae = {name: value / 2 for name, value in climate.topic("errors")["mae"].items()}
    bounds = Budget.from_table(budget, where="test")
    head = headline(held(climate, bounds, baselines={"persistence": {"mae": mae}}))
    assert head.verdict == verdict
    assert len(head.reservations) == 1
