"""Exact confidence limits of a success rate, using only the standard library."""

import bisect
import math
from collections.abc import Callable
from typing import Literal

from motefit.spec.errors import DataError

CONFIDENCE = 0.95
Confidence = Literal["shown", "met, not shown at 95 %", "missed"]
"""How sure it is that a bound holds: the limits, only the value, or neither is inside it."""
MOST_CLIPS = 10_000_000


def interval(correct: int, n: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Compute the exact two-sided binomial interval of ``correct / n`` (Clopper and Pearson, 1934).

    Args:
        correct: successes, 0..n.
        n: trials, at least 1.
        confidence: that the interval covers the true share, at least.

    Returns:
        The lower and the upper limit, as fractions.

    Raises:
        DataError: if the counts are invalid.

    >>> interval(199, 200)
    (0.972458..., 0.999873...)
    >>> interval(0, 10)[0], interval(10, 10)[1]
    (0.0, 1.0)
    """
    _require_counts(correct, n)
    tail = (1 - confidence) / 2
    return _lower(correct, n, tail), 1.0 - _lower(n - correct, n, tail)


def shows(correct: int, n: int, bound: float, *, confidence: float = CONFIDENCE) -> bool:
    """Return whether the lower limit of :func:`interval` is above ``bound``.

    Raises:
        DataError: if the counts are invalid.

    >>> shows(199, 200, 0.97), shows(199, 200, 0.98)
    (True, False)
    """
    _require_counts(correct, n)
    return correct > n * bound and _at_least(correct, n, bound) < (1 - confidence) / 2


def clips_to_show(
    correct: int, n: int, bound: float, *, confidence: float = CONFIDENCE
) -> int | None:
    """Count the clips needed to show ``accuracy > bound`` at the observed accuracy.

    With that many clips, and as many errors as the observed share allows (rounded up), the lower
    limit of :func:`interval` lies over the bound.

    Returns:
        The number of clips, or None where the observed accuracy is not over the bound, or more
        than ten million clips would be needed.

    Raises:
        DataError: if the counts are invalid.

    >>> clips_to_show(199, 200, 0.98), clips_to_show(200, 200, 0.98)
    (359, 183)
    >>> clips_to_show(196, 200, 0.98) is None
    True
    """
    _require_counts(correct, n)
    wrong = n - correct
    if correct <= n * bound:
        return None

    def shown(errors: int, clips: int) -> bool:
        return shows(clips - errors, clips, bound, confidence=confidence)

    def most_clips(errors: int) -> int:
        return errors * n // wrong if wrong else MOST_CLIPS

    errors = 0
    if wrong:
        largest = MOST_CLIPS * wrong // n
        errors = _first(1, largest, lambda e: shown(e, most_clips(e)))
    clips = _first(errors + 1, most_clips(errors), lambda c: shown(errors, c))
    found = clips if clips <= most_clips(errors) and clips <= MOST_CLIPS else None
    if shown(wrong, n):  # shares of whole clips jump: the clips at hand may be fewer
        return min(n, found or n)
    return found


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Find the first of ``low..high`` from which ``holds`` is true; ``high + 1`` if none."""
    return bisect.bisect_left(range(low, high + 1), x=True, key=holds) + low


def _require_counts(correct: int, n: int) -> None:
    if n < 1 or not 0 <= correct <= n:
        raise DataError(f"{correct} of {n} is not a count of successes in at least one trial")


def _lower(correct: int, n: int, tail: float) -> float:
    """Find the success rate at which ``correct`` or more successes have probability ``tail``."""
    low, high = 0.0, correct / n
    while low < (middle := (low + high) / 2) < high:
        if _at_least(correct, n, middle) < tail:
            low = middle
        else:
            high = middle
    return low


def _at_least(correct: int, n: int, share: float) -> float:
    """Compute P(``correct`` or more successes in ``n`` trials); ``share <= correct / n``."""
    if share <= 0:
        return float(correct == 0)
    log_first = (
        math.lgamma(n + 1)
        - math.lgamma(correct + 1)
        - math.lgamma(n - correct + 1)
        + correct * math.log(share)
        + (n - correct) * math.log1p(-share)
    )
    odds = share / (1 - share)
    term = total = 1.0  # each term over the first; they fall from here on
    for successes in range(correct, n):
        term *= (n - successes) / (successes + 1) * odds
        total += term
        if term < total * 1e-17:
            break
    return math.exp(log_first + math.log(total))
