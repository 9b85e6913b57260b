"""Geometry of treemaps and of histograms."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.report.spreads import BARS, BINS, spread_chart
from motefit.report.treemap import Piece, treemap

VALUES = st.lists(st.integers(1, 10**6), min_size=1, max_size=20)
MS = st.lists(st.floats(0.01, 50), min_size=1, max_size=20)


@given(groups=st.lists(VALUES, min_size=1, max_size=3))
def test_areas_are_the_values_and_cells_do_not_overlap(groups: list[list[int]]) -> None:
    cells = treemap(
        [[Piece(name=f"{v}", value=v, text="", kind="form") for v in group] for group in groups]
    )
    total = sum(map(sum, groups))
    assert len(cells) == sum(map(len, groups))
    for cell in cells:
        area = cell.width * cell.height / 100
        assert area == pytest.approx(100 * float(cell.name) / total, rel=0.02, abs=0.02)
        assert -0.01 <= cell.left <= cell.left + cell.width <= 100.01
        assert -0.01 <= cell.top <= cell.top + cell.height <= 100.01
    for a, b in itertools.combinations(cells, 2):
        beside = a.left + a.width <= b.left + 0.01 or b.left + b.width <= a.left + 0.01
        assert beside or a.top + a.height <= b.top + 0.01 or b.top + b.height <= a.top + 0.01


@given(samples=st.dictionaries(st.sampled_from("abc"), MS, min_size=1))
def test_bars_stay_within_their_row_and_one_has_the_whole_height(
    samples: dict[str, list[float]],
) -> None:
    chart = spread_chart(samples)
    assert chart is not None
    assert [row.name for row in chart.rows] == list(samples)
    for row in chart.rows:
        heights = [float(text) for text in re.findall(r"v-([\d.]+)", row.path)]
        assert len(heights) <= BINS
        assert max(heights, default=BARS) == BARS
        assert row.note.startswith("median ")


def test_nothing_measured_draws_nothing() -> None:
    assert spread_chart({}) is None
    assert spread_chart({"a": []}) is None
    assert treemap([[], []]) == ()
