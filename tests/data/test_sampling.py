"""Zones, jitter, resampling, absent rows, groups, and what an audit finds odd."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.oddities import find_oddities
from motefit.data.series import load_series, read_series
from motefit.data.zones import find_zone
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.tasks.series_spec import SeriesData

START = datetime(2024, 3, 25)  # noqa: DTZ001 - unzoned


def spec(**options):
    columns = {"inputs": ("a", "b"), "targets": ("b",), "input_steps": 3, "output_steps": 2}
    return SeriesData(**{"time": "time", "time_format": "", **columns, **options})


def stamp(seconds):
    return str(START + timedelta(seconds=seconds))


@pytest.fixture
def write(tmp_path):
    def _write(rows, header="time,a,b"):
        path = tmp_path / "log.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return _write


def walk(seconds):
    return [f"{stamp(s)},{i},{1000 + i}" for i, s in enumerate(seconds)]


AUTUMN = [f"2024-10-27T{h}" for h in ("01:00", "02:00", "02:00", "03:00")]
SPRING = [f"2024-03-31T{h}" for h in ("00:00", "01:00", "03:00", "04:00")]


def test_daylight_saving_repeats_and_gaps_are_named_and_read(write):
    rows = [f"{time},{i},{i}" for i, time in enumerate(SPRING)]
    options = {"step_minutes": 60.0}
    assert (
        "clocks go forward to daylight-saving" in read_series(write(rows), spec(**options)).notes[0]
    )
    rows = [f"{time},{i},{i}" for i, time in enumerate(AUTUMN)]
    with pytest.raises(DataError, match=r"line 4: .* put back .* timezone .*\"Europe/Berlin\""):
        read_series(write(rows), spec(**options))
    for times, zones in ((AUTUMN, [2, 2, 1, 1]), (SPRING, [1, 1, 2, 2])):
        rows = [f"{time},{i},{i}" for i, time in enumerate(times)]
        found = read_series(write(rows), spec(timezone="Europe/Berlin", **options))
        assert len(found.runs) == 1
        assert found.file_zones.tolist() == [3600 * zone for zone in zones]


def test_time_that_a_clock_never_shows(write):
    rows = ["2024-03-31T01:30,1,1", "2024-03-31T02:30,1,1"]
    with pytest.raises(
        DataError, match=r"line 3: the time 2024-03-31 02:30:00 does not exist .*01:"
    ):
        read_series(write(rows), spec(timezone="Europe/Berlin", step_minutes=60.0))


@given(st.integers(0, 10_000), st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"]))
def test_every_half_hour_of_a_local_clock_is_one_step(tmp_path_factory, first, name):
    zone = find_zone(name)
    start = np.datetime64("2023-01-01T00:00") + np.timedelta64(first, "h")
    utc = start + np.arange(200) * np.timedelta64(30, "m")
    local = [t.astype("datetime64[us]").item().replace(tzinfo=find_zone("UTC")) for t in utc]
    rows = [f"{t.astimezone(zone):%Y-%m-%d %H:%M},{i},{i}" for i, t in enumerate(local)]
    path = tmp_path_factory.mktemp("zone") / "a.csv"
    path.write_text("\n".join(["time,a,b", *rows]))
    # a series that begins in the repeated hour's second pass cannot be told from the first
    if local[0].astimezone(zone).fold or local[1].astimezone(zone).fold:
        return
    found = read_series(path, spec(timezone=name, step_minutes=30.0))
    assert (found.times == utc).all()


@pytest.mark.parametrize("name", ["Berlin", "Europe/Berlim", "+25:00", "CET+1"])
def test_unknown_zones(write, name):
    with pytest.raises(RecipeError, match='write one as "Europe/Berlin" or'):
        read_series(write(walk([0])), spec(timezone=name))


@pytest.mark.parametrize(("step", "jitter"), [(60.0, (-1.0, 0.0, 1.0)), (2.0, (-0.08, 0.0, 0.08))])
def test_jitter_is_snapped_to_the_grid_and_said(write, step, jitter):
    rng = np.random.default_rng(0)
    seconds = np.arange(400) * step + rng.choice(jitter, 400) + 5
    path = write(walk(seconds.tolist()))
    found = load_series(path, spec(step_minutes=step / 60))
    assert found.runs == 1
    assert found.train.inputs[:, :, 0].tolist() == [[i, i + 1, i + 2] for i in range(276)]
    (note,) = found.notes
    assert "count as one step (tolerance 10 %)" in note
    assert f"{step - 2 * jitter[2]:g} s" in note or "1 min" in note
    with pytest.raises(DataError, match=r"distances between rows: .* set .data. tolerance_percent"):
        load_series(path, spec(step_minutes=step / 60, tolerance_percent=0.0))


def test_a_few_odd_distances_stay_gaps(write):
    seconds = [60 * i + (i >= 50) for i in range(200)]
    path = write(walk(seconds))
    assert len(read_series(path, spec(step_minutes=1.0)).runs) == 2
    assert len(read_series(path, spec(step_minutes=1.0, tolerance_percent=2.0)).runs) == 1


def test_resampling_takes_mean_or_last_of_the_past_step(write):
    seconds = [0, 7, 60, 61, 119.5, 180, 240, 241]
    path = write(walk(seconds))
    mean = read_series(path, spec(step_minutes=1.0, resample="mean"))
    assert [str(t)[-8:] for t in mean.times] == ["00:00:00", "00:01:00", "00:02:00", "00:03:00",
                                                 "00:04:00"]  # fmt: skip
    assert mean.values[:, 0].tolist() == [0.0, 1.5, 3.5, 5.0, 6.0]
    last = read_series(path, spec(step_minutes=1.0, resample="last"))
    assert last.values[:, 0].tolist() == [0.0, 2.0, 4.0, 5.0, 6.0]


@given(
    seconds=st.lists(st.integers(0, 3600), min_size=20, max_size=60, unique=True),
    rule=st.sampled_from(["mean", "last"]),
)
def test_resampling_never_looks_ahead(tmp_path_factory, seconds, rule):
    """A row depends only on readings up to its time, whatever the order in the file."""
    rows = [f"{stamp(s)},{s},{s}" for s in seconds]
    path = tmp_path_factory.mktemp("resample") / "a.csv"
    path.write_text("\n".join(["time,a,b", *rows]))
    found = read_series(path, spec(step_minutes=5.0, resample=rule))
    for time, value in zip(found.times.tolist(), found.values[:, 0].tolist(), strict=True):
        end = (time - START).total_seconds()
        inside = sorted(s for s in seconds if end - 300 < s <= end)
        assert value == pytest.approx(inside[-1] if rule == "last" else np.mean(inside))


def test_absent_rows_are_read_as_missing_rows(write):
    seconds = [600 * i for i in range(100) if i not in {10, 40, 41, 42, 43}]
    path = write(walk(seconds))
    hold = {"missing": "hold", "max_filled_steps": 3}
    assert len(read_series(path, spec(**hold)).runs) == 3
    found = read_series(path, spec(absent_rows="missing", **hold))
    assert (len(found.runs), found.filled.sum()) == (2, 2)
    assert str(found.file_times[10]) == "2024-03-25T01:40:00"
    assert found.values[10].tolist() == [9.0, 1009.0]


def stations(order):
    rows = {n: [f"{stamp(600 * i)},{n},{k * 1000 + i},{i}" for i in range(60)]
            for k, n in enumerate("xy")}  # fmt: skip
    if order == "one by one":
        return [*rows["x"], *rows["y"]]
    return [row for pair in zip(rows["x"], rows["y"], strict=True) for row in pair]


@pytest.mark.parametrize("order", ["one by one", "interleaved"])
@pytest.mark.parametrize("split", ["whole", "per-run"])
def test_windows_never_cross_groups(write, order, split):
    path = write(stations(order), "time,station,a,b")
    with pytest.raises(DataError, match=r'set \[data\] group = "station"'):
        read_series(path, spec())
    found = load_series(path, spec(group="station", split=split))
    assert (found.runs, found.gaps, found.group_names) == (2, 0, ("x", "y"))
    assert found.subset_rows == (84, 24, 12)
    for windows in found.subsets.values():
        station = windows.inputs[:, :, 0] // 1000
        assert (station == station[:, :1]).all()
        assert set(station.ravel().tolist()) == {0.0, 1.0}
    one = read_series(path, spec(group="station")).of_group("y")
    assert one.values[:, 0].tolist() == [1000.0 + i for i in range(60)]
    assert one.runs == ((0, 60),)


@pytest.mark.parametrize(
    ("options", "seconds", "remedy"),
    [
        ({}, [60 * i for i in range(99)], "check step_minutes: rows are mostly 1 min apart"),
        ({}, [600 * i for i in range(9)], "give at least 51 rows in a row"),
        (
            {"step_minutes": 1.0, "tolerance_percent": 1.0},
            [60 * i + 5 * (i % 2) for i in range(99)],
            "set .data. tolerance_percent = 10",
        ),
        (
            {"split": "per-run"},
            [600 * (i + 5 * (i // 20)) for i in range(800)],
            'set .data. split = "whole"',
        ),
    ],
)
def test_runs_too_short_are_named_with_their_remedy(write, options, seconds, remedy):
    with pytest.raises(DataError, match=rf"distances between rows: .*{remedy}"):
        load_series(write(walk(seconds)), spec(**options))


def test_missing_values_that_cut_every_run(write):
    rows = [f"{stamp(600 * i)},{'' if i % 4 == 0 else i},1" for i in range(200)]
    with pytest.raises(DataError, match=r'50 rows lack a value: .* missing = "hold"'):
        load_series(write(rows), spec())


def test_spikes_and_stuck_values_are_found():
    rng = np.random.default_rng(0)
    values = np.round(20 + rng.normal(0, 0.1, 1000).cumsum(), 2)
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(1000) * np.timedelta64(60, "s")
    clean = find_oddities(times, values, ((0, 1000),))
    assert (clean.spikes, clean.stuck, clean.notes("T")) == (0, False, [])
    values[500] = 85.0
    values[700:800] = values[700]
    found = find_oddities(times, values, ((0, 1000),))
    assert (found.spikes, found.first_spike) == (1, "2024-01-01T08:20:00")
    assert (found.stuck, found.longest_equal, found.equal_from) == (
        True,
        100,
        "2024-01-01T11:40:00",
    )
    assert len(found.notes("T")) == 2
    assert find_oddities(times, values, ((0, 500), (500, 1000))).spikes == 0


@given(
    codes=st.lists(st.sampled_from([-127.0, 85.0, 65535.0]), unique=True), seed=st.integers(0, 9)
)
def test_error_codes_are_found_however_often_they_occur(codes, seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.uniform(14, 27, 600), 1)
    places = rng.permutation(600)[: 60 * len(codes)]
    values[places] = np.repeat(codes, 60)
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(600) * np.timedelta64(60, "s")
    found = find_oddities(times, values, ((0, 600),))
    assert sorted(found.apart) == sorted((code, 60) for code in codes)
    assert all(f"{code:g} in 60 rows" in " ".join(found.notes("T")) for code in codes)
    assert find_oddities(times, np.round(values / 1e9), ((0, 600),)).apart == ()


@pytest.mark.parametrize(
    ("time_format", "remedy"),
    [
        ("%s", 'write time_format = "epoch-s"'),
        ("%F %T", "write %Y-%m-%d"),
        ("%-d.%m.%Y", "write %d"),
        ("%Y-%m-%d %k:%M", "write %H"),
        ("epoch", "allowed: epoch-s, epoch-ms"),
        ("dd.mm.yyyy", "has no directive"),
    ],
)
def test_formats_that_are_not_portable_are_refused_by_name(time_format, remedy):
    with pytest.raises(RecipeError) as caught:
        spec(time_format=time_format)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"series": "entity_id"}, "series and value belong together"),
        ({"separator": "::"}, "one character"),
        ({"separator": ",", "decimal": ","}, "one character"),
        ({"tolerance_percent": 50.0}, "below 50"),
        ({"valid_ranges": {"a": (2.0, 1.0)}}, "2 must be less than 1"),
        ({"column_sentinels": {"c": (1.0,)}}, "c, which is not an input"),
        ({"time": ()}, "time needs the name of a column"),
        ({"skip_lines": -1}, "at least 0"),
    ],
)
def test_keys_that_contradict_each_other(options, problem):
    with pytest.raises(RecipeError, match=problem):
        spec(**options)
