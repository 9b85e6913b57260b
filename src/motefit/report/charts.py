"""Geometry of the page's drawings, in pixels; templates turn it into SVG and CSS."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from motefit.report.text import shortened

WIDTH, HEIGHT = 420.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 98.0, 12.0, 40.0
LABEL_GAP = 15.0
LABEL_CHARACTERS = 15


@dataclass(frozen=True, kw_only=True)
class ChartSeries:
    """One line of a chart.

    Attributes:
        name: written at its right end.
        points: (x, y), x increasing.
    """

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class ChartExtras:
    """What a line chart shows beside its lines.

    Attributes:
        background: further lines, thin and without a name.
        band: (x, low, high) of an area, x increasing.
        verticals: (x, text) of dashed lines.
        marks: (x, y, text) of single points.
        x_ticks: in place of those chosen by the points.
    """

    background: tuple[tuple[tuple[float, float], ...], ...] = ()
    band: tuple[tuple[float, float, float], ...] = ()
    verticals: tuple[tuple[float, str], ...] = ()
    marks: tuple[tuple[float, float, str], ...] = ()
    x_ticks: tuple[float, ...] = ()

    @property
    def outline(self) -> list[tuple[float, float]]:
        """Points around the band."""
        low = [(x, y) for x, y, _ in self.band]
        return low + [(x, y) for x, _, y in self.band[::-1]]

    @property
    def points(self) -> list[tuple[float, float]]:
        """Every point that must be inside the chart."""
        return [p for line in self.background for p in line] + self.outline


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis: its position and its label."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class ChartLine:
    """One drawn line.

    Attributes:
        path: SVG path data.
        dots: centers of its markers; none where there are many points.
        label: name at the right end, shortened.
        label_at: height of the label, moved so that labels do not overlap.
        end: right end of the line.
    """

    path: str
    dots: tuple[tuple[float, float], ...]
    label: str
    label_at: float
    end: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A line chart; the first line is emphasized.

    Attributes:
        title: what is shown, with the unit.
        description: the chart in words, for those who do not see it.
        x_name: under the horizontal axis.
        x_ticks: along the horizontal axis.
        y_ticks: along the vertical axis.
        lines: in the order of the series.
        background: SVG paths of thin lines.
        band: SVG path of an area; empty: none.
        verticals: dashed lines.
        marks: x, y and text of single points.
    """

    title: str
    description: str
    x_name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[ChartLine, ...]
    background: tuple[str, ...]
    band: str
    verticals: tuple[Tick, ...]
    marks: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a stacked bar.

    Attributes:
        name: what it is.
        value: in the bar's unit.
        text: the value for people.
        percent: of the bar's full width.
        rank: 0 for the first kind of piece, 1 for the second, ...; decides the shade.
    """

    name: str
    value: float
    text: str
    percent: float
    rank: int


def ticks(low: float, high: float, *, most: int = 5) -> tuple[float, ...]:
    """Choose round numbers (1, 2, 2.5 or 5 times a power of ten apart) around ``low..high``.

    >>> ticks(0, 0.43)
    (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    """
    if high <= low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    raw = (high - low) / most
    if not sys.float_info.min < raw < sys.float_info.max / 100:
        return low, high
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(i * step, 12) for i in range(first, last + 1))


def tick_text(values: Sequence[float]) -> tuple[str, ...]:
    """Format values with the same number of decimals, as few as distinguish them.

    >>> tick_text((0.0, 0.25, 0.5)), tick_text((0.0, 10.0))
    (('0.00', '0.25', '0.50'), ('0', '10'))
    """
    decimals = next(
        (d for d in range(9) if all(abs(round(v, d) - v) < 1e-9 for v in values)),
        9,
    )
    return tuple(f"{v:.{decimals}f}" for v in values)


def labeled(values: Sequence[float], at: Callable[[float], float]) -> tuple[Tick, ...]:
    """Make a tick at each value, where ``at`` says."""
    return tuple(Tick(at=at(v), text=t) for v, t in zip(values, tick_text(values), strict=True))


def line_chart(
    series: Sequence[ChartSeries],
    *,
    title: str,
    x_name: str,
    from_zero: bool,
    extras: ChartExtras = ChartExtras(),
) -> LineChart | None:
    """Lay out a line chart; None if no series has a point.

    Args:
        series: the first is drawn as the one that matters.
        title: what is shown, with the unit.
        x_name: under the horizontal axis.
        from_zero: whether the vertical axis contains zero.
        extras: what is shown beside the lines.
    """
    drawn = [s for s in series if s.points]
    if not drawn:
        return None
    points = [point for s in drawn for point in s.points] + extras.points
    xs = [*(x for x, _ in points), *extras.x_ticks]
    ys = [*(y for _, y in points), *([0.0] if from_zero else [])]
    y_values = ticks(min(ys), max(ys))
    x_low, x_high = min(xs), max(xs)

    def at_x(x: float) -> float:
        share = (x - x_low) / (x_high - x_low) if x_high > x_low else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def at_y(y: float) -> float:
        share = (y - y_values[0]) / (y_values[-1] - y_values[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    def path(line: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{at_x(x):g},{at_y(y):g}" for x, y in line)

    places = [[(at_x(x), at_y(y)) for x, y in s.points] for s in drawn]
    heights = spread([place[-1][1] for place in places], gap=LABEL_GAP)
    return LineChart(
        title=title,
        description=_describe(drawn, x_name),
        x_name=x_name,
        x_ticks=labeled(extras.x_ticks or _x_ticks(sorted({x for x, _ in points})), at_x),
        y_ticks=labeled(y_values, at_y),
        lines=tuple(
            ChartLine(
                path=path(s.points),
                dots=tuple(place) if len(place) <= 12 else (),
                label=shortened(s.name, LABEL_CHARACTERS),
                label_at=height,
                end=place[-1],
            )
            for s, place, height in zip(drawn, places, heights, strict=True)
        ),
        background=tuple(path(line) for line in extras.background if line),
        band=path(extras.outline) + "Z" if extras.band else "",
        verticals=tuple(Tick(at=at_x(x), text=text) for x, text in extras.verticals),
        marks=tuple((at_x(x), at_y(y), text) for x, y, text in extras.marks),
    )


def spread(heights: Sequence[float], *, gap: float) -> tuple[float, ...]:
    """Move heights apart until neighbors differ by ``gap``, keeping order and center of mass.

    >>> spread((10.0, 12.0, 60.0), gap=10)
    (6.0, 16.0, 60.0)
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[list[int]] = []
    centers: list[float] = []
    for i in order:
        groups.append([i])
        centers.append(heights[i])
        while len(groups) > 1 and centers[-1] - centers[-2] < gap * _half(groups[-2:]):
            merged = groups.pop(-2) + groups.pop()
            centers[-2:] = [sum(heights[j] for j in merged) / len(merged)]
            groups.append(merged)
    placed = dict.fromkeys(order, 0.0)
    for group, center in zip(groups, centers, strict=True):
        for k, i in enumerate(group):
            placed[i] = center + gap * (k - (len(group) - 1) / 2)
    return tuple(round(placed[i], 1) for i in range(len(heights)))


def stack(values: Sequence[tuple[str, float, str]], *, full: float) -> tuple[Part, ...]:
    """Lay out the pieces of a stacked bar whose full width represents ``full``.

    Args:
        values: (name, value, value for people) of each piece, from the left.
        full: value of the whole width, in the same unit.
    """
    return tuple(
        Part(
            name=name,
            value=value,
            text=text,
            percent=round(100 * value / full, 3) if full > 0 else 0.0,
            rank=rank,
        )
        for rank, (name, value, text) in enumerate(values)
    )


def _half(groups: Sequence[Sequence[int]]) -> float:
    return sum(len(group) for group in groups) / 2


def _x_ticks(values: Sequence[float]) -> tuple[float, ...]:
    """Choose all positions if they are few, else round numbers within their range."""
    if len(values) <= 7:
        return tuple(values)
    if len(values) <= 13 and len(values) % 2:
        return tuple(values[::2])
    whole = all(float(v).is_integer() for v in values)  # epochs and steps have no halves
    found = (t for t in ticks(values[0], values[-1]) if t.is_integer() or not whole)
    return tuple(t for t in found if values[0] <= t <= values[-1])


def _describe(series: Sequence[ChartSeries], x_name: str) -> str:
    """Describe each line's first and last value in words."""
    return "; ".join(
        f"{s.name}: {s.points[0][1]:.3g} at {s.points[0][0]:g}, "
        f"{s.points[-1][1]:.3g} at {s.points[-1][0]:g} ({x_name})"
        for s in series
    )
