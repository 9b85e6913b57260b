"""From a file with gaps to a certificate and a forecast: only measured values are scored."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

import motefit

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
def walk(tmp_path_factory):
    """The folder of the files, and the release of a fit to them."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "walk.toml").write_text(RECIPE)
    rows = lines(np.random.default_rng(0))
    data = folder / "walk.csv"
    data.write_text("\n".join(["time,x", *rows]) + "\n")
    result = motefit.fit(
        folder / "walk.toml", data=data, out=folder / "run", workers=1, progress="quiet"
    )
    assert not result.met  # no forecast can meet this budget
    return folder, result.main


def test_an_error_below_the_lowest_possible_one_is_not_certified(walk):
    _, found = walk
    facts, evidence = found.card.facts, found.card.evidence
    naive = evidence["baselines"]["persistence"]["mae"]["x"]
    assert facts["mae.x"] == pytest.approx(LEAST, abs=0.15)  # 3 errors, about 150 windows
    assert facts["mae.x"] == pytest.approx(naive, rel=0.1)
    data = evidence["data"]
    assert found.certificate.data.filled_inputs_percent == pytest.approx(
        data["filled_inputs_percent"]["test"]
    )
    assert 30 < data["filled_inputs_percent"]["test"] < 50
    assert sum(data["windows_left_out"]["test"].values()) > data["windows"]["test"]
    said = "\n".join(data["notes"])
    assert '[data] missing = "interpolate" is read as "hold"' in said
    assert "filled inputs, where the last known value is held: " in said
    assert "windows left out, as a target is missing: " in said


def test_a_forecast_fills_gaps_as_training_did_and_says_so(walk):
    folder, found = walk
    rows = (folder / "walk.csv").read_text().splitlines()[:2000]
    known = [n for n, row in enumerate(rows) if n and not row.endswith(",")]
    last = next(n for n in known[::-1] if rows[n - 1].endswith(",") and n > 1900)
    path = folder / "short.csv"
    path.write_text("\n".join(rows[: last + 1]) + "\n")
    stamp = rows[last].split(",")[0].replace("T", " ")
    said = motefit.forecast(found.bundle, path)
    filled = sum(text.endswith(",") for text in rows[last - 5 : last + 1])
    assert said.filled_inputs == filled > 0
    assert said.values[0, 0] == pytest.approx(float(rows[last].split(",")[1]), abs=2)
    head, _, step = str(said).splitlines()
    assert head == (
        f"input ends {stamp}, the newest row; {filled} missing input values held from earlier rows"
    )
    assert step.startswith(str(datetime.fromisoformat(stamp) + timedelta(minutes=1)))
    path.write_text("\n".join([*rows[: last + 1], "2024-02-01T00:00:00+02:00,"]) + "\n")
    with pytest.raises(motefit.DataError) as refused:
        motefit.forecast(found.bundle, path)
    assert f"the last usable row is {stamp}" in str(refused.value)
