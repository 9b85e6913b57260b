"""Geometry of the chart of all candidates: quality against size, with bounds, seeds and front."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from motefit.report.charts import Tick, labeled, ticks

WIDTH, HEIGHT = 420.0, 280.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 14.0, 52.0
RUG = 240.0
"""Height of the marks of candidates without a quality."""
FINAL = ("chosen", "trained")
"""States of candidates whose quality is that of a file which may ship."""
REACH = 0.75
"""Share of the final candidates' range by which the axis goes on for worse ones."""


@dataclass(frozen=True, kw_only=True)
class CandidatePoint:
    """One candidate.

    Attributes:
        row: of the table.
        size: its size.
        quality: its quality; None if it was not trained.
        status: state, as in the table.
        group: equal for candidates that differ in the seed only.
        title: the candidate in words.
    """

    row: int
    size: float
    quality: float | None
    status: str
    group: str
    title: str


@dataclass(frozen=True, kw_only=True)
class PlacedPoint:
    """A candidate at its place in the drawing."""

    row: int
    x: float
    y: float
    status: str
    title: str


@dataclass(frozen=True, kw_only=True)
class ParetoChart:
    """The drawing.

    Attributes:
        description: the chart in words, for those who do not see it.
        x_name: under the horizontal axis.
        y_name: above the vertical axis.
        x_ticks: along the horizontal axis.
        y_ticks: along the vertical axis.
        x_bounds: bounds on the size.
        y_bounds: bounds on the quality.
        whiskers: x, and the ends, of the seeds of one candidate.
        front: SVG path of the Pareto front.
        points: the candidates with a quality, the chosen one last.
        rug: those without.
        outside: number of candidates drawn on the edge, since they are worse than it.
        statuses: states that are drawn, the chosen one first.
    """

    description: str
    x_name: str
    y_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_bounds: tuple[Tick, ...]
    y_bounds: tuple[Tick, ...]
    whiskers: tuple[tuple[float, float, float], ...]
    front: str
    points: tuple[PlacedPoint, ...]
    rug: tuple[PlacedPoint, ...]
    outside: int
    statuses: tuple[str, ...]


def pareto_chart(
    candidates: Sequence[CandidatePoint],
    *,
    names: tuple[str, str],
    rising: bool,
    size_bounds: Sequence[tuple[float, str]] = (),
    quality_bounds: Sequence[tuple[float, str]] = (),
) -> ParetoChart | None:
    """Lay out the chart; None for fewer than two candidates with a quality.

    Args:
        candidates: all of them.
        names: of the size and of the quality, with their units.
        rising: whether a higher quality is better.
        size_bounds: position and label.
        quality_bounds: position and label.
    """
    known = [(c, c.quality) for c in candidates if c.quality is not None]
    final = [(c, q) for c, q in known if c.status in FINAL]
    if len(known) < 2 or not final:
        return None
    sizes = [c.size for c, _ in known] + [bound for bound, _ in size_bounds]
    axis = _quality_range([q for _, q in final], [q for _, q in known], quality_bounds, rising)
    x_values, y_values = ticks(min(sizes), max(sizes)), ticks(*axis)

    def at_x(value: float) -> float:
        share = (value - x_values[0]) / (x_values[-1] - x_values[0])
        return round(LEFT + min(max(share, 0), 1) * (WIDTH - LEFT - RIGHT), 1)

    def at_y(value: float) -> float:
        share = (value - y_values[0]) / (y_values[-1] - y_values[0])
        return round(HEIGHT - BOTTOM - min(max(share, 0), 1) * (HEIGHT - BOTTOM - TOP), 1)

    def placed(c: CandidatePoint, y: float) -> PlacedPoint:
        return PlacedPoint(row=c.row, x=at_x(c.size), y=y, status=c.status, title=c.title)

    best = front([(c.size, q) for c, q in final], rising=rising)
    order = sorted(known, key=lambda pair: ("", *reversed(FINAL)).index(_final(pair[0].status)))
    return ParetoChart(
        description=f"{len(known)} candidates; Pareto front: "
        + "; ".join(f"{x:.5g} {names[0]}, {y:.5g} {names[1]}" for x, y in best),
        x_name=names[0],
        y_name=names[1],
        x_ticks=labeled(x_values, at_x),
        y_ticks=labeled(y_values, at_y),
        x_bounds=tuple(Tick(at=at_x(v), text=text) for v, text in size_bounds),
        y_bounds=tuple(Tick(at=at_y(v), text=text) for v, text in quality_bounds),
        whiskers=tuple((at_x(x), at_y(low), at_y(high)) for x, low, high in _seeds(final)),
        front=f"M{at_x(best[0][0]):g},{at_y(best[0][1]):g}"
        + "".join(f"H{at_x(x):g}V{at_y(y):g}" for x, y in best[1:]),
        points=tuple(placed(c, at_y(q)) for c, q in order),
        rug=tuple(placed(c, RUG) for c in candidates if c.quality is None),
        outside=sum(not y_values[0] <= q <= y_values[-1] for _, q in known),
        statuses=tuple(dict.fromkeys(c.status for c in candidates)),
    )


def front(points: Sequence[tuple[float, float]], *, rising: bool) -> list[tuple[float, float]]:
    """Return the points that no other one beats, smallest first.

    >>> front([(3, 0.9), (1, 0.8), (2, 0.7), (4, 0.95)], rising=True)
    [(1, 0.8), (3, 0.9), (4, 0.95)]
    """
    sign = -1 if rising else 1
    best: list[tuple[float, float]] = []
    for size, quality in sorted(points, key=lambda p: (p[0], sign * p[1])):
        if not best or sign * quality < sign * best[-1][1]:
            best.append((size, quality))
    return best


def _seeds(
    final: Sequence[tuple[CandidatePoint, float]],
) -> Iterator[tuple[float, float, float]]:
    """Yield mean size, least and greatest quality of each candidate with several seeds."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for candidate, quality in final:
        groups.setdefault(candidate.group, []).append((candidate.size, quality))
    for members in groups.values():
        if len(members) > 1:
            sizes, qualities = zip(*members, strict=True)
            yield sum(sizes) / len(sizes), min(qualities), max(qualities)


def _final(status: str) -> str:
    return status if status in FINAL else ""


def _quality_range(
    final: Sequence[float],
    known: Sequence[float],
    bounds: Sequence[tuple[float, str]],
    rising: bool,  # noqa: FBT001 - private
) -> tuple[float, float]:
    """Return the ends of the axis: final candidates and bounds, and others that are not far."""
    values = [*final, *(bound for bound, _ in bounds)]
    low, high = min(values), max(values)
    reach = REACH * (high - low) or 0.05 * abs(high) or 1.0
    if rising:
        return min([low, *(q for q in known if q >= low - reach)]), high
    return low, max([high, *(q for q in known if q <= high + reach)])
