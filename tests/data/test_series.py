"""Series: windows, gaps, missing values, splits, normalization, and every kind of bad line."""

import shutil
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_lines import HEADER, START, rows, stamp

from motefit.data.series import load_series, read_series, split_segments
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData


def spec(**options):
    defaults = {
        "time": "time",
        "time_format": "",
        "inputs": ("a", "b"),
        "targets": ("b",),
        "input_steps": 3,
        "output_steps": 2,
        "train_percent": 50.0,
        "validation_percent": 25.0,
    }
    return SeriesData(**{**defaults, **options})


def assert_window_values(dataset):
    """Column a counts steps, so any gap or shift inside a window shows."""
    for windows in dataset.subsets.values():
        first = windows.inputs[:, :1, 0]
        steps = np.arange(dataset.input_steps + dataset.output_steps)
        np.testing.assert_array_equal(windows.inputs[:, :, 0], first + steps[: dataset.input_steps])
        np.testing.assert_array_equal(
            windows.targets[:, :, 0], 1000 + first + steps[dataset.input_steps :]
        )
        np.testing.assert_array_equal(windows.inputs[:, :, 1], windows.inputs[:, :, 0] + 1000)


def test_windows_of_an_unbroken_series(write):
    data = load_series(write(rows(range(100))), spec())
    assert [len(w) for w in data.subsets.values()] == [46, 21, 21]
    assert data.train.inputs.shape == (46, 3, 2)
    assert data.train.targets.shape == (46, 2, 1)
    assert data.train.inputs.dtype == data.train.targets.dtype == np.float64
    assert data.train.times.dtype == np.dtype("datetime64[s]")
    assert str(data.train.times[0]) == (START + timedelta(minutes=20)).isoformat()
    assert_window_values(data)
    assert (data.rows, data.runs, data.gaps, data.subset_rows) == (100, 1, 0, (50, 25, 25))


run_lengths = st.lists(st.tuples(st.integers(1, 60), st.integers(2, 9)), min_size=1, max_size=6)


@given(
    runs=run_lengths,
    split=st.sampled_from(["whole", "per-run"]),
    input_steps=st.integers(1, 4),
    output_steps=st.integers(1, 4),
)
def test_windows_never_span_a_gap_or_a_border(
    tmp_path_factory, runs, split, input_steps, output_steps
):
    steps, at = [], 0
    for length, hole in [(80, 2), *runs]:
        steps += range(at, at + length)
        at += length + hole - 1
    path = tmp_path_factory.mktemp("series") / "s.csv"
    path.write_text("\n".join([HEADER, *rows(steps)]))
    options = spec(input_steps=input_steps, output_steps=output_steps, split=split)
    series = read_series(path, options)
    assert len(series.runs) == len(runs) + 1
    segments = split_segments(series.runs, options)
    homes = np.concatenate([np.arange(a, b) for subset in segments.values() for a, b in subset])
    assert sorted(homes.tolist()) == list(range(len(steps)))
    try:
        data = load_series(path, options)
    except DataError as error:
        assert "too few rows" in str(error)  # noqa: PT017 - a legitimate outcome for some inputs
        assert split == "whole"
        return
    assert_window_values(data)
    span = input_steps + output_steps
    seen = []
    for subset, windows in data.subsets.items():
        expected = [steps[i] for a, b in segments[subset] for i in range(a, b - span + 1)]
        assert windows.inputs[:, 0, 0].tolist() == expected
        seen += [s + k for s in expected for k in range(span)] if subset == "train" else []
        if subset != "train":
            assert not set(seen) & {s + k for s in expected for k in range(span)}
    assert data.gaps == len(runs)


def test_whole_split_is_in_time_order_and_per_run_cuts_each_run(write):
    path = write(rows([*range(100), *range(200, 300)]))
    whole = load_series(path, spec(split="whole"))
    assert whole.train.inputs[..., 0].max() < 100
    assert whole.validation.inputs[..., 0].min() == 200
    assert whole.subset_rows == (100, 50, 50)
    each = load_series(path, spec(split="per-run"))
    assert each.subset_rows == (100, 50, 50)
    assert {0, 200} <= set(each.train.inputs[:, 0, 0].tolist())
    assert {75, 275} <= set(each.test.inputs[:, 0, 0].tolist())


def test_normalization_is_of_the_training_rows(write):
    data = load_series(write(rows(range(100))), spec())
    assert data.normalization.mean == (24.5, 1024.5)
    assert data.normalization.std == pytest.approx([np.arange(50).std()] * 2)
    assert data.ranges == ((0.0, 99.0), (1000.0, 1099.0))


@pytest.mark.parametrize("value", ["0", "0.1", "-273.15", "1e9", "1e-12"])
def test_constant_column_has_a_standard_deviation_of_one(write, value):
    data = load_series(write([f"{stamp(i)},{value},{i}" for i in range(60)]), spec())
    assert data.normalization.std[0] == 1.0
    assert data.normalization.mean[0] == pytest.approx(float(value))


