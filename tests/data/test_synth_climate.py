"""The synthetic weather station: its form, that it repeats, and its likeness to Jena."""

import csv
import resource
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from motefit.data.synth.climate import COLUMNS, simulate, synthesize_climate
from motefit.spec.errors import OutputError, RecipeError

START = datetime(2009, 1, 1, 0, 10)  # noqa: DTZ001  # the station's own clock


def rows(path: Path) -> tuple[list[datetime], np.ndarray]:
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    assert tuple(header) == COLUMNS
    times = [datetime.strptime(line[0], "%d.%m.%Y %H:%M:%S") for line in lines]  # noqa: DTZ007
    return times, np.array([[float(value) for value in line[1:]] for line in lines])


def make(path: Path, *, days: int = 20, seed: int = 0, gaps: int = 2) -> Path:
    return synthesize_climate(path, days=days, rng=np.random.default_rng(seed), gaps=gaps).path


def test_form_of_the_file(tmp_path: Path) -> None:
    report = synthesize_climate(tmp_path / "new" / "a.csv", days=30, rng=np.random.default_rng(3))
    times, values = rows(report.path)
    steps = np.diff(np.array(times)) // timedelta(minutes=10)
    assert (times[0], report.first, report.last) == (START, START, times[-1])
    assert times[-1] == START + timedelta(days=30, minutes=-10)
    assert np.count_nonzero(steps != 1) == report.gaps == 2
    assert np.all(steps >= 1)
    assert np.all((steps == 1) | ((steps > 12) & (steps <= 145)))
    assert report.rows == len(values) == 30 * 144 + 2 - steps[steps > 1].sum()
    assert np.all((values[:, 1] >= 10) & (values[:, 1] <= 100))
    assert np.all((values[:, 2] > 900) & (values[:, 2] < 1080))
    lines = report.path.read_text().splitlines()
    assert all(len(line.split(",")[2].partition(".")[2]) == 1 for line in lines[1:])


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    one, two, other = (
        make(tmp_path / f"{index}.csv", seed=seed).read_bytes()
        for index, seed in enumerate((5, 5, 6))
    )
    assert one == two != other


@pytest.mark.parametrize(("days", "gaps", "found"), [(1, 0, 0), (1, 1, 1), (2, 2, 2), (9, 5, 5)])
def test_short_series_and_gaps(tmp_path: Path, days: int, gaps: int, found: int) -> None:
    times, _ = rows(make(tmp_path / "a.csv", days=days, gaps=gaps))
    assert np.count_nonzero(np.diff(np.array(times)) > timedelta(minutes=10)) == found
    assert (times[0], times[-1]) == (START, START + timedelta(days=days, minutes=-10))


@pytest.mark.parametrize(("days", "gaps"), [(0, 0), (5, -1), (5, 6)])
def test_numbers_out_of_range(tmp_path: Path, days: int, gaps: int) -> None:
    with pytest.raises(RecipeError, match="days must be"):
        make(tmp_path / "a.csv", days=days, gaps=gaps)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            make(tmp_path / "a.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"
    with pytest.raises(OutputError, match="cannot write"):
        make(tmp_path / "a.csv" / "b.csv")


@pytest.fixture(scope="module")
def years() -> dict[str, np.ndarray]:
    return dict(simulate(3 * 365 * 144, start=START, rng=np.random.default_rng(11)))


@pytest.mark.parametrize(
    ("steps", "celsius", "percent"), [(3, 0.295, 1.416), (6, 0.465, 2.171), (9, 0.626, 2.868)]
)
def test_persistence_error_as_in_jena(
    years: dict[str, np.ndarray], steps: int, celsius: float, percent: float
) -> None:
    """Mean over 1..n steps ahead, against all gap-free Jena runs; 12 % is one year's spread."""
    for name, expected in (("T (degC)", celsius), ("rh (%)", percent)):
        series = years[name]
        error = np.mean([np.mean(np.abs(series[k:] - series[:-k])) for k in range(1, steps + 1)])
        assert error == pytest.approx(expected, rel=0.12)


def test_statistics_as_in_jena(years: dict[str, np.ndarray]) -> None:
    """Jena: T 10.8 +- 7.9, rh 75.9 +- 18.8 with 8.5 % saturated, p 990 +- 8.9; correlations of
    T with rh -.50, of their 10-minute changes -.74, of successive changes of T .55 and rh .47."""
    celsius, percent, mbar = (years[name] for name in COLUMNS[1:])
    assert celsius.mean() == pytest.approx(10.8, abs=2)
    assert celsius.std() == pytest.approx(7.9, abs=1.5)
    assert percent.mean() == pytest.approx(75.9, abs=4)
    assert percent.std() == pytest.approx(18.8, abs=4)
    assert 0.04 < np.mean(percent >= 99.95) < 0.16
    assert percent.max() == 100
    assert mbar.mean() == pytest.approx(990, abs=3)
    assert mbar.std() == pytest.approx(8.9, abs=2)
    assert np.corrcoef(celsius, percent)[0, 1] == pytest.approx(-0.50, abs=0.12)
    changes = np.diff(celsius), np.diff(percent)
    assert np.corrcoef(*changes)[0, 1] == pytest.approx(-0.74, abs=0.1)
    for change, expected in zip(changes, (0.55, 0.47), strict=True):
        lagged = np.corrcoef(change[1:], change[:-1])[0, 1]
        assert lagged == pytest.approx(expected, abs=0.12)


def test_days_are_warm_in_the_afternoon_and_years_in_summer(years: dict[str, np.ndarray]) -> None:
    celsius = years["T (degC)"].reshape(-1, 144)
    by_hour = celsius.reshape(-1, 24, 6).mean(axis=(0, 2))
    assert 12 <= int(by_hour.argmax()) <= 16
    assert 3 <= int(by_hour.argmin()) <= 7
    assert 5 < np.ptp(by_hour) < 10
    day = np.arange(len(celsius)) % 365
    assert celsius[(day > 170) & (day < 230)].mean() - celsius[day < 50].mean() > 12
