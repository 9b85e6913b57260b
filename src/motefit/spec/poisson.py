"""Exact confidence limits of a rate of rare events, using only the standard library."""

import math

from motefit.spec.binomial import CONFIDENCE
from motefit.spec.errors import DataError


def rate_interval(
    events: int, hours: float, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Compute the exact two-sided interval of a Poisson rate (Garwood, 1936).

    Args:
        events: observed, at least 0.
        hours: of observation, above 0.
        confidence: that the interval covers the true rate, at least.

    Returns:
        The lower and the upper limit, per hour.

    Raises:
        DataError: if the count or the time is invalid.

    >>> rate_interval(0, 1.0), rate_interval(3, 2.0)
    ((0.0, 3.688879...), (0.309336..., 4.383636...))
    """
    _require_observed(events, hours)
    tail = (1 - confidence) / 2
    low = _mean_with(events - 1, 1 - tail) if events else 0.0
    return low / hours, _mean_with(events, tail) / hours


def highest_rate(events: int, hours: float, *, confidence: float = CONFIDENCE) -> float:
    """Compute the exact one-sided upper limit of a Poisson rate, per hour.

    Args:
        events: observed, at least 0.
        hours: of observation, above 0.
        confidence: that the limit is not below the true rate, at least.

    Raises:
        DataError: if the count or the time is invalid.

    >>> [round(highest_rate(n, hours), 3) for n, hours in ((0, 6.0), (1, 9.5), (2, 12.6))]
    [0.499, 0.499, 0.5]
    """
    _require_observed(events, hours)
    return _mean_with(events, 1 - confidence) / hours


def hours_to_show(events: int, bound: float, *, confidence: float = CONFIDENCE) -> float:
    """Compute the hours in which so few events show a rate of at most ``bound``.

    Args:
        events: observed, at least 0.
        bound: per hour, above 0.
        confidence: of :func:`highest_rate`.

    Raises:
        DataError: if the count or the bound is invalid.

    >>> round(hours_to_show(0, 0.5), 2)
    5.99
    """
    _require_observed(events, bound)
    return _mean_with(events, 1 - confidence) / bound


def _require_observed(events: int, hours: float) -> None:
    if events < 0 or not 0 < hours < math.inf:
        raise DataError(
            f"{events} events in {hours:g} hours is not a count in a positive, finite time"
        )


def _mean_with(events: int, tail: float) -> float:
    """Find the mean at which ``events`` or fewer have probability ``tail``."""
    low, high = 0.0, events + 1.0
    while _at_most(events, high) > tail:
        high *= 2
    while low < (middle := (low + high) / 2) < high:
        if _at_most(events, middle) > tail:
            low = middle
        else:
            high = middle
    return low


def _at_most(events: int, mean: float) -> float:
    """Compute P(``events`` or fewer) of a Poisson variable; each term over the last one."""
    if mean <= 0:
        return 1.0
    if events > mean:  # then the terms above ``events`` fall from here on
        return 1.0 - _above(events, mean)
    term = total = 1.0
    for count in range(events, 0, -1):
        term *= count / mean
        total += term
        if term < total * 1e-17:
            break
    return math.exp(_log_term(events, mean) + math.log(total))


def _above(events: int, mean: float) -> float:
    """Compute P(more than ``events``), for ``events`` above the mean."""
    term = total = 1.0
    count = events + 1
    while term > total * 1e-17:
        count += 1
        term *= mean / count
        total += term
    return math.exp(_log_term(events + 1, mean) + math.log(total))


def _log_term(count: int, mean: float) -> float:
    return count * math.log(mean) - mean - math.lgamma(count + 1)
