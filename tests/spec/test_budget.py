"""Budget lines as a user writes them."""

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.budget import Bound, Budget
from motefit.spec.codec import dumps_toml
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import format_value, metric

NAMES = (
    "accuracy", "size.tflite_bytes", "size.zip_bytes", "latency.frontend_ms", "latency.total_ms",
    "latency.inference_ms", "latency.saving_percent", "ram.arena_bytes", "macs", "mae.T (degC)",
    "balanced_accuracy", "recall.min", "recall.up", "skill.T (degC)",
    "stream.false_accepts_per_hour", "stream.miss_rate", "flash_bytes", "estimate.pico-2_ms",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "relation", "limit"),
    [
        ("accuracy", "> 98 %", ">", 0.98),
        ("accuracy", ">= 98%", ">=", 0.98),
        ("accuracy", "> 0.98", ">", 0.98),
        ("size.zip_bytes", "<= 25 KB", "<=", 25 * 1024),
        ("size.zip_bytes", "< 25 kB", "<", 25 * 1024),
        ("size.tflite_bytes", "<1.5KB", "<", 1536),
        ("size.tflite_bytes", "< 1 MB", "<", 1024 * 1024),
        ("size.tflite_bytes", "< 700 B", "<", 700),
        ("size.tflite_bytes", "< 700", "<", 700),
        ("latency.total_ms", "< 8 ms", "<", 8),
        ("latency.total_ms", "< 250 us", "<", 0.25),
        ("latency.total_ms", "  <  0.04 s ", "<", 40),
        ("latency.saving_percent", "> 40 %", ">", 40),
        ("macs", "< 1.5 M", "<", 1.5e6),
        ("flash_bytes", "< 48 KB", "<", 48 * 1024),
        ("estimate.nano-33-ble_ms", "< 0.2 s", "<", 200),
        ("macs", "< 20 k", "<", 20_000),
        ("mae.T (degC)", "< 0.3", "<", 0.3),
        ("mae.T (degC)", "< 3e-1", "<", 0.3),
        ("skill.T (degC)", "> 10 %", ">", 0.1),
        ("recall.up", ">= 90 %", ">=", 0.9),
        ("recall.min", "> 0.5", ">", 0.5),
        ("balanced_accuracy", ">= 95 %", ">=", 0.95),
        ("stream.false_accepts_per_hour", "<= 0.5", "<=", 0.5),
        ("stream.false_accepts_per_hour", "<= 0.50 per hour", "<=", 0.5),
    ],
)
def test_units(name, text, relation, limit):
    bound = Bound.parse(name, text)
    assert (bound.metric, bound.relation) == (name, relation)
    assert bound.limit == pytest.approx(limit, rel=1e-12)


def test_columns_and_words_are_named_as_those_of_the_data_are():
    table = {"mae. T\u00a0(\u200bdegC)": "< 0.3", "objective": "recall.fu\u0308nf"}
    budget = Budget.from_table(table, where="r")
    assert (budget.metrics, budget.objective) == (("mae.T (degC)",), "recall.f\u00fcnf")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("size.zip_bytes", "< 25 KiB", "allowed: 'B', 'KB', 'kB', 'MB'"),
        ("size.zip_bytes", "< 25 ms", "cannot read the bound '< 25 ms'.*e.g. < 1 B"),
        ("latency.total_ms", "< 8 KB", "allowed: 'ms', 'us', 's'"),
        ("mae.T", "< 0.3 degC", "allowed: none"),
        ("stream.false_accepts_per_hour", "< 2 per day", "allowed: 'per hour'"),
        ("accuracy", "98 %", r"write a relation \(<, <=, >, >=\).*e.g. > 1 %"),
        ("accuracy", "> ", "cannot read"),
        ("accuracy", "> 9 8 %", "cannot read"),
        ("accuracy", "> nan %", "cannot read"),
        ("accuracy", "> 98", "is outside 0..100 %"),
        ("accuracy", "> 101 %", "is outside 0..100 %"),
        ("accuracy", "> -1 %", "is outside 0..100 %"),
        ("accuracy", "< 98 %", r"upper bound given .*higher is better: reverse the relation"),
        ("size.zip_bytes", "> 25 KB", "lower bound given .*lower is better: reverse the relation"),
        ("size.zip_bytes", "< 1e999", "limit: expected a finite number"),
        ("size.zip_byte", "< 1 KB", r"unknown metric 'size.zip_byte' \(did you mean 'size.zip_b"),
        ("estimate.nano33_ms", "< 1 ms", r"unknown board 'nano33' \(did you mean 'nano-33-ble'"),
        ("estimate.pico", "< 1 ms", r"unknown metric 'estimate.pico'.*estimate.<board>_ms"),
        ("estimate.pico_ms", "> 1 ms", "lower is better: reverse"),
        ("acuracy", "> 1 %", r"did you mean 'accuracy'\?"),
        ("mae", "< 1", r"unknown metric 'mae' \(did you mean 'mae.<column>'"),
        ("mae.", "< 1", r"unknown metric 'mae.' \(did you mean 'mae.<column>'"),
        ("skill", "> 1 %", r"unknown metric 'skill' \(did you mean 'skill.<column>'"),
        ("skil.T", "> 1 %", r"unknown metric 'skil.T' \(did you mean 'skill.<column>'"),
        ("recal.up", "> 1 %", r"unknown metric 'recal.up' \(did you mean 'recall.<word>'"),
        ("skill.T", "< 10 %", r"skill.T: upper bound given .*higher is better"),
        ("recall.up", "> 101 %", "recall.up: '> 101 %' is outside 0..100 %"),
    ],
)
def test_lines_that_cannot_be_read(name, text, message):
    with pytest.raises(RecipeError, match=message):
        Bound.parse(name, text)


