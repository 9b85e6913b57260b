"""Histograms of several samples on one axis, in pixels, for :file:`latency.html`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from motefit.report.charts import Tick, labeled, ticks

WIDTH, LEFT, RIGHT = 420.0, 8.0, 412.0
ROW, TOP, BARS, LABEL = 84.0, 14.0, 48.0, 14.0
"""Height of a row, its text above the bars, the tallest bar, and the label of a bound."""
BINS = 60
SHOWN = 0.97
"""Share of each sample that the axis reaches; words tell of the rest."""


@dataclass(frozen=True, kw_only=True)
class SpreadRow:
    """The histogram of one sample.

    Attributes:
        name: of the sample.
        note: its median and tail in words.
        path: SVG path of the bars.
        base: height of their feet.
        median: position of the median.
    """

    name: str
    note: str
    path: str
    base: float
    median: float


@dataclass(frozen=True, kw_only=True)
class SpreadChart:
    """Histograms below each other, with a common axis under the last.

    Attributes:
        rows: from the top.
        x_ticks: along the axis.
        bounds: dashed vertical lines.
        axis: height of the axis.
    """

    rows: tuple[SpreadRow, ...]
    x_ticks: tuple[Tick, ...]
    bounds: tuple[Tick, ...]
    axis: float

    @property
    def description(self) -> str:
        """The chart in words, for those who do not see it."""
        return "; ".join(f"{row.name}: {row.note}" for row in self.rows)


def spread_chart(
    samples: Mapping[str, Sequence[float]], *, bounds: Sequence[tuple[float, str]] = ()
) -> SpreadChart | None:
    """Lay out a histogram per sample; None if there is no value.

    Args:
        samples: by name, each value an equal share of the measurements, in ms.
        bounds: limits and their labels; drawn if they are within the axis.
    """
    found = {name: sorted(values) for name, values in samples.items() if values}
    if not found:
        return None
    low = min(values[0] for values in found.values())
    end = max(values[int(SHOWN * (len(values) - 1))] for values in found.values())
    x_values = ticks(low, end)
    first, last = x_values[0], x_values[-1]

    def at(value: float) -> float:
        return round(LEFT + (value - first) / (last - first) * (RIGHT - LEFT), 1)

    drawn = tuple(Tick(at=at(x), text=t) for x, t in bounds if first <= x <= last)
    top = TOP + LABEL if drawn else TOP
    rows = []
    for i, (name, values) in enumerate(found.items()):
        base = top + ROW * i + BARS + 10
        rows.append(
            SpreadRow(
                name=name,
                note=_note(values),
                path=_bars([v for v in values if v <= last], first, last, base),
                base=base,
                median=at(median(values)),
            )
        )
    return SpreadChart(
        rows=tuple(rows),
        x_ticks=labeled(x_values, at),
        bounds=drawn,
        axis=rows[-1].base,
    )


def _bars(values: Sequence[float], first: float, last: float, base: float) -> str:
    """Return the path of the bars; the fullest has the whole height."""
    counts = [0] * BINS
    for value in values:
        counts[min(int((value - first) / (last - first) * BINS), BINS - 1)] += 1
    step, most = (RIGHT - LEFT) / BINS, max(counts) or 1
    return "".join(
        f"M{LEFT + step * i:.1f},{base:g}v-{BARS * n / most:.1f}h{step - 0.8:.1f}V{base:g}Z"
        for i, n in enumerate(counts)
        if n
    )


def _note(ordered: Sequence[float]) -> str:
    """Say the median, and what one in twenty and one in a hundred runs take at least."""
    twentieth, hundredth = (ordered[-max(len(ordered) // n, 1)] for n in (20, 100))
    return (
        f"median {median(ordered):.3g} ms; 5 % take {twentieth:.3g} or more, "
        f"1 % {hundredth:.3g} or more"
    )
