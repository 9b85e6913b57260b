"""Live forecasts: from the rows that training would have made, and judged by what comes."""

import dataclasses
import functools
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_node import kept_readings, silence

import motefit
from motefit.deploy.live_forecasts import LiveForecasts
from motefit.deploy.reading import Quantity, Reading
from motefit.runtime.bundle import load_bundle, write_bundle
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.zoo import find_model
from motefit.spec.errors import DataError, ModelFileError, RecipeError

ROOM = (Quantity(name="temperature", unit="Cel"), Quantity(name="humidity", unit="%RH"))
STEP = timedelta(minutes=10)
START = datetime(2024, 3, 25, 12, 10, tzinfo=UTC)


def forecasts(model="climate-6", every_s=600.0, **columns):
    return LiveForecasts(str(model), ROOM, columns=columns, node="n", every_s=every_s)


def readings(moment, temperature, humidity):
    found = {"temperature": (temperature, "Cel"), "humidity": (humidity, "%RH")}
    return [
        Reading(key=f"n:{name}", time_ms=round(1000 * moment.timestamp()), value=value, unit=unit)
        for name, (value, unit) in found.items()
        if value is not None
    ]


@pytest.fixture(scope="module")
def variant(tmp_path_factory):
    """Make a shipped forecaster whose recipe and step are changed, each once."""

    @functools.cache
    def make(name="climate-6", *, step_minutes=10.0, **data):
        bundle = load_bundle(find_model(name))
        recipe = {**bundle.card.recipe, "data": {**bundle.card.recipe["data"], **data}}
        io = dataclasses.replace(bundle.card.io, step_minutes=step_minutes)
        card = dataclasses.replace(bundle.card, recipe=recipe, io=io)
        path = tmp_path_factory.mktemp("variant") / "model.zip"
        return write_bundle(path, bundle.model, card)

    return make


ZONED = {"time": "time", "time_format": "%Y-%m-%dT%H:%M:%S%z", "timezone": "UTC"}
HOLD = {"missing": "hold", "max_filled_steps": 2}
RULES = {
    "gap": ("climate-6", {}),
    "hold": ("climate-6", HOLD),
    "absent": ("climate-6", {**HOLD, "absent_rows": "missing"}),
    "clock": ("climate-6-clock", {}),
}
KINDS = st.sampled_from(["whole"] * 12 + ["no T", "no rh", "absent"])


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rule=st.sampled_from(sorted(RULES)),
    kinds=st.lists(KINDS, min_size=8, max_size=14),
    seed=st.integers(0, 99),
)
def test_forecasts_are_those_of_the_same_rows_in_a_file(rule, kinds, seed, variant, tmp_path):
    """The newest forecast is what ``motefit forecast`` says of the rows, or there is none."""
    name, changes = RULES[rule]
    model = variant(name, **ZONED, **changes)
    lines, live = ["time,T (degC),rh (%)"], forecasts(model)
    kinds = ["whole", *kinds, "whole"]
    for number, kind in enumerate(kinds):
        moment = START + number * STEP
        temperature, humidity = (
            np.random.default_rng((seed, number)).uniform((0, 40), (20, 90)).tolist()
        )
        row = (None if kind == "no T" else temperature, None if kind == "no rh" else humidity)
        if kind == "absent":
            continue
        live.observe(readings(moment, *row))
        if number + 1 < len(kinds):  # the last reading only completes the row before
            cells = ",".join("" if value is None else repr(value) for value in row)
            lines.append(f"{moment.isoformat()},{cells}")
            newest = moment
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    newest_ms = round(1000 * newest.timestamp())
    try:
        found = motefit.forecast(model, tmp_path / "rows.csv")
    except DataError as error:
        if "the newest row is" in str(error):
            assert live.state.origin_ms < newest_ms
        return
    assert live.state.origin_ms == newest_ms
    values = np.array([target.values for target in live.state.targets]).T
    np.testing.assert_allclose(values, found.values, rtol=1e-12)


def test_errors_are_those_of_each_step_and_column():
    rng, live = np.random.default_rng(1), forecasts()
    rows = np.stack([rng.uniform(10, 12, 30), rng.uniform(40, 60, 30)], axis=1)
    stored = []
    for number, row in enumerate(rows):
        stored += live.observe(readings(START + number * STEP, *row))
    forecaster = Forecaster.load(find_model("climate-6"))
    ends = range(5, 29)  # the last row is not complete
    predicted = np.array([forecaster.predict(rows[end - 5 : end + 1]) for end in ends])
    for place, target in enumerate(live.state.targets):
        for step in range(6):
            errors = [
                abs(predicted[n, step, place] - rows[end + step + 1, place])
                for n, end in enumerate(ends)
                if end + step + 1 < 29
            ]
            assert target.compared[step] == len(errors)
            assert target.mae[step] == pytest.approx(np.mean(errors))
    assert live.state.made == len(ends)
    by_key = {(r.key, r.time_ms): r.value for r in stored}
    assert len(by_key) == len(stored) == len(ends) * 12
    third = round(1000 * (START + 8 * STEP).timestamp())
    assert by_key["n:humidity:forecast_3", third] == predicted[0, 2, 1]


