"""Errors by hour, season and step, and the best, median and worst day."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.measure.forecast_details import MOST_POINTS, SEASONS, Forecasts, series_details


def forecasts(start: str, n: int, *, minutes: float, quantiles: int = 1) -> Forecasts:
    rng = np.random.default_rng(0)
    seconds = (np.arange(n) * round(60 * minutes)).astype("timedelta64[s]")
    truth = rng.normal(10, 3, (n, 3, 2))
    answers = truth + rng.normal(0.5, 1, (n, 3, 2))
    spread = np.linspace(-1, 1, quantiles) if quantiles > 1 else np.zeros(1)
    return Forecasts(
        columns=("T (degC)", "rh (%)"),
        predictions=answers,
        targets=truth,
        naive=truth + rng.normal(0, 2, (n, 3, 2)),
        quantiles=answers[..., np.newaxis] + spread,
        times=np.datetime64(start, "s") + seconds,
        step_minutes=minutes,
    )


@settings(max_examples=20, deadline=None)
@given(
    start=st.datetimes(),
    n=st.integers(1, 400),
    minutes=st.sampled_from([1.0, 10.0, 30.0, 60.0, 1440.0]),
)
def test_groups_average_to_the_whole_and_count_every_forecast(start, n, minutes) -> None:
    given_ = forecasts(start.replace(microsecond=0).isoformat(), n, minutes=minutes)
    found = json.loads(json.dumps(series_details(given_)))
    for i, column in enumerate(given_.columns):
        errors = given_.predictions[..., i] - given_.targets[..., i]
        for key in ("by_hour", "by_season"):
            group = found[column][key]
            assert sum(group["n"]) == errors.size
            for name, values in (("mae", np.abs(errors)), ("bias", errors)):
                mean = np.average(group[name], weights=group["n"])
                assert mean == pytest.approx(values.mean(), rel=1e-3, abs=1e-3)
        steps = errors.mean(axis=0)
        assert found[column]["bias_by_step"] == pytest.approx(steps, rel=1e-3, abs=1e-4)
        days = found[column]["days"]
        assert len(days) in {0, 3}
        assert sorted(day["mae"] for day in days) == [day["mae"] for day in days]
        for day in days:
            assert len(day["minutes"]) == len(day["truth"]) == len(day["forecast"]) <= MOST_POINTS
            assert all(0 <= m < 1440 for m in day["minutes"])


def test_hour_and_season_are_those_of_the_time_forecast() -> None:
    one = forecasts("2020-11-30T23:00", 1, minutes=60.0)  # for 00:00, 01:00 and 02:00 of December
    found: dict = series_details(one)["T (degC)"]
    assert found["by_hour"]["names"] == ["00:00", "01:00", "02:00"]
    assert found["by_season"]["names"] == [SEASONS[0]]
    starts = {month: f"2021-{month:02}-10" for month in (2, 3, 8, 9)}
    months = {m: series_details(forecasts(s, 1, minutes=60.0)) for m, s in starts.items()}
    named = {month: d["T (degC)"]["by_season"]["names"][0] for month, d in months.items()}
    assert named == {2: SEASONS[0], 3: SEASONS[1], 8: SEASONS[2], 9: SEASONS[3]}


def test_the_worst_day_is_the_one_that_was_spoiled_with_the_forecasts_for_it() -> None:
    whole = forecasts("2020-05-01T00:00", 24 * 9, minutes=60.0, quantiles=3)
    target = whole.target_times[:, -1]
    spoiled = target.astype("datetime64[D]") == np.datetime64("2020-05-05")
    whole.predictions[spoiled, -1] += 50
    found: dict = series_details(whole)["rh (%)"]
    worst = found["days"][-1]
    assert (worst["which"], worst["date"]) == ("worst", "2020-05-05")
    assert worst["forecast"] == pytest.approx(whole.predictions[spoiled, -1, 1], rel=1e-4)
    assert worst["ahead_minutes"] == 180
    assert all(low <= high for low, high in zip(worst["low"], worst["high"], strict=True))
    middle = np.abs(whole.quantiles[:, :, 1, 1] - whole.targets[..., 1])
    assert found["inside_by_step"] == pytest.approx((middle <= 1).mean(axis=0), rel=1e-4)
    assert series_details(whole) == series_details(whole)
