"""Dataclasses to tables, TOML and JSON and back; what does not fit is refused by name."""

import dataclasses
import datetime
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.codec import (
    LARGEST_INTEGER,
    check_fields,
    decode,
    dumps_json,
    dumps_toml,
    encode,
    flatten,
    nearest,
)
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = 1
    names: tuple[str, ...] = ()

    def __post_init__(self):
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Outer:
    text: str
    share: float = 0.5
    flag: bool = False
    mode: Literal["fast", "slow"] = "fast"
    pair: tuple[float, float] = (0.0, 1.0)
    maybe: int | None = None
    inner: Inner = field(default_factory=Inner)
    rows: tuple[Inner, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, object] = field(default_factory=dict)
    anything: Any = 0

    def __post_init__(self):
        check_fields(self)


finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
plain = st.recursive(
    st.booleans() | integers | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
inners = st.builds(Inner, size=integers, names=st.lists(texts, max_size=3).map(tuple))
outers = st.builds(
    Outer,
    text=texts,
    share=finite,
    flag=st.booleans(),
    mode=st.sampled_from(["fast", "slow"]),
    pair=st.tuples(finite, finite),
    maybe=st.none() | integers,
    inner=inners,
    rows=st.lists(inners, max_size=2).map(tuple),
    weights=st.dictionaries(texts, finite, max_size=3),
    free=st.dictionaries(texts, plain, max_size=4),
    anything=plain,
)


@given(outers)
def test_round_trip_through_toml(value):
    assert decode(Outer, tomllib.loads(dumps_toml(encode(value))), where="x") == value


@given(outers)
def test_round_trip_through_json(value):
    text = dumps_json(value)
    assert decode(Outer, json.loads(text), where="x") == value
    assert dumps_json(decode(Outer, json.loads(text), where="x")) == text


@given(st.dictionaries(texts, plain, max_size=5))
def test_toml_of_any_nested_table(table):
    assert tomllib.loads(dumps_toml(table)) == table


def test_equal_values_give_equal_json_whatever_the_order():
    assert (
        dumps_json({"b": 1, "a": 2}) == dumps_json({"a": 2, "b": 1}) == '{\n "a": 2,\n "b": 1\n}\n'
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, {"x": [-math.inf]}])
def test_json_is_never_given_what_it_cannot_hold(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps_json({"a": value})


@pytest.mark.parametrize("value", [[None], datetime.date(2020, 1, 1), b"x"])
def test_toml_is_never_given_what_it_cannot_hold(value):
    with pytest.raises(TypeError, match="TOML cannot hold"):
        dumps_toml({"a": value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shared": 1}, r"here: unknown key 'shared' \(did you mean 'share'\?\); allowed: any"),
        ({"inner": {"sise": 1}}, r"here: inner: unknown key 'sise' \(did you mean 'size'\?\)"),
        ({"rows": [{}, {"nams": []}]}, r"here: rows\[1\]: unknown key 'nams' \(did you mean"),
        ({"zzz": 1}, "here: unknown key 'zzz'; allowed: "),
        ({"text": None}, "here: text: expected str, got None"),
        ({"share": "1"}, "here: share: expected float, got '1'"),
        ({"share": True}, "here: share: expected float, got True"),
        ({"share": math.nan}, "here: share: expected a finite number, got nan"),
        ({"share": math.inf}, "here: share: expected a finite number, got inf"),
        ({"share": 10**400}, "here: share: expected a number of at most 64 bits"),
        ({"flag": 1}, "here: flag: expected bool, got 1"),
        ({"mode": "sloww"}, r"here: mode: got 'sloww' \(did you mean 'slow'\?\); allowed: 'fast'"),
        ({"mode": ["fast"]}, "here: mode: got"),
        ({"pair": [1.0]}, r"here: pair: expected 2 values, got \[1.0\]"),
        ({"pair": "ab"}, "here: pair: expected a list, got 'ab'"),
        ({"pair": [1, "b"]}, r"here: pair\[1\]: expected float, got 'b'"),
        ({"maybe": 1.5}, "here: maybe: expected int, got 1.5"),
        ({"maybe": True}, "here: maybe: expected int, got True"),
        ({"inner": 3}, "here: inner: expected a table, got 3"),
        ({"inner": {"size": False}}, "here: inner: size: expected int, got False"),
        ({"inner": {"size": 2**63}}, "here: inner: size: expected a number of at most 64 bits"),
        ({"inner": {"names": "abc"}}, "here: inner: names: expected a list, got 'abc'"),
        ({"inner": {"names": [1]}}, r"here: inner: names\[0\]: expected str, got 1"),
        ({"weights": []}, "here: weights: expected a table"),
        ({"weights": {"a": "b"}}, "here: weights.a: expected float, got 'b'"),
        ({"free": {"a": [1, {"b": math.nan}]}}, r"here: free.a\[1\].b: expected a finite number"),
        ({"free": {"a": datetime.date(2020, 1, 1)}}, "here: free.a: expected .* a date or time"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(RecipeError, match=message):
        decode(Outer, {"text": "t"} | change, where="here")


def test_a_missing_key_is_named():
    with pytest.raises(RecipeError, match="here: the key 'text' is missing"):
        decode(Outer, {}, where="here")


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_only_a_table_makes_a_dataclass(data):
    with pytest.raises(RecipeError, match="here: expected a table"):
        decode(Outer, data, where="here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "bogus"}, "mode: got 'bogus'"),
        ({"share": math.nan}, "share: expected a finite"),
        ({"flag": "yes"}, "flag: expected bool"),
        ({"inner": 1}, "inner: expected a table"),
        ({"free": {"x": {1, 2}}}, "free.x: expected text"),
    ],
)
def test_what_is_built_in_python_meets_the_same_rules(change, message):
    with pytest.raises(RecipeError, match=message):
        Outer(text="t", **change)
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(Outer(text="t"), **change)


def test_a_frozen_dataclass_holds_no_list_and_shares_nothing():
    options = {"sizes": [1, [2, {"deep": [3]}]]}
    value = Outer(text="t", share=1, free=options)
    options["sizes"].append(9)
    options["more"] = 1
    assert value.free == {"sizes": (1, (2, {"deep": (3,)}))}
    assert type(value.share) is float
    assert value == decode(Outer, encode(value), where="x")


def test_encode_leaves_out_none_and_keeps_the_rest_plain():
    table = encode(Outer(text="t", rows=(Inner(),)))
    assert "maybe" not in table
    assert table["rows"] == [{"size": 1, "names": []}]
    assert type(table["inner"]) is dict


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(), min_size=1, max_size=4))
def test_flatten_joins_keys(table):
    assert flatten({"top": table, "x": 1}, where="t") == {
        **{f"top.{key}": value for key, value in table.items()},
        "x": 1,
    }


def test_flatten_refuses_a_key_that_is_there_twice():
    with pytest.raises(RecipeError, match=r"here: the key 'a\.b' occurs twice"):
        flatten({"a": {"b": 1}, "a.b": 2}, where="here")


def test_nearest_is_silent_where_nothing_is_near():
    assert nearest("epoch", ["epochs", "seeds"]) == " (did you mean 'epochs'?)"
    assert nearest("qqq", ["epochs", "seeds"]) == ""
    assert nearest("x", []) == ""
