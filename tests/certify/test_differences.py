"""Which facts of a card a check compares, and when two measurements are the same."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.certify.certify import CertifiedModel
from motefit.certify.check import CheckResult, Difference, _differences, _rounded, recipe_of
from motefit.certify.facts import is_quality, is_summary, is_timing
from motefit.recipes.catalog import find_recipe
from motefit.spec.budget import Budget
from motefit.spec.card import Card
from motefit.spec.certificate import certify
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.metrics import RECALL_MIN
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.model import ModelFile

IO = SpeechIO(labels=("no", "yes"), frontend=FrontEnd(), normalization=Normalization())
QUALITIES = ("accuracy", "recall.no", RECALL_MIN, "mae.T (degC)", "skill.T (degC)")
TIMES = ("latency.total_ms", "latency.inference_ms")
COSTS = ("size.zip_bytes", "size.tflite_bytes", "macs")
NUMBERS = st.floats(0.001, 1.0, allow_nan=False)
FACTS = st.dictionaries(st.sampled_from(QUALITIES + TIMES + COSTS), NUMBERS)


def measured(facts) -> CertifiedModel:
    card = Card(task="keyword-spotting", io=IO, model_sha256="ab", facts=facts)
    certificate = certify(facts, Budget())
    return CertifiedModel(model=ModelFile(data=b""), card=card, certificate=certificate, name="m")


@settings(max_examples=25)
@given(FACTS, st.booleans())
def test_a_measurement_that_gives_the_card_again_differs_in_nothing(facts, same_data):
    assert _differences(facts, measured(facts), same_data=same_data) == ()
    assert not _rounded(facts, measured(facts), same_data=same_data)


@settings(max_examples=25)
@given(FACTS, FACTS, st.booleans())
def test_what_differs_is_named_with_both_values(stated, found, same_data):
    different = _differences(stated, measured(found), same_data=same_data)
    names = [each.metric for each in different]
    assert names == sorted(set(names))
    for each in different:
        assert each.stated == stated[each.metric]
        assert each.measured == found.get(each.metric)
        assert each.stated != each.measured
    compared = {name for name in stated if name not in TIMES and (same_data or name in COSTS)}
    apart = {
        name
        for name in compared
        if name not in found or not math.isclose(stated[name], found[name], rel_tol=1e-6)
    }
    assert apart <= set(names) <= compared


def test_errors_may_differ_in_their_last_digits_and_counts_may_not():
    stated = {"mae.T (degC)": 0.5, "accuracy": 0.5}
    near = {"mae.T (degC)": 0.5 * (1 + 5e-7), "accuracy": 0.5}
    assert _differences(stated, measured(near), same_data=True) == ()
    assert _rounded(stated, measured(near), same_data=True)
    wrong = {"mae.T (degC)": 0.5 * (1 + 5e-6), "accuracy": 0.5 * (1 + 5e-7)}
    names = [each.metric for each in _differences(stated, measured(wrong), same_data=True)]
    assert names == ["accuracy", "mae.T (degC)"]


def test_an_arena_that_cannot_be_measured_here_is_no_difference():
    stated = {"ram.arena_bytes": 4096.0, "size.zip_bytes": 9.0}
    assert _differences(stated, measured({"size.zip_bytes": 9.0}), same_data=True) == ()
    (found,) = _differences(
        stated, measured({"size.zip_bytes": 9.0, "ram.arena_bytes": 4112.0}), same_data=True
    )
    assert (found.stated, found.measured) == (4096.0, 4112.0)


def result(differences, **changes) -> CheckResult:
    facts = {"size.zip_bytes": 9.0}
    shipped = measured(facts)
    values = {
        "card": shipped.card,
        "certificate": shipped.certificate,
        "differences": differences,
        "rounded": False,
        "same_data": True,
        "report": None,
    }
    return CheckResult(**{**values, **changes})


@pytest.mark.parametrize(
    ("differences", "changes", "met", "said"),
    [
        ((), {}, True, "reproduced exactly"),
        ((), {"rounded": True}, True, "reproduced to one part in a million"),
        ((), {"same_data": False}, True, "other data than the card's"),
        (None, {}, True, "no card to compare with"),
        (
            (Difference(metric="size.zip_bytes", stated=8.0, measured=9.0),),
            {},
            False,
            "differs size.zip_bytes: the card says 8 B, measured 9 B",
        ),
        (
            (Difference(metric="accuracy", stated=0.5, measured=None),),
            {},
            False,
            "differs accuracy: the card says 50.00 %, measured nothing",
        ),
    ],
)
def test_the_words_of_a_check(differences, changes, met, said):
    found = result(differences, **changes)
    assert found.met == met
    assert said in str(found)


@pytest.mark.parametrize("name", QUALITIES + TIMES + COSTS)
def test_a_metric_is_a_quality_a_time_or_a_cost(name):
    assert is_quality(name) == (name in QUALITIES)
    assert is_timing(name) == (name in TIMES)
    assert is_summary(name) <= is_quality(name)
    single = name.startswith(("recall.", "skill.")) and name != RECALL_MIN
    assert is_summary(name) == (is_quality(name) and not single)


def test_the_recipe_of_a_card_is_the_one_it_was_made_by():
    recipe = find_recipe("up-down")
    table = {"name": "mine", **recipe.to_table()}
    card = Card(task="keyword-spotting", io=IO, model_sha256="ab", recipe=table)
    assert recipe_of(card, Path("x.zip")).to_table() == recipe.to_table()
    assert recipe_of(card, Path("x.zip")).name == "mine"
    for silent in (None, Card(task="keyword-spotting", io=IO, model_sha256="ab")):
        with pytest.raises(ModelFileError, match="--recipe"):
            recipe_of(silent, Path("x.zip"))
