"""Time formats that a recipe may ask for: ``strptime`` directives that work everywhere, epochs."""

import re

from motefit.spec.errors import RecipeError

EPOCHS = {"epoch-s": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000, "epoch-ns": 1_000_000_000}
"""Units since 1970-01-01 00:00 UTC, and how many make a second."""
_PORTABLE = frozenset("aAwdbBmyYHIpMSfzZjUWcxXGuV%")
"""Directives of Python's ``strptime`` on every platform."""
_INSTEAD = {
    "s": 'time_format = "epoch-s"',
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "e": "%d",
    "k": "%H",
    "l": "%I",
    "h": "%b",
    "P": "%p",
    "N": "%f",
    "L": "%f",
    "3": "%f",
    "6": "%f",
    "9": "%f",
}


def _check_meaning(time_format: str) -> None:
    """Refuse formats that ``strptime`` accepts, but that give another time than is written."""
    names = set(re.findall(r"%(.)", time_format.replace("%%", "")))
    if not names:
        return
    if ("I" in names) != ("p" in names) and not names & {"c", "X"}:
        have, lack = ("%I", "%p") if "I" in names else ("%p", "%I")
        raise RecipeError(
            f"time_format {time_format!r} has {have} without {lack}, so that morning and afternoon "
            "are not told apart; write %I and %p for a 12-hour clock, %H for a 24-hour one"
        )
    if "I" in names and "H" in names:
        raise RecipeError(f"time_format {time_format!r} has two hours; keep %I or %H")
    if not names & {"Y", "y", "G", "c", "x"}:
        raise RecipeError(
            f"time_format {time_format!r} gives no year; if the date is in another column, set "
            '[data] time = ["Date", "Time"] and write the format of both, joined by a space'
        )


def check_time_format(time_format: str) -> None:
    """Make sure that a time format means the same on every platform.

    >>> check_time_format("%d.%m.%Y %H:%M:%S")

    Raises:
        RecipeError: naming the directive that does not, and what to write instead.
    """
    if time_format.startswith("epoch"):
        if time_format not in EPOCHS:
            raise RecipeError(f"time_format {time_format!r}: allowed: {', '.join(EPOCHS)}")
        return
    for found in re.finditer(r"%([-_^#0]?)(.?)", time_format, re.DOTALL):
        padding, name = found.groups()
        if not padding and name in _PORTABLE and name:
            continue
        instead = f"%{name}" if padding and name in _PORTABLE else _INSTEAD.get(name, "")
        remedy = f"write {instead}" if instead else "see Python's datetime.strptime"
        raise RecipeError(
            f"time_format {time_format!r}: {found[0]} is not read alike on every platform; {remedy}"
        )
    _check_meaning(time_format)
    if time_format and "%" not in time_format:
        raise RecipeError(
            f"time_format {time_format!r} has no directive such as %Y; leave it empty for ISO "
            f"8601, or write a strptime format or one of {', '.join(EPOCHS)}"
        )
