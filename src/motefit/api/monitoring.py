"""``monitor`` and ``readings``: the live node, and what it has stored."""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.deploy.node import Node, NodeResult
from motefit.deploy.node_settings import NodeSettings, read_settings
from motefit.deploy.reading import Reading
from motefit.deploy.sinks.csv_sink import time_text
from motefit.deploy.stored_readings import stored_readings
from motefit.spec.tables import Item, Printable, ResultTable

BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 60


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def monitor(
    settings: str | Path | None = None,
    *,
    seconds: float = 0.0,
    tell: Callable[[str], None] = _tell,
    **options: object,
) -> NodeResult:
    """Run a node: read sensors while logging is on, and send the readings to a sink.

    Each reading is stored on disk, in the outbox, before it is sent, and stays there until the sink
    has acknowledged it. Two words that a keyword model hears switch logging on and off. SIGHUP
    reloads the settings file; settings that can be adjusted take effect at once.

    >>> import motefit
    >>> motefit.monitor(sensors=["room"], sink="sqlite:readings.db", seconds=60)  # doctest: +SKIP

    Args:
        settings: TOML file with the keys of :class:`motefit.deploy.node_settings.NodeSettings`.
        seconds: time after which to stop; 0: at SIGINT or SIGTERM, or when the sound ends.
        tell: called with a message when something happens; default: standard error.
        options: keys of the settings file, which override it.

    Raises:
        RecipeError: for a wrong setting.
        DataError: if a sensor, the sink, the outbox or the sound cannot be used.
        ModelFileError: if the model cannot be used.
        MissingExtraError: if a library is not installed.
    """
    path = None if settings is None else Path(settings)

    def read() -> NodeSettings:
        return read_settings(path, options)

    node = Node(read(), tell=tell, reread=None if path is None else read)
    if threading.current_thread() is not threading.main_thread():
        return node.run(seconds)
    handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), node.stop)
    if path is not None:
        handlers[signal.SIGHUP] = node.reload
    before = {number: _handle(number, handler) for number, handler in handlers.items()}
    try:
        return node.run(seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(number: signal.Signals, handler: Callable[[], None]) -> Any:  # noqa: ANN401 - as signal
    return signal.signal(number, lambda *_: handler())


@dataclass(frozen=True, kw_only=True, repr=False)
class Readings(Printable):
    """Readings of a node, by key and time.

    Attributes:
        readings: the readings.
    """

    readings: Sequence[Reading]

    def content(self) -> tuple[Item, ...]:
        """Return a table with a row for each reading."""
        rows = [(time_text(r.time_ms), r.key, f"{r.value:g}", r.unit) for r in self.readings]
        return (ResultTable(titles=("time", "key", "value", "unit"), align="llrl", rows=rows),)

    def csv(self) -> str:
        """Return the readings as CSV: time (ISO 8601, UTC), key, value, unit."""
        lines = (f"{time_text(r.time_ms)},{r.key},{r.value!r},{r.unit}" for r in self.readings)
        return "\n".join(("time,key,value,unit", *lines)) + "\n"

    def plot(self) -> tuple[Item, ...]:
        """Return a line of bars for each key: averages of equal stretches of time."""
        rows = []
        for key in sorted({reading.key for reading in self.readings}):
            own = [reading for reading in self.readings if reading.key == key]
            values = [reading.value for reading in own]
            low, high = min(values), max(values)
            rows.append((key, f"{low:g}", _bars(own, low, high), f"{high:g}", own[0].unit))
        titles = ("key", "least", "over time", "most", "unit")
        return (ResultTable(titles=titles, align="lrlll", rows=rows),)


def _bars(readings: Sequence[Reading], low: float, high: float) -> str:
    start, span = readings[0].time_ms, max(readings[-1].time_ms - readings[0].time_ms, 1)
    cells: list[list[float]] = [[] for _ in range(WIDTH)]
    for reading in readings:
        cells[min((reading.time_ms - start) * WIDTH // span, WIDTH - 1)].append(reading.value)
    scale = (len(BARS) - 2) / (high - low) if high > low else 0.0
    marks = (
        BARS[1 + round((sum(cell) / len(cell) - low) * scale)] if cell else BARS[0]
        for cell in cells
    )
    return "".join(marks).rstrip()


def readings(sink: str, *, key: str = "", last: int = 0) -> Readings:
    """Read back what a node has sent to its sink.

    >>> import motefit
    >>> print(motefit.readings("sqlite:readings.db", last=3))  # doctest: +SKIP

    Args:
        sink: URL that the node wrote to: sqlite, csv or redis.
        key: return only readings with this key or quantity, e.g. ``"temperature"``; empty: all.
        last: return only this many of the newest readings of each key; 0: all.

    Raises:
        DataError: if the sink cannot be read.
    """
    return Readings(readings=stored_readings(sink, key=key, last=last))
