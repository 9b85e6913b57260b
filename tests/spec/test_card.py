"""Cards: equal after a round trip, and refused with a reason where they cannot be read."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.card import SCHEMA_VERSION, Card, Provenance
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO

SPEECH = SpeechIO(labels=("go", "stop"), frontend=FrontEnd(), normalization=Normalization())
SERIES = SeriesIO(
    inputs=("T", "rh"),
    targets=("rh",),
    input_steps=6,
    output_steps=3,
    step_minutes=10.0,
    normalization=Normalization(mean=(1.0, 2.0), std=(0.5, 3.0)),
)
CARD = Card(task="keyword-spotting", io=SPEECH, model_sha256="ab" * 32)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
finite = st.floats(allow_nan=False, allow_infinity=False)
evidence = st.recursive(
    finite | texts | st.booleans() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=9,
)
cards = st.builds(
    lambda made, **parts: Card(task=made[0], io=made[1], **parts),
    st.sampled_from([("keyword-spotting", SPEECH), ("forecasting", SERIES)]),
    model_sha256=texts,
    facts=st.dictionaries(texts, finite, max_size=4),
    evidence=st.dictionaries(texts, evidence, max_size=4),
    recipe=st.dictionaries(texts, evidence, max_size=4),
    provenance=st.builds(Provenance, command=texts, seed=st.integers(0, 99)),
)


@given(cards)
def test_round_trip(card):
    text = card.to_json()
    assert Card.from_json(text) == card
    assert Card.from_json(text).to_json() == text


def _changed(**changes):
    table = json.loads(CARD.to_json())
    return json.dumps({k: v for k, v in (table | changes).items() if v != "absent"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c: not valid JSON"),
        ("{", "c: not valid JSON"),
        ("[" * 100_000, "c: not valid JSON"),
        ("[]", "c: expected a JSON object"),
        (
            _changed(schema_version=SCHEMA_VERSION + 1),
            f"c: schema version {SCHEMA_VERSION + 1} is not",
        ),
        (_changed(schema_version="absent"), "c: schema version None is not supported"),
        (_changed(schema_version=True), "schema_version: expected int, got True"),
        (_changed(task="keyword-spottin"), r"c: unknown task .* \(did you mean 'keyword-spotting'"),
        (_changed(task="absent"), "c: unknown task 'None'"),
        (_changed(task="forecasting"), r"c: io: unknown key"),
        (_changed(io="absent"), "c: io: the key 'labels' is missing"),
        (_changed(io=3), "c: io: expected a table"),
        (_changed(model_sha256="absent"), "c: the key 'model_sha256' is missing"),
        (_changed(fact={}), r"c: unknown key 'fact' \(did you mean 'facts'\?\)"),
        (_changed(facts={"accuracy": "1"}), "c: facts.accuracy: expected float"),
        (_changed(facts={"accuracy": float("nan")}), "c: facts.accuracy: expected a finite number"),
        (_changed(evidence={"a": [float("inf")]}), r"c: evidence.a\[0\]: expected a finite number"),
        (_changed(provenance={"sed": 1}), r"c: provenance: unknown key 'sed'"),
    ],
)
def test_damaged_cards(text, message):
    with pytest.raises(ModelFileError, match=message):
        Card.from_json(text, where="c")


def test_every_prefix_of_a_card_is_refused():
    text = CARD.to_json().rstrip()
    for end in range(len(text)):
        with pytest.raises(ModelFileError):
            Card.from_json(text[:end])


def test_a_card_built_in_python_fits_its_task():
    with pytest.raises(RecipeError, match="io: the task forecasting needs a SeriesIO"):
        dataclasses.replace(CARD, task="forecasting")
    with pytest.raises(RecipeError, match=r"facts\.size: expected a finite number"):
        dataclasses.replace(CARD, facts={"size": float("nan")})