def test_tiny_but_real_spread_is_kept(write):
    data = load_series(write([f"{stamp(i)},{i}e-9,{i}" for i in range(60)]), spec())
    assert data.normalization.std[0] == pytest.approx(np.arange(30).std() * 1e-9)


@pytest.mark.parametrize("text", ["", " ", "NaN", "nan", "NA", "null", "-9999", "-9999.0"])
def test_missing_values_split_the_series(write, text):
    lines = rows(range(100))
    lines[30] = f"{stamp(30)},{text},1030"
    data = load_series(write(lines), spec())
    assert (data.rows, data.runs, data.missing_rows) == (99, 2, 1)
    assert_window_values(data)


def test_a_sentinel_counts_in_input_columns_only_and_can_be_changed(write):
    lines = [f"{line},-9999" for line in rows(range(100))]
    path = write(lines, header="time,a,b,unused")
    assert load_series(path, spec()).missing_rows == 0
    with pytest.raises(DataError, match="too few rows"):
        load_series(path, spec(sentinels=tuple(float(i) for i in range(90))))


def test_missing_error_names_line_column_and_count(write):
    lines = rows(range(100))
    lines[30] = f"{stamp(30)},1,"
    lines[31] = f"{stamp(31)},NaN,-9999"
    with pytest.raises(DataError, match=r"csv, line 32: .*'b' is missing .*3 in the file"):
        load_series(write(lines), spec(missing="error"))


def test_duplicate_time_names_both_lines(write):
    lines = rows(range(100))
    lines.insert(30, f"{stamp(20)},1,2")
    with pytest.raises(
        DataError,
        match=r"line 32: the time 2020-02-28T02:20:00 occurs twice "
        r"\(also in line 22\); remove one of the lines$",
    ):
        load_series(write(lines), spec())


def test_unordered_times_name_the_line(write):
    lines = rows(range(100))
    del lines[20]
    lines.insert(50, f"{stamp(20)},20,1020")
    with pytest.raises(
        DataError,
        match="line 52: the time 2020-02-28T02:20:00 is out of order "
        r"\(line 51: 2020-02-28T07:20:00\); sort",
    ):
        load_series(write(lines), spec())


def test_repeated_rows_are_refused_or_dropped_as_asked(write):
    clean = load_series(write(rows(range(100))), spec())
    lines = rows(range(100))
    lines[60:60] = lines[40:50]
    lines.insert(3, lines[2])
    path = write(lines)
    with pytest.raises(DataError, match=r'line 5: .*set .data. repeated_rows = "drop"'):
        load_series(path, spec())
    data = load_series(path, spec(repeated_rows="drop"))
    assert data.repeated_rows == 11
    assert data.key == clean.key
    lines[65] = lines[65].replace(",1044", ",1044.5")
    with pytest.raises(DataError, match=r"line 67: .*twice .also in line 47"):
        load_series(write(lines), spec(repeated_rows="drop"))


def test_too_few_rows_says_how_many_are_needed(write):
    with pytest.raises(DataError, match=r"needs 5 in a row .3 in, 2 out.*validation set has 4"):
        load_series(write(rows(range(16))), spec())


def test_wrong_step_is_explained(write):
    with pytest.raises(DataError, match=r"100 gap-free runs, step 60 min.*check step_minutes"):
        load_series(write(rows(range(100))), spec(step_minutes=60.0))


def test_every_row_missing(write):
    lines = [f"{stamp(i)},NaN,1" for i in range(20)]
    with pytest.raises(DataError, match="every row has a missing value in a, b"):
        load_series(write(lines), spec())


def test_key_depends_on_content_only(write, tmp_path):
    path = write(rows(range(100)))
    key = load_series(path, spec()).key
    other = tmp_path / "other.csv"
    shutil.copy(path, other)
    assert load_series(other, spec()).key == key
    keys = {key, load_series(path, spec(input_steps=4)).key}
    keys.add(load_series(path, spec(train_percent=60.0)).key)
    keys.add(load_series(path, spec(inputs=("b", "a"))).key)
    keys.add(load_series(write([*rows(range(99)), f"{stamp(99)},99,1099.5"]), spec()).key)
    assert len(keys) == 5


@pytest.mark.data
def test_real_jena(real_data):
    path = real_data / "climate" / "jena_10min_2009_2020_2021.csv"
    data = load_series(path, SeriesData())
    series = read_series(path, SeriesData())
    assert [b - a for a, b in series.runs] == [4000, 21_513, 31_182, 21_698]
    assert data.rows == 78_393
    error = np.abs(data.test.inputs[:, -1:] - data.test.targets).mean(axis=(0, 1))
    np.testing.assert_allclose(error, [0.325, 1.509], atol=5e-4)  # persistence, as published
