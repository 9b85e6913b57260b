"""From a recipe with every form to a forecast: what training, file, check and forecast agree on."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import motefit
from motefit.cli.app import app

RECIPE = """
description = "power from sun and temperature, with a clock"
task = "forecasting"
[data]
time = "when"
time_format = ""
inputs = ["sun", "warm"]
targets = ["warm", "power"]
input_steps = 4
output_steps = 2
step_minutes = 60
form = "differences"
calendar = ["hour", "year"]
limits = {"power" = [0, 50]}
quantiles = [0.1, 0.5, 0.9]
validation = "blocks"
block_days = 5
[model]
family = "residual-mlp"
units = 4
[train]
epochs = 4
batch_size = 64
refit = true
[compress]
precision = "int8-weights"
[[compress.steps]]
name = "zip-aware"
tolerance = 0.02
[budget]
mae."warm" = "< 5"
coverage."warm" = "> 40 %"
objective = "mae.warm"
[search]
repeats = 1
"""


def write_series(path: Path, *, days: int = 60, power: bool = True) -> None:
    rng = np.random.default_rng(0)
    hours = np.arange(24 * days)
    day = np.sin(2 * np.pi * (hours % 24 - 6) / 24)
    sun = np.clip(day, 0, None) * 500 + rng.normal(0, 20, len(hours))
    warm = 12 + 6 * day + rng.normal(0, 0.5, len(hours)).cumsum() * 0.1
    watts = np.clip(sun / 10, 0, 50)
    stamps = np.datetime64("2023-06-01T00:00") + hours.astype("timedelta64[h]")
    header = "when,sun,warm" + ",power" * power
    lines = [
        f"{t}Z,{a:.2f},{b:.3f}" + f",{c:.2f}" * power
        for t, a, b, c in zip(stamps, sun, warm, watts, strict=True)
    ]
    path.write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    write_series(folder / "series.csv")
    recipe = motefit.Recipe.loads(RECIPE, name="forms")
    result = motefit.fit(
        recipe, data=folder / "series.csv", out=folder / "run", workers=1, progress="quiet"
    )
    return folder, result


@pytest.mark.slow
def test_the_card_says_how_windows_and_answers_are_encoded(fitted):
    _, result = fitted
    card = result.main.card
    assert card.io.calendar == ("hour", "year")
    assert card.io.calendar_in == "window"
    assert card.io.answer_shape == (2, 2, 3)
    assert card.io.limits == {"power": (0.0, 50.0)}
    assert card.recipe["train"]["refit"] is True
    told = card.evidence["quantiles"]
    assert told["promised"] == pytest.approx(0.8)
    assert card.facts["coverage.warm"] == told["inside"]["warm"]
    assert card.evidence["seeds"]["n"] == 1
    assert "power" in card.evidence["baselines"]["persistence"]["mae"]


def test_check_measures_the_same_to_the_last_digit(fitted):
    folder, result = fitted
    found = motefit.check(result.main.bundle, data=folder / "series.csv", out=folder / "again")
    assert found.differences == ()
    assert not found.rounded
    page = (folder / "again" / "report.html").read_text()
    assert "80.00 % promised" in page


def test_forecast_reads_the_clock_and_gives_quantiles_within_limits(fitted):
    folder, result = fitted
    write_series(folder / "sensors.csv", days=3, power=False)  # without the target "power"
    found = motefit.forecast(result.main.bundle, folder / "sensors.csv")
    assert found.levels == (0.1, 0.5, 0.9)
    assert found.quantiles.shape == (2, 2, 3)
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()
    assert found.quantiles[:, 1].min() >= 0
    np.testing.assert_array_equal(found.values, found.quantiles[..., 1])
    model = motefit.Forecaster.load(result.main.bundle)
    rows = np.loadtxt(folder / "sensors.csv", delimiter=",", skiprows=1, usecols=(1, 2))[-4:]
    np.testing.assert_array_equal(model.predict(rows, time="2023-06-03T23:00:00Z"), found.values)
    assert "warm 0.1" in str(found)
    ran = CliRunner().invoke(
        app, ["forecast", str(result.main.bundle), str(folder / "sensors.csv"), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    first = json.loads(ran.stdout)[0]
    assert first["quantiles"]["warm"] == dict(
        zip(("0.1", "0.5", "0.9"), found.quantiles[0, 0], strict=True)
    )
