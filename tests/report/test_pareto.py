"""The chart of all candidates."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.report.pareto import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    CandidatePoint,
    front,
    pareto_chart,
)  # fmt: skip
from motefit.report.render import render_report
from motefit.report.sections import candidates_section

QUALITIES = st.floats(0, 100).map(lambda v: round(v, 3))
STATES = ["trained", "stopped"]
POINTS = st.lists(
    st.tuples(st.integers(1, 10**6), QUALITIES | st.none(), st.sampled_from(STATES)),
    min_size=2, max_size=40,
)  # fmt: skip


@given(points=POINTS, rising=st.booleans(), bound=QUALITIES)
def test_every_candidate_is_inside_the_frame_and_the_front_is_beaten_by_none(
    points: list[tuple[int, float | None, str]],
    rising: bool,  # noqa: FBT001
    bound: float,
) -> None:
    given = [
        CandidatePoint(row=i, size=s, quality=q, status=status, group=str(i // 2), title="")
        for i, (s, q, status) in enumerate(points)
    ]
    chart = pareto_chart(given, names=("B", "%"), rising=rising, quality_bounds=[(bound, "bound")])
    final = [(s, q) for s, q, status in points if q is not None and status == "trained"]
    known = [q for _, q, _ in points if q is not None]
    if chart is None:
        assert len(known) < 2 or not final
        return
    assert len(chart.points) == len(known)
    assert len(chart.points) + len(chart.rug) == len(points)
    for p in chart.points:
        assert LEFT <= p.x <= WIDTH - RIGHT
        assert TOP <= p.y <= HEIGHT - BOTTOM
    sign = 1 if rising else -1
    for size, quality in front(final, rising=rising):
        assert not [1 for s, q in final if s <= size and sign * q > sign * quality]
    assert TOP <= chart.y_bounds[0].at <= HEIGHT - BOTTOM


def test_seeds_of_one_candidate_become_a_whisker_and_its_rows_are_linked(words) -> None:
    rows = [
        {"values": {"model.width": 16, "seed": seed}, "status": status, "tflite_bytes": 9000 + seed,
         "zip_bytes": 8000 + seed, "validation": {"accuracy": accuracy}}
        for seed, (status, accuracy) in enumerate([("trained", 0.95), ("chosen", 0.97)])
    ]  # fmt: skip
    facts = replace(words, candidates=(*rows, *words.candidates[2:]))
    view = candidates_section.build(facts)
    assert view is not None
    assert view.chart is not None
    assert [p.status for p in view.chart.points] == ["trained", "chosen"]  # drawn last
    assert len(view.chart.whiskers) == 1
    assert [b.text for b in view.chart.y_bounds] == ["bound > 96 %"]
    assert [b.text for b in view.chart.x_bounds] == ["bound < 25600 B"]
    page = render_report(facts)
    for p in view.chart.points:
        assert f'data-row="{p.row}"' in page
        assert f'<tr id="c{p.row}"' in page


@pytest.mark.parametrize("status", ["stopped", "diverged", "lost", "rejected", "not trained"])
def test_a_row_has_the_state_that_the_terminal_names(words, status: str) -> None:
    facts = replace(words, candidates=(*words.candidates, {"values": {}, "status": status}))
    view = candidates_section.build(facts)
    assert view is not None
    assert view.candidates[0].status == "chosen"
    assert [row.index for row in view.candidates] == list(range(4))
    assert status in {row.status for row in view.candidates}


def test_the_objective_sorts_and_is_drawn(climate) -> None:
    rows = tuple(
        {"values": {"w": i}, "status": "trained", "tflite_bytes": 900 + i,
         "validation": {"mae.T (degC)": 0.3 - 0.1 * i}}
        for i in range(3)
    )  # fmt: skip
    view = candidates_section.build(replace(climate, candidates=rows))
    assert view is not None
    assert view.chart is not None
    assert [row.values for row in view.candidates] == [("2",), ("1",), ("0",)]
    assert view.chart.y_name == "Mean absolute error, T, °C"
