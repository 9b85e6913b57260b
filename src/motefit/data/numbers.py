"""Numbers of a column of texts: strict, fast, each problem with its line."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from motefit.spec.errors import DataError

Place = Callable[[int], str]
"""Name the file and line of a row."""

LARGEST = float(np.finfo(np.float32).max)
"""A model computes in float32."""
MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "unknown", "unavailable"}
    | {"-", "--", "?", "<na>"}
)
_COMMA = re.compile(r"[+-]?\d+,\d+\s*\Z", re.ASCII)
_POINT = re.compile(r"[+-]?\d+\.\d+\Z", re.ASCII)
_GROUPED = re.compile(
    r"[+-]?\d{1,3}((?P<by>[.,'\u2019 \u00a0\u202f])\d{3})((?P=by)\d{3})*([.,]\d*)?\Z"
)
"""Digits in groups of three; spaces between them may be of several kinds."""
_WITH_UNIT = re.compile(r"[+-]?\d[\d.,]*\s*([^\d\s.,][^\d]{0,11})\Z")
_DASHES = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_SWITCHES = frozenset({"true", "false", "on", "off", "yes", "no", "open", "closed"})
_GROUP = 1000
"""Numbers from here on have a separator where groups of digits have one."""
_FAR, _LEAST = 10.0, 9.0
"""So many times as large, and larger than the first digits behind which a mark may be."""
_SHOWN = 60
"""Characters of a text that a message shows."""


@dataclass(frozen=True, kw_only=True)
class NumberRule:
    """How the texts of one column become numbers.

    Attributes:
        name: of the column.
        decimal: ``"."`` or ``","``.
        thousands: between groups of three digits; empty: there are none.
        missing: words, in lower case, that mean "missing".
        sentinels: numbers that mean "missing".
        valid: smallest and largest value; others are missing.
    """

    name: str
    decimal: str = "."
    thousands: str = ""
    missing: Collection[str] = MISSING
    sentinels: Sequence[float] = field(default_factory=tuple)
    valid: tuple[float, float] | None = None


def read_numbers(
    texts: Sequence[str], rule: NumberRule, place: Place
) -> tuple[npt.NDArray[np.float64], int]:
    """Convert texts to float64, NaN where missing; and count the values outside the valid range.

    Raises:
        DataError: for the first text that is no number, or one that float32 cannot hold.
    """
    values = _fast(texts, rule)
    if values is None:
        values = np.array([_float(text, rule, place, row) for row, text in enumerate(texts)])
    if not rule.thousands:
        _refuse_mixed_groups(texts, values, rule, place)
    if rule.sentinels:
        values[np.isin(values, rule.sentinels)] = np.nan
    with np.errstate(invalid="ignore"):
        large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(large):
        row = int(large[0])
        if np.isinf(values[row]):
            raise _not_a_number(texts[row], rule, place(row))
        raise DataError(
            f"{place(row)}: {shown(texts[row])} in the column {rule.name!r} is larger than a "
            f"model's float32 can hold ({LARGEST:.3g}); correct it, or name it in [data] sentinels"
        )
    if rule.valid is None:
        return values, 0
    low, high = rule.valid
    outside = (values < low) | (values > high)
    values[outside] = np.nan
    return values, int(outside.sum())


def _refuse_mixed_groups(
    texts: Sequence[str], values: npt.NDArray[np.float64], rule: NumberRule, place: Place
) -> None:
    """Refuse whole numbers among others of three digits behind the mark, which are far smaller.

    As in 998, 999, 1.000, 1.001: read by the decimal mark, the pressure would fall to a thousandth.

    Raises:
        DataError: naming the key that reads groups of digits.
    """
    size = np.abs(values)
    broken = np.isfinite(values) & (values != np.floor(values))
    whole = ~broken & (size > _LEAST) & (size < _GROUP)
    if not whole.any() or not broken.any():
        return
    large, small = np.abs(values[whole]), np.abs(values[broken])
    if np.median(large) < _FAR * np.median(small) or large.min() <= small.max():
        return
    mark = re.escape(rule.decimal)
    grouped = re.compile(rf"\s*[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})+\s*\Z", re.ASCII)
    rows = [
        row for row in np.flatnonzero(np.isfinite(values)).tolist() if rule.decimal in texts[row]
    ]
    marked = frozenset(rows)
    plain = next((row for row in np.flatnonzero(whole).tolist() if row not in marked), None)
    if plain is None or not all(grouped.match(texts[row]) for row in rows):
        return
    raise DataError(
        f"{place(rows[0])}: {shown(texts[rows[0]])} in the column {rule.name!r} is far below "
        f"{shown(texts[plain])} of {place(plain).rpartition(', ')[2]}; "
        f"{_grouped_hint(texts[rows[0]].strip(), rule.decimal)}; else write all numbers with as "
        "many decimals"
    )


def _fast(texts: Sequence[str], rule: NumberRule) -> npt.NDArray[np.float64] | None:
    """Convert all texts at once; None if one of them is unusual."""
    joined = "".join(texts)
    if rule.decimal == "," or rule.thousands or not joined.isascii() or "_" in joined:
        return None
    try:
        return np.array(list(map(float, texts)))
    except ValueError:
        return None


def _float(text: str, rule: NumberRule, place: Place, row: int) -> float:
    written = text.strip()
    if written.lower() in rule.missing:
        return np.nan
    number = _ungrouped(written, rule) if rule.thousands else written
    if rule.decimal == ",":
        number = "" if "." in number else number.replace(",", ".")
    try:
        if number.isascii() and "_" not in number:
            return float(number)
    except ValueError:
        pass
    raise _not_a_number(text, rule, place(row))


def _ungrouped(text: str, rule: NumberRule) -> str:
    """Drop the separators of groups of three digits; empty if groups or separators are others."""
    whole, point, decimals = text.partition(rule.decimal)
    marks = {" ": " \u00a0\u202f", "'": "'\u2019"}.get(rule.thousands, rule.thousands)
    groups = re.split(f"[{re.escape(marks)}]", whole)
    first = groups[0].lstrip("+-")
    right = 1 <= len(first) <= 3 and all(len(group) == 3 for group in groups[1:])
    return "".join(groups) + point + decimals if right or len(groups) == 1 else ""


def shown(text: str) -> str:
    """Quote a text for a message, shortened if it is long.

    >>> shown("7" * 1000)
    "'7777777777777777777777777777777777777777777777777777777777...' (1000 characters)"
    """
    if len(text) <= _SHOWN:
        return repr(text)
    return f"{text[: _SHOWN - 2] + '...'!r} ({len(text)} characters)"


def _not_a_number(text: str, rule: NumberRule, place: str) -> DataError:
    found = f"{place}: {shown(text)} in the column {rule.name!r} is not a finite number"
    written = text.strip()
    hint = "" if rule.thousands else _grouped_hint(written, rule.decimal)
    if rule.decimal == "." and _COMMA.match(written):
        comma = 'if the comma is a decimal one, set [data] decimal = ","'
        return DataError(f"{found}; {comma}{f'; {hint}' if hint else ''}")
    if hint:
        return DataError(f"{found}; {hint}")
    if rule.decimal == "," and _POINT.match(written):
        return DataError(f"{found}; if the point is the decimal one, leave [data] decimal out")
    if unit := _WITH_UNIT.match(written):
        return DataError(
            f"{found}; write the number alone, without {unit[1].strip()!r} (in Grafana: export the "
            "data unformatted)"
        )
    if written[:1] in _DASHES and written[1:2].isdigit():
        return DataError(f"{found}; write the minus sign as -, instead of {written[0]!r}")
    if written.lower() in _SWITCHES:
        return DataError(f"{found}; write 0 and 1")
    if written.isascii() and not any(map(str.isdigit, written)) and "inf" not in written.lower():
        return DataError(
            f"{found}; if it means that the value is missing, set [data] missing_texts = "
            f"[{json.dumps(written[:_SHOWN])}]; numbers have the digits 0 to 9"
        )
    point = "comma" if rule.decimal == "," else "point"
    return DataError(
        f"{found}; write numbers with a decimal {point} and the digits 0 to 9, and missing values "
        "as an empty field, NaN, a sentinel named in [data] sentinels or a word of missing_texts"
    )


def _grouped_hint(text: str, decimal: str) -> str:
    """Name the key that reads digits in groups of three; empty where there are none."""
    found = _GROUPED.match(text)
    if found is None:
        return ""
    by, rest = found["by"], found[4] or ""
    other = rest[:1] or (decimal if decimal != by else "")
    if other in {"", by}:
        other = "," if by == "." else "."
    key = by if by in ".,'" else "'" if by == "\u2019" else " "
    both = f' and decimal = "{other}"' if other != decimal else ""
    return f'if {by!r} separates thousands, set [data] thousands = "{key}"{both}'
