"""From which row of a table a forecast starts, by which clock, and what it refuses."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.runtime import Forecaster, load_bundle, write_bundle


def lost(line: str) -> str:
    """Remove the temperature from a row of the climate file."""
    return line.split(",", maxsplit=1)[0] + ",-9999,50,1000"


def clock(line: str) -> np.datetime64:
    """Read the time of a row of the climate file."""
    text = line.split(",", maxsplit=1)[0]
    return np.datetime64(datetime.strptime(text, "%d.%m.%Y %H:%M:%S"))  # noqa: DTZ007


def refusal(bundle: Path, path: Path, **options: str) -> str:
    with pytest.raises(motefit.DataError) as refused:
        motefit.forecast(bundle, path, **options)
    return str(refused.value)


def test_a_forecast_follows_the_last_rows(climate_run):
    found = motefit.forecast(climate_run.bundle, climate_run.data)
    lines = climate_run.data.read_text().splitlines()[-4:]
    last, step = clock(lines[-1]), np.timedelta64(10, "m")
    assert found.times.tolist() == [(last + step).tolist(), (last + 2 * step).tolist()]
    window = np.array([[float(v) for v in line.split(",")[1:3]] for line in lines])
    expected = Forecaster.load(climate_run.bundle).predict(window)
    np.testing.assert_array_equal(found.values, expected)
    assert found.input_end == found.newest == last
    assert (found.zone, found.filled_inputs, found.levels) == ("", 0, ())
    origin, head, *rows = str(found).splitlines()
    stamp = str(last).partition(".")[0].replace("T", " ")
    assert origin == (
        f"input ends {stamp}, the newest row; times as in the file, which states no zone"
    )
    assert [name.strip() for name in head.split("  ")[-2:]] == ["T (degC)", "rh (%)"]
    assert len(rows) == 2
    names, *table = csv.reader(io.StringIO(found.to_csv()))
    assert names == ["time", "T (degC)", "rh (%)"]
    assert [np.datetime64(row[0]) for row in table] == list(found.times)
    assert [list(map(float, row[1:])) for row in table] == found.values.tolist()


def test_a_keyword_model_does_not_forecast(tones_run, climate_run):
    with pytest.raises(motefit.ModelFileError, match="is a model for keyword-spotting"):
        motefit.forecast(tones_run.bundle, climate_run.data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(
            lambda rows: rows[:3],
            "has 2 such rows up to there, after a gap, a missing value or the start of the file; "
            "no earlier row can be used either",
            id="few rows",
        ),
        pytest.param(lambda rows: [*rows[:-3], *rows[-2:]], "has 2 such rows up to", id="gap"),
        pytest.param(
            lambda rows: [*rows[:-2], lost(rows[-2]), rows[-1]], "has 1 such rows", id="sentinel"
        ),
        pytest.param(
            lambda rows: [rows[0].replace("T (degC)", "T"), *rows[1:]],
            "no column 'T (degC)'",
            id="column",
        ),
        pytest.param(lambda rows: [*rows, rows[-2]], "twice", id="repeated row"),
        pytest.param(lambda rows: rows[:0], "the file is empty", id="empty"),
    ],
)
def test_an_unusable_series(climate_run, tmp_path, damage, said):
    path = tmp_path / "series.csv"
    path.write_text("\n".join(damage(climate_run.data.read_text().splitlines())) + "\n")
    assert said in refusal(climate_run.bundle, path)


def test_times_in_iso_8601_are_read_whatever_the_training_data_had(climate_run, tmp_path):
    header, *rows = climate_run.data.read_text().splitlines()[:400]
    (tmp_path / "own.csv").write_text("\n".join([header, *rows]) + "\n")
    iso = [f"{clock(row)},{row.partition(',')[2]}" for row in rows]
    (tmp_path / "iso.csv").write_text("\n".join([header, *iso]) + "\n")
    own, found = (
        motefit.forecast(climate_run.bundle, tmp_path / f"{n}.csv") for n in ("own", "iso")
    )
    assert found.values.tolist() == own.values.tolist()
    assert own.notes == ()
    assert "read in ISO 8601, not as '%d.%m.%Y %H:%M:%S'" in found.notes[-1]


def test_inputs_unlike_the_training_data_are_pointed_out(climate_run, tmp_path):
    path = tmp_path / "kelvin.csv"
    names, *rows = (line.split(",") for line in climate_run.data.read_text().splitlines())
    kelvin = [[time, f"{float(celsius) + 273.15}", *rest] for time, celsius, *rest in rows[-9:]]
    path.write_text("".join(",".join(row) + "\n" for row in [names, *kelvin]))
    (note,) = motefit.forecast(climate_run.bundle, path).notes
    assert note.startswith("T (degC): ")
    assert note.endswith("of the training data; is it in another unit?")


def test_another_step_and_a_group_that_is_not_there_are_named(climate_run, tmp_path):
    lines = climate_run.data.read_text().splitlines()[:40]
    (tmp_path / "every_third.csv").write_text("\n".join([lines[0], *lines[1::3]]) + "\n")
    said = refusal(climate_run.bundle, tmp_path / "every_third.csv")
    assert "rows are mostly 30 minutes apart" in said
    assert "has no groups; leave 'x' out" in refusal(
        climate_run.bundle, climate_run.data, group="x"
    )


@pytest.fixture
def stale(climate_run, tmp_path) -> tuple[Path, Path, str]:
    """A file whose three newest rows lack a value, the file without them, and its last time."""
    lines = climate_run.data.read_text().splitlines()
    marked, shorter = tmp_path / "marked.csv", tmp_path / "shorter.csv"
    marked.write_text("\n".join([*lines[:-3], *map(lost, lines[-3:])]) + "\n")
    shorter.write_text("\n".join(lines[:-3]) + "\n")
    return marked, shorter, str(clock(lines[-4])).partition(".")[0].replace("T", " ")


def test_stale_rows_are_refused_and_the_last_usable_one_is_named(climate_run, stale):
    marked, _, last = stale
    said = refusal(climate_run.bundle, marked)
    assert "a value is missing there (empty, NaN or a sentinel)" in said
    assert (
        f"the last usable row is {last}: give newer rows, or forecast from that one with "
        f'at (--at "{last}") or stale_ok (--stale-ok)'
    ) in said


def test_a_forecast_from_a_row_equals_that_of_a_file_ending_there(climate_run, stale):
    marked, shorter, last = stale
    wanted = motefit.forecast(climate_run.bundle, shorter)
    whole = climate_run.data
    for path, options in (
        (marked, {"stale_ok": True}), (marked, {"at": last}), (whole, {"at": last}),
    ):  # fmt: skip
        found = motefit.forecast(climate_run.bundle, path, **options)
        np.testing.assert_array_equal(found.values, wanted.values)
        assert (found.input_end, list(found.times)) == (wanted.input_end, list(wanted.times))
        assert str(found).startswith(f"input ends {last}, not at the newest row, ")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2009-01-20 00:05:00", "no row has the time '2009-01-20 00:05:00'; the rows go from 2009"),
        ("yesterday", "'yesterday' is neither in ISO 8601 nor in '%d.%m.%Y %H:%M:%S'"),
        ("2009-01-20T00:00:00+01:00", "has a zone, but the times of"),
        ("2009-01-01 00:20:00", "has 2 such rows up to there"),
    ],
)
def test_a_time_that_no_forecast_starts_from(climate_run, at, said):
    assert said in refusal(climate_run.bundle, climate_run.data, at=at)


def with_reading(bundle: Path, path: Path, **settings: str) -> Path:
    """Write a bundle whose recipe reads tables by other settings."""
    loaded = load_bundle(bundle)
    recipe = {**loaded.card.recipe, "data": {**loaded.card.recipe["data"], **settings}}
    return write_bundle(path, loaded.model, replace(loaded.card, recipe=recipe))


def test_a_forecast_keeps_the_zone_of_the_row_it_starts_from(climate_run, tmp_path):
    """Four rows before and four after the clock goes back; 02:50 occurs twice."""
    bundle = with_reading(climate_run.bundle, tmp_path / "zoned.zip", time_format="")
    utc = [datetime(2024, 10, 27, 0, 20, tzinfo=UTC) + timedelta(minutes=10 * i) for i in range(12)]
    zoned = [t.astimezone(timezone(timedelta(hours=2 if t.hour < 1 else 1))) for t in utc]
    path = tmp_path / "zoned.csv"
    rows = [f"{t.isoformat()},{i},{50 + i}" for i, t in enumerate(zoned)]
    path.write_text("\n".join(["Date Time,T (degC),rh (%)", *rows]))
    found = motefit.forecast(bundle, path)
    assert [found.written(time) for time in found.times] == [
        "2024-10-27 03:20:00+01:00", "2024-10-27 03:30:00+01:00",
    ]  # fmt: skip
    assert found.zone == "+01:00"
    said = refusal(bundle, path, at="2024-10-27 02:50:00")
    assert "2 rows have the time" in said
    assert 'zone too: at (--at) "2024-10-27 02:50:00+02:00"' in said
    for at in ("2024-10-27 02:50:00+02:00", "2024-10-27T00:50:00Z"):
        first = str(motefit.forecast(bundle, path, at=at)).splitlines()
        assert first[0] == (
            "input ends 2024-10-27 02:50:00+02:00, not at the newest row, 2024-10-27 04:10:00+02:00"
        )
        assert first[2].startswith("2024-10-27 03:00:00+02:00")


def test_a_forecast_for_a_station_of_several(climate_run, tmp_path):
    bundle = with_reading(climate_run.bundle, tmp_path / "grouped.zip", group="station")
    lines = climate_run.data.read_text().splitlines()[:9]
    path = tmp_path / "stations.csv"
    rows = [f"{line},{name}" for line in lines[1:] for name in ("roof", "yard")]
    path.write_text("\n".join([f"{lines[0]},station", *rows]))
    assert "name one as group (--group): roof, yard" in refusal(bundle, path)
    assert "no group 'yrad' (did you mean 'yard'?)" in refusal(bundle, path, group="yrad")
    plain = tmp_path / "plain.csv"
    plain.write_text("\n".join(lines))
    own = motefit.forecast(bundle, path, group="yard")
    assert own.to_csv() == motefit.forecast(climate_run.bundle, plain).to_csv()
