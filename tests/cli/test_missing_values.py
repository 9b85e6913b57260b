"""From a file with gaps to a certificate and a forecast: only measured values are scored."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

RECIPE = """
task = "forecasting"
[data]
time = "time"
time_format = ""
inputs = ["x"]
targets = ["x"]
output_steps = 1
step_minutes = 1
missing = "interpolate"
max_filled_steps = 10
[model]
family = "linear"
[train]
epochs = 15
weight_decay = 0.0
[compress]
precision = "float32"
[search]
repeats = 1
[budget]
mae.x = "< 0.6"
"""
ROWS = 6000
OFFSET = 2e7
"""Where float32 holds every second whole number."""
LEAST = np.sqrt(2 / np.pi)
"""Mean absolute error of the best forecast of a random walk, one step of deviation 1 ahead."""


def lines(rng: np.random.Generator) -> list[str]:
    """Write a random walk with half of its values missing and a time zone."""
    start = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    values = OFFSET + rng.standard_normal(ROWS).cumsum()
    lost = rng.random(ROWS) < 0.5
    return [
        f"{(start + timedelta(minutes=i)).isoformat()},{'' if gone else f'{value:.4f}'}"
        for i, (value, gone) in enumerate(zip(values, lost, strict=True))
    ]


@pytest.fixture(scope="module")
def walk(tmp_path_factory, invoke):
    """The folder of the files, and the output of ``fit`` as JSON and as text."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "walk.toml").write_text(RECIPE)
    rows = lines(np.random.default_rng(0))
    (folder / "walk.csv").write_text("\n".join(["time,x", *rows]) + "\n")
    done = invoke(
        "fit", folder / "walk.toml", "--data", folder / "walk.csv", "--out", folder / "run",
        "--workers", 1, "--json",
    )  # fmt: skip
    assert done.exit_code == 1, done.output  # no forecast can meet this budget
    return folder, json.loads(done.stdout)


def test_an_error_below_the_lowest_possible_one_is_not_certified(walk):
    _, found = walk
    assert found["met"] is False
    naive = found["evidence"]["baselines"]["persistence"]["mae"]["x"]
    assert found["facts"]["mae.x"] == pytest.approx(LEAST, abs=0.15)  # 3 errors, about 150 windows
    assert found["facts"]["mae.x"] == pytest.approx(naive, rel=0.1)
    data = found["evidence"]["data"]
    assert found["certificate"]["data"]["filled_inputs_percent"] == pytest.approx(
        data["filled_inputs_percent"]["test"]
    )
    assert 30 < data["filled_inputs_percent"]["test"] < 50
    assert sum(data["windows_left_out"]["test"].values()) > data["windows"]["test"]
    said = "\n".join(data["notes"])
    assert '[data] missing = "interpolate" is read as "hold"' in said
    assert "filled inputs, where the last known value is held: " in said
    assert "windows left out, as a target is missing: " in said


def test_a_forecast_fills_gaps_as_training_did_and_says_so(walk, invoke, refused):
    folder, found = walk
    bundle = Path(found["bundle"])
    rows = (folder / "walk.csv").read_text().splitlines()[:2000]
    known = [n for n, row in enumerate(rows) if n and not row.endswith(",")]
    last = next(n for n in known[::-1] if rows[n - 1].endswith(",") and n > 1900)
    path = folder / "short.csv"
    path.write_text("\n".join(rows[: last + 1]) + "\n")
    stamp = rows[last].split(",")[0].replace("T", " ")
    (row,) = json.loads(invoke("forecast", bundle, path, "--json").stdout)
    assert row["input_end"] == stamp
    assert row["filled_inputs"] == sum(text.endswith(",") for text in rows[last - 5 : last + 1]) > 0
    assert row["time"] == str(datetime.fromisoformat(stamp) + timedelta(minutes=1))
    assert row["x"] == pytest.approx(float(rows[last].split(",")[1]), abs=2)
    said = invoke("forecast", bundle, path).stdout.splitlines()[0]
    assert said == (
        f"input ends {stamp}, the newest row; {row['filled_inputs']} missing input values held "
        "from earlier rows"
    )
    path.write_text("\n".join([*rows[: last + 1], "2024-02-01T00:00:00+02:00,"]) + "\n")
    assert f"the last usable row is {stamp}" in refused("forecast", bundle, path)
