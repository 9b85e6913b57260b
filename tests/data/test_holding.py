"""Missing values against an oracle that knows the true ones: losing data never helps a score."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from motefit.data.series import load_series, read_series
from motefit.measure.baselines import forecast_baselines
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData

START = datetime(2021, 1, 1)  # noqa: DTZ001 - series are in local, unzoned time
COLUMNS = ("a", "b")


def spec(**options):
    defaults = {
        "time": "time", "time_format": "", "inputs": COLUMNS, "targets": ("b",), "missing": "hold",
        "input_steps": 3, "output_steps": 2, "train_percent": 50.0, "validation_percent": 25.0,
    }  # fmt: skip
    return SeriesData(**{**defaults, **options})


class Lossy:
    """A random walk of which values, and whole rows, are lost.

    Attributes:
        true: (rows, columns), every value.
        known: (rows, columns), whether the file has it.
        there: (rows,), whether the file has the row.
        lines: of the file.
    """

    def __init__(self, seed: int, *, lost: float, absent: float, rows: int = 240) -> None:
        rng = np.random.default_rng(seed)
        self.true = np.round(rng.standard_normal((rows, 2)).cumsum(axis=0), 3)
        self.there = rng.random(rows) >= absent
        self.known = (rng.random((rows, 2)) >= lost) & self.there[:, np.newaxis]
        self.times = [START + timedelta(minutes=10 * i) for i in range(rows)]
        self.lines = [
            ",".join([str(time), *(str(v) if k else "" for v, k in zip(value, known, strict=True))])
            for time, value, known, there in zip(
                self.times, self.true.tolist(), self.known, self.there, strict=True
            )
            if there
        ]

    def write(self, folder: Path, lines: list[str] | None = None) -> Path:
        path = folder / "series.csv"
        path.write_text("\n".join(["time,a,b", *(self.lines if lines is None else lines)]) + "\n")
        return path

    def source(self, row: int, column: int) -> int:
        """The row that the value known at ``row`` comes from, by walking back; -1 for none."""
        while row >= 0 and self.there[row]:
            if self.known[row, column]:
                return row
            row -= 1
        return -1


lossy = st.builds(
    Lossy,
    st.integers(0, 2**31),
    lost=st.sampled_from([0.0, 0.05, 0.2, 0.5]),
    absent=st.sampled_from([0.0, 0.01, 0.05]),
)


@given(
    data=lossy,
    split=st.sampled_from(["whole", "per-run"]),
    held=st.integers(0, 5),
    input_steps=st.integers(1, 4),
    output_steps=st.integers(1, 3),
)
def test_a_score_on_lossy_data_is_the_oracles(
    tmp_path_factory, data, split, held, input_steps, output_steps
):
    path = data.write(tmp_path_factory.mktemp("series"))
    options = spec(
        split=split, max_filled_steps=held, input_steps=input_steps, output_steps=output_steps
    )
    try:
        dataset = load_series(path, options)
    except DataError as error:
        assume("window" not in str(error))  # too few of them: nothing to score
        raise
    read: dict[str, set[int]] = {}
    scores = []
    for subset, windows in dataset.subsets.items():
        read[subset] = set()
        inputs, targets = windows.inputs, windows.targets
        for n, stamp in enumerate(windows.times.tolist()):
            newest = data.times.index(stamp)
            rows = range(newest + 1 - input_steps, newest + 1 + output_steps)
            assert all(data.there[row] for row in rows)
            assert data.known[newest].all()
            for step, row in enumerate(rows[:input_steps]):
                for column in range(2):
                    source = data.source(row, column)
                    assert 0 <= row - source <= held
                    assert inputs[n, step, column] == data.true[source, column]
                    read[subset].add(source)
            for step, row in enumerate(rows[input_steps:]):
                assert data.known[row, 1]
                assert targets[n, step, 0] == data.true[row, 1]
                read[subset].add(row)
            if subset == "test":
                coming = data.true[newest + 1 : newest + 1 + output_steps, 1]
                scores.append(np.abs(coming - data.true[newest, 1]))
    assert not read["train"] & read["validation"]
    assert not (read["train"] | read["validation"]) & read["test"]
    found = forecast_baselines(dataset.targets, train=dataset.train, test=dataset.test)
    assert found["persistence"].mae[0] == pytest.approx(np.mean(scores), rel=1e-12)


@given(data=lossy, held=st.integers(0, 5), cut=st.floats(0.1, 1.0))
def test_what_comes_later_changes_nothing_before(tmp_path_factory, data, held, cut):
    folder = tmp_path_factory.mktemp("series")
    options = spec(max_filled_steps=held)
    count = max(1, int(cut * len(data.lines)))
    try:
        early = read_series(data.write(folder, data.lines[:count]), options)
    except DataError as error:
        assume("every row has a missing value" not in str(error))
        raise
    late = read_series(data.write(folder), options)
    for start, _ in late.runs:  # nothing is held across a row without a value
        row = data.times.index(late.times[start].item())
        for column in np.flatnonzero(late.filled[start]):
            between = range(data.source(row, column), row)
            assert all(0 <= r - data.source(r, c) <= held for r in between for c in range(2))
    np.testing.assert_array_equal(late.usable[:count], early.usable)
    np.testing.assert_array_equal(late.values[: len(early.values)], early.values)
    np.testing.assert_array_equal(late.filled[: len(early.values)], early.filled)


@given(data=lossy)
def test_without_filling_an_empty_row_is_as_an_absent_one(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("series")
    options = spec(missing="gap")
    holed = read_series(data.write(folder), options)
    full = [line for line in data.lines if ",," not in line and not line.endswith(",")]
    absent = read_series(data.write(folder, full), options)
    assert absent.missing_rows == 0
    assert holed.runs == absent.runs
    np.testing.assert_array_equal(holed.times, absent.times)
    np.testing.assert_array_equal(holed.values, absent.values)


def test_all_windows_of_a_series_with_holes(tmp_path):
    """By hand: 40 rows, b is lost at rows 10 to 12, a at row 31; two steps are held."""
    lines = [f"{START + timedelta(minutes=10 * i)},{i},{100 + i}" for i in range(40)]
    for i in (10, 11, 12):
        lines[i] = f"{START + timedelta(minutes=10 * i)},{i},"
    lines[31] = f"{START + timedelta(minutes=310)},,131"
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["time,a,b", *lines]) + "\n")
    options = spec(split="whole", max_filled_steps=2, output_steps=1)
    series = read_series(path, options)
    assert series.runs == ((0, 12), (12, 39))
    assert series.values[10:12, 1].tolist() == [109, 109]
    assert np.flatnonzero(series.filled.any(axis=1)).tolist() == [10, 11, 30]
    dataset = load_series(path, options)
    newest = [(w.times - np.datetime64(START)) // np.timedelta64(10, "m") for w in (
        dataset.train, dataset.validation, dataset.test
    )]  # fmt: skip
    # 39 usable rows: the subsets are the rows 0..19 without 12, 20..29 and 30..39
    assert newest[0].tolist() == [2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 18]
    assert newest[1].tolist() == [22, 23, 24, 25, 26, 27, 28]
    assert newest[2].tolist() == [32, 33, 34, 35, 36, 37, 38]
    assert dataset.test.inputs[0, :, 0].tolist() == [30, 30, 32]
    assert dataset.filled_values == 3


def test_interpolate_is_an_old_name_of_hold(tmp_path):
    data = Lossy(3, lost=0.2, absent=0.0)
    path = data.write(tmp_path)
    old, new = (load_series(path, spec(missing=name)) for name in ("interpolate", "hold"))
    assert old.key == new.key
    np.testing.assert_array_equal(old.test.inputs, new.test.inputs)


def test_no_window_left_is_explained(tmp_path):
    lines = [f"{START + timedelta(minutes=10 * i)},{i},{i if i % 2 else ''}" for i in range(80)]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["time,a,b", *lines]) + "\n")
    with pytest.raises(DataError, match=r"no window of the train set .* as a target is missing"):
        load_series(path, spec())
