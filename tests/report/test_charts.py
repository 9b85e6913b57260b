"""Geometry of the drawings."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    ChartSeries,
    line_chart,
    spread,
    stack,
    tick_text,
    ticks,
)

FINITE = st.floats(-1e6, 1e6).map(lambda v: round(v, 4))


@given(low=FINITE, span=st.floats(1e-3, 1e6))
def test_ticks_enclose_the_range_in_equal_steps(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-6 * span
    assert found[-1] >= low + span - 1e-6 * span
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)
    assert 2 <= len(found) <= 7


def test_ticks_of_a_single_value_still_span() -> None:
    assert ticks(0, 0)[0] < 0 < ticks(0, 0)[-1]
    assert ticks(3, 3)[0] < 3 < ticks(3, 3)[-1]


@given(low=FINITE, span=st.floats(1e-2, 1e6))
def test_tick_texts_differ(low: float, span: float) -> None:
    texts = tick_text(ticks(low, low + span))
    assert len(set(texts)) == len(texts)


@given(st.lists(st.floats(0, 250), min_size=1, max_size=6), st.floats(1, 30))
def test_spread_keeps_order_and_distance(heights: list[float], gap: float) -> None:
    placed = spread(heights, gap=gap)
    ordered = sorted(placed)
    assert all(b - a >= gap - 0.2 for a, b in itertools.pairwise(ordered))
    for (h1, p1), (h2, p2) in itertools.combinations(zip(heights, placed, strict=True), 2):
        assert h1 == h2 or (h1 < h2) == (p1 < p2)


def test_spread_leaves_distant_labels_alone() -> None:
    assert spread((80.0, 10.0, 40.0), gap=15) == (80.0, 10.0, 40.0)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=9).filter(any))
def test_stack_fills_the_bar(values: list[int]) -> None:
    parts = stack([(str(i), v, str(v)) for i, v in enumerate(values)], full=sum(values))
    assert sum(p.percent for p in parts) == pytest.approx(100, abs=0.01)
    assert [p.rank for p in parts] == list(range(len(values)))


@given(
    st.lists(st.lists(FINITE, min_size=1, max_size=30), min_size=1, max_size=4),
    st.booleans(),
)
def test_line_chart_stays_inside_its_frame(lines: list[list[float]], zero: bool) -> None:  # noqa: FBT001
    series = [ChartSeries(name=str(i), points=tuple(enumerate(v))) for i, v in enumerate(lines)]
    chart = line_chart(series, title="t", x_name="x", from_zero=zero)
    assert chart is not None
    assert len(chart.lines) == len(lines)
    for line, values in zip(chart.lines, lines, strict=True):
        points = [tuple(map(float, p.split(","))) for p in line.path[1:].split("L")]
        assert len(points) == len(values)
        assert all(LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 for x, _ in points)
        assert all(TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for _, y in points)
    texts = [tick.text for tick in chart.y_ticks]
    if zero:
        assert any(float(text) == 0 for text in texts)


def test_larger_values_stand_higher() -> None:
    chart = line_chart(
        [ChartSeries(name="a", points=((1, 0.1), (2, 0.4)))], title="t", x_name="x", from_zero=True
    )
    assert chart is not None
    (_, first), (_, last) = chart.lines[0].dots
    assert last < first
    assert "0.1 at 1" in chart.description


def test_no_points_give_no_chart() -> None:
    assert (
        line_chart([ChartSeries(name="a", points=())], title="", x_name="", from_zero=True) is None
    )