bounds = st.sampled_from(NAMES).flatmap(
    lambda name: st.builds(
        Bound,
        metric=st.just(name),
        relation=st.sampled_from([">", ">="] if metric(name).higher_is_better else ["<", "<="]),
        limit=st.floats(0, 1) if metric(name).unit == "fraction" else st.floats(0, 1e12),
    )
)
budgets = st.builds(
    Budget,
    bounds=st.lists(bounds, unique_by=lambda b: b.metric).map(tuple),
    objective=st.sampled_from(NAMES),
    reference=st.just("up-down"),
)


@given(budgets)
def test_to_table_is_the_inverse_of_from_table(budget):
    assert Budget.from_table(budget.to_table(), where="x") == budget
    assert Budget.from_table(tomllib.loads(dumps_toml(budget.to_table())), where="x") == budget


def test_dotted_keys_nested_tables_and_quoted_keys_are_the_same():
    written = (
        'size.zip_bytes = "< 1 KB"\nmae."T (degC)" = "< 0.3"',
        '"size.zip_bytes" = "< 1 KB"\n"mae.T (degC)" = "< 0.3"',
        '[size]\nzip_bytes = "< 1024 B"\n[mae]\n"T (degC)" = "< 0.3"',
    )
    read = {Budget.from_table(tomllib.loads(text), where="x") for text in written}
    assert len(read) == 1
    assert [b.limit for b in read.pop().bounds] == [1024, 0.3]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"size": {"zip_bytes": "< 1", "zip_byts": "< 1"}}, "B: unknown metric 'size.zip_byts'"),
        (
            {"size": {"zip_bytes": "< 1"}, "size.zip_bytes": "< 2"},
            "'size.zip_bytes' occurs twice",
        ),
        ({"accuracy": 0.98}, "B: accuracy: cannot read the bound '0.98'"),
        ({"accuracy": ["> 1 %"]}, "B: accuracy: cannot read the bound"),
        ({"objective": "sise.zip_bytes"}, r"B: unknown metric .*did you mean 'size.zip_bytes'"),
        ({"objective": 3}, "B: objective: expected str, got 3"),
        ({"reference": ["a"]}, "B: reference: expected str"),
        ({"latency": {"saving_percent": "> 40 %"}}, "B: latency.saving_percent .* reference = "),
        ("accuracy", "B: expected a table"),
        ([], "B: expected a table"),
    ],
)
def test_tables_that_are_no_budget(table, message):
    with pytest.raises(RecipeError, match=message):
        Budget.from_table(table, where="B")


def test_a_budget_built_in_python_is_checked_too():
    bound = Bound(metric="macs", relation="<", limit=1)
    with pytest.raises(RecipeError, match="macs: bounded twice"):
        Budget(bounds=(bound, bound))
    with pytest.raises(RecipeError, match="relation: got '=='"):
        Bound(metric="macs", relation="==", limit=1)


@given(bounds, st.floats(0, 1e12))
def test_holds_is_the_relation_it_names(bound, value):
    outcome = {"<": value < bound.limit, "<=": value <= bound.limit,
               ">": value > bound.limit, ">=": value >= bound.limit}  # fmt: skip
    assert bound.holds(value) == outcome[bound.relation]
    assert bound.holds(bound.limit) == ("=" in bound.relation)
    assert not bound.holds(math.nan)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.985, "98.50 %"),
        ("size.zip_bytes", 700, "700 B"),
        ("size.zip_bytes", 25_600, "25.00 KB (25 600 B)"),
        ("latency.total_ms", 0.2104, "0.210 ms"),
        ("latency.saving_percent", 66.81, "66.8 %"),
        ("macs", 1_234_567, "1 234 567"),
        ("mae.T (degC)", 0.17961, "0.1796"),
        ("skill.T (degC)", -0.2424, "-24.24 %"),
        ("recall.up", 0.5, "50.00 %"),
    ],
)
def test_values_for_people(name, value, text):
    assert format_value(name, value) == text