def test_many_readings_make_one_row_as_the_recipe_says(variant):
    for rule, expected in (("last", 24.0), ("mean", 22.0), ("", 24.0)):
        live = forecasts(variant(resample=rule), every_s=60)
        for number in range(7):
            for minutes, value in ((-9, 20.0), (-5, 22.0), (0, 24.0)):
                live.observe(
                    readings(START + number * STEP + timedelta(minutes=minutes), value, 50)
                )
        flat = np.tile([expected, 50.0], (6, 1))
        predicted = Forecaster.load(find_model("climate-6")).predict(flat)
        assert live.state.targets[0].values == pytest.approx(predicted[:, 0])
    stale = forecasts(variant(resample=""), every_s=60)
    for number in range(20):
        stale.observe(readings(START + number * STEP - timedelta(minutes=5), 20, 50))
    assert (stale.state.made, stale.state.rows) == (0, 0)


def test_a_clock_set_back_starts_again_and_a_restart_does_not():
    live = forecasts()
    past = [r for number in range(8) for r in readings(START + number * STEP, 20, 50)]
    live.observe(past)
    assert live.state.made == 2
    live.observe(readings(START, 20, 50) + readings(START + STEP, 20, 50))
    assert live.state.rows == 1
    again = forecasts()
    again.recall(past)
    assert (again.state.made, again.state.rows) == (0, 6)
    again.observe(readings(START + 8 * STEP, 20, 50))
    assert (again.state.made, again.state.targets[0].compared[:3]) == (1, (2, 1, 0))


def test_a_model_of_clocks_without_zones_reads_the_clock_of_the_node(monkeypatch):
    monkeypatch.setenv("TZ", "EST+5")
    time.tzset()
    try:
        live = forecasts("climate-6-clock")
        for number in range(7):
            live.observe(readings(START + number * STEP, 20, 50))
    finally:
        monkeypatch.undo()
        time.tzset()
    window = np.tile([20.0, 50.0], (6, 1))
    forecaster = Forecaster.load(find_model("climate-6-clock"))
    local = np.datetime64("2024-03-25T08:00:00")
    predicted = forecaster.predict(window, time=local)
    assert live.state.targets[0].values == pytest.approx(predicted[:, 0])
    assert live.state.targets[0].values != pytest.approx(
        forecaster.predict(window, time=local + np.timedelta64(5, "h"))[:, 0]
    )


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("climate-66", {}, ModelFileError, "did you mean 'climate-6'"),
        ("up-down", {}, ModelFileError, "not for forecasting"),
        ("climate-6", {"every_s": 900.0}, RecipeError, "at most 600"),
        ("climate-6", {"T (degC)": "level"}, RecipeError, "does not fit"),
        ("climate-6", {"T": "temperature"}, RecipeError, "does not fit"),
        ("climate-6", {"T (degC)": "humidity"}, RecipeError, "one quantity"),
    ],
)
def test_what_does_not_fit_is_explained(model, options, error, message):
    with pytest.raises(error, match=message):
        forecasts(model, **options)
    with pytest.raises(RecipeError, match="name the quantity of 'T \\(degC\\)'"):
        LiveForecasts("climate-6", ROOM[1:], columns={}, node="n", every_s=2)


def test_a_node_forecasts_stores_and_judges(tmp_path, variant):
    """A minute of silence is a minute of readings, with a model whose step is three seconds."""
    url = f"sqlite:{tmp_path}/stored.db"
    result = motefit.monitor(
        tell=lambda _: None,
        sink=url,
        outbox=str(tmp_path / "outbox.db"),
        node="n",
        every_s=0.5,
        model="up-down",
        on="up",
        off="down",
        start="on",
        microphone=str(silence(tmp_path / "silence.wav", 60)),
        forecast=str(variant(step_minutes=0.05, resample="mean")),
    )
    stored = {(r.key, r.time_ms) for r in kept_readings(url, tmp_path / "outbox.db")}
    made = result.forecast.made
    assert made >= 12
    assert sum(key == "n:temperature:forecast_6" for key, _ in stored) == made
    assert all(0 < mae < 2 for mae in result.forecast.targets[0].mae)
    assert f"{made} forecasts by" in str(result)
    assert "mean absolute error of rh (%) by step: " in str(result)
