"""The section that says what was done to a model, from what was read back of its bytes."""

from dataclasses import replace

from motefit.report.report_facts import ReportFacts
from motefit.report.sections import claims_section

TIMES = "\N{MULTIPLICATION SIGN}"
WEIGHT = {
    "place": 2,
    "operator": "CONV_2D",
    "shape": [16, 3, 3, 8],
    "channels": 16,
    "form": "int8",
    "bits": 8,
    "scales": 16,
    "zeros": 576,
    "distinct": 31,
    "sparse": True,
    "clustered": True,
}


def with_claims(facts: ReportFacts, value: object) -> ReportFacts:
    card = replace(facts.card, evidence={**facts.card.evidence, "claims": value})
    return replace(facts, card=card)


def test_rows_and_techniques(words: ReportFacts) -> None:
    found = {
        "precision": "int8",
        "input_dtype": "int8",
        "output_dtype": "float32",
        "techniques": ["int8: 100.0 % of the weights", "sparse: 50.0 % of the numbers"],
        "weights": [WEIGHT],
    }
    view = claims_section.build(with_claims(words, found))
    assert view is not None
    assert view.techniques[0] == "int8: 100.0 % of the weights"
    assert view.techniques[-1] == "int8 in, float32 out"
    cells = (
        "2 CONV_2D",
        "int8",
        TIMES.join(("16", "3", "3", "8")),
        "16",
        "8",
        "16",
        "50.0 %",
        "31",
    )
    assert view.weights == (cells,)
    assert len(view.columns) == len(cells)


def test_a_file_to_which_nothing_was_done(words: ReportFacts) -> None:
    found = {"precision": "float32", "techniques": [], "weights": []}
    view = claims_section.build(with_claims(words, found))
    assert view is not None
    assert view.techniques[0] == "float32 weights"


def test_nothing_is_shown_without_claims(words: ReportFacts) -> None:
    assert claims_section.build(words) is None
    assert claims_section.build(with_claims(words, {"weights": 3})) is None
