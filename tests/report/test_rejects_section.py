"""The section about what is rejected and what is answered."""

from dataclasses import replace

from motefit.report.report_facts import ReportFacts
from motefit.report.sections import rejects_section

SHARE = {"n": 200, "count": 3, "low": 0.003, "high": 0.043}


def with_rejects(facts: ReportFacts, value: object) -> ReportFacts:
    """Return the facts with a topic on the card."""
    card = replace(facts.card, evidence={**facts.card.evidence, "rejects": value})
    return replace(facts, card=card)


def test_classes_and_their_entries_are_rows(words: ReportFacts) -> None:
    topic = {
        "words": SHARE,
        "answered": {"_unknown_": SHARE},
        "sources": {"_unknown_": {"talk": SHARE, "odd": {"n": 0}}},
    }
    view = rejects_section.build(with_rejects(words, topic))
    assert view is not None
    assert view.rejected is not None
    assert view.rejected.counted == "3 of 200"
    assert [(row.name, row.inner) for row in view.rows] == [("unknown", False), ("talk", True)]
    assert view.rows[0].share == "1.50 %"


def test_nothing_is_shown_without_reject_classes(words: ReportFacts) -> None:
    assert rejects_section.build(words) is None
    view = rejects_section.build(with_rejects(words, {"words": 3, "answered": "x"}))
    assert view == rejects_section.RejectsView(rejected=None, rows=())
