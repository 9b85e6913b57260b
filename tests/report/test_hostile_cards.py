"""Cards with anything in the place of anything: refused, or shown; never a fault."""

import contextlib
import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.certify.certify import CertifiedModel, bundle_report
from motefit.certify.check import recipe_of
from motefit.report.model_card import model_card
from motefit.report.render import render_comparison, render_report
from motefit.report.report_facts import ReportFacts
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.card import Card
from motefit.spec.certificate import recheck
from motefit.spec.errors import ModelFileError, MotefitError
from motefit.tflite.archive import pack

BUNDLES = {name: load_bundle(find_model(name)) for name in ("up-down", "climate-6-clock")}
TABLES = {name: json.loads(bundle.card.to_json()) for name, bundle in BUNDLES.items()}
ODD = (
    *(None, "", [], {}, -1, 0, True, 1e308, 5e-324, "NaN", 10**30, 2**62, float("nan")),
    *("x" * 10_000, [None], {"": None}),
)


def places(node, path=()):
    """Every key of a card, and the first item of every list."""
    yield path
    items = dict(enumerate(node[:1])) if isinstance(node, list) else node
    for key, value in items.items() if isinstance(items, dict) else ():
        yield from places(value, (*path, key))


PLACES = [(name, path) for name, table in TABLES.items() for path in places(table) if path]


def changed(name, path, value):
    table = copy.deepcopy(TABLES[name])
    node = table
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return table


@settings(max_examples=30)
@given(place=st.sampled_from(PLACES), value=st.sampled_from(ODD))
def test_any_value_anywhere_in_a_card(place, value):
    name, path = place
    try:
        card = Card.from_json(json.dumps(changed(name, path, value)))
        facts = CertifiedModel(
            model=BUNDLES[name].file, card=card, certificate=recheck(card), name="odd"
        ).report()
    except MotefitError:
        return
    assert "<html" in render_report(facts)
    assert model_card(facts)
    assert "<html" in render_comparison([facts, replace(facts, name="same")])
    with contextlib.suppress(MotefitError):
        recipe_of(card, find_model(name))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("recipe", "compress"), None),
        (("recipe", "compress"), [None, {"a": [None]}]),
        (("evidence", "claims", "weights", 0, "shape", 0), "x"),
        (("facts", "accuracy"), 1e308),
        (("facts", "accuracy"), 5e-324),
    ],
)
def test_values_that_once_were_faults(path, value):
    card = Card.from_json(json.dumps(changed("up-down", path, value)))
    facts = CertifiedModel(
        model=BUNDLES["up-down"].file, card=card, certificate=recheck(card), name="odd"
    ).report()
    assert "<html" in render_report(facts)
    assert model_card(facts)


CARD = json.dumps(TABLES["climate-6-clock"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CARD.replace('"task"', '"task": "forecasting", "task"', 1), "'task' occurs twice"),
        (CARD.replace('"evidence": {', '"evidence": {"x": ' + "[" * 900 + "]" * 900 + ",", 1),
         "more than 40 levels"),
        ("[" * 100_000, "more than 40 levels"),
        (CARD.replace('"command": "', '"command": "\\ud800', 1), "surrogates"),
    ],
)  # fmt: skip
def test_json_that_is_ambiguous_or_cannot_be_written_is_refused(text, said):
    with pytest.raises(ModelFileError, match=said):
        Card.from_json(text)


@pytest.mark.parametrize(
    "key", ["byte_map", "operations", "history", "candidates", "details", "name"]
)
def test_stored_facts_with_anything_in_place_of_anything(key):
    table = json.loads(bundle_report(find_model("climate-6-clock")).to_json())
    for value in (None, 3, "NaN", [None], {"a": 1e308}, {"a": -1}, [{"a": [{}]}], [[1]]):
        try:
            facts = ReportFacts.from_json(json.dumps({**table, key: value}), where="report.json")
        except ModelFileError:
            continue
        assert "<html" in render_report(facts)


def test_a_zipped_folder_says_what_to_pack(tmp_path):
    bundle = BUNDLES["climate-6-clock"]
    members = {"m/model.tflite": bundle.model, "m/card.json": bundle.card.to_json().encode()}
    (tmp_path / "m.zip").write_bytes(pack(members, thorough=False))
    with pytest.raises(ModelFileError, match=r"m/card\.json is in a folder of the zip"):
        load_bundle(tmp_path / "m.zip")
