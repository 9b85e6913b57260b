"""Lines of a small CSV file whose numbers show every gap and shift."""

from collections.abc import Iterable
from datetime import datetime, timedelta

HEADER = "time,a,b"
START = datetime(2020, 2, 27, 23, 0)  # noqa: DTZ001 - series are in local, unzoned time


def stamp(step: int) -> str:
    """Write the time of a step."""
    return str(START + timedelta(minutes=10 * step))


def rows(steps: Iterable[int]) -> list[str]:
    """Write one line per step; column a is the step itself, column b is 1000 more."""
    return [f"{stamp(i)},{i},{1000 + i}" for i in steps]
