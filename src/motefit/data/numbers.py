"""Numbers of a column of texts: strict, fast, each problem with its line."""

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


@dataclass(frozen=True, kw_only=True)
class NumberRule:
    """How the texts of one column become numbers.

    Attributes:
        name: of the column.
        decimal: ``"."`` or ``","``.
        missing: words, in lower case, that mean "missing".
        sentinels: numbers that mean "missing".
        valid: smallest and largest value; others are missing.
    """

    name: str
    decimal: str = "."
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
    if rule.sentinels:
        values[np.isin(values, rule.sentinels)] = np.nan
    with np.errstate(invalid="ignore"):
        large = np.flatnonzero(np.abs(values) > LARGEST)
    if len(large):
        row = int(large[0])
        if np.isinf(values[row]):
            raise _not_a_number(texts[row], rule, place(row))
        raise DataError(
            f"{place(row)}: {texts[row]!r} in the column {rule.name!r} is larger than a model's "
            f"float32 can hold ({LARGEST:.3g}); correct it, or name it in [data] sentinels"
        )
    if rule.valid is None:
        return values, 0
    low, high = rule.valid
    outside = (values < low) | (values > high)
    values[outside] = np.nan
    return values, int(outside.sum())


def _fast(texts: Sequence[str], rule: NumberRule) -> npt.NDArray[np.float64] | None:
    """Convert all texts at once; None if one of them is unusual."""
    joined = "".join(texts)
    if rule.decimal == "," or not joined.isascii() or "_" in joined:
        return None
    try:
        return np.array(list(map(float, texts)))
    except ValueError:
        return None


def _float(text: str, rule: NumberRule, place: Place, row: int) -> float:
    written = text.strip()
    if written.lower() in rule.missing:
        return np.nan
    number = written
    if rule.decimal == ",":
        number = "" if "." in written else written.replace(",", ".")
    try:
        if number.isascii() and "_" not in number:
            return float(number)
    except ValueError:
        pass
    raise _not_a_number(text, rule, place(row))


def _not_a_number(text: str, rule: NumberRule, place: str) -> DataError:
    found = f"{place}: {text!r} in the column {rule.name!r} is not a finite number"
    if rule.decimal == "." and _COMMA.match(text.strip()):
        return DataError(f'{found}; if the comma is a decimal one, set [data] decimal = ","')
    point = "comma" if rule.decimal == "," else "point"
    return DataError(
        f"{found}; write numbers with a decimal {point} and the digits 0 to 9, and missing values "
        "as an empty field, NaN, a sentinel named in [data] sentinels or a word of missing_texts"
    )
