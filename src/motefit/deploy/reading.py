"""Quantities that a sensor measures, and single readings of them."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from motefit.spec.errors import DataError, MotefitError

KEY = re.compile(r"[A-Za-z0-9_.\-]{1,64}(:[A-Za-z0-9_.\-]{1,64})*\Z")


class SensorError(MotefitError):
    """A sensor that could not be read this time; the next attempt may succeed."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a sensor measures.

    Attributes:
        name: last part of the key, e.g. ``"temperature"``.
        unit: in SenML's spelling (RFC 8428): ``"Cel"``, ``"%RH"``, ``"%EL"``, ``"/"`` for a ratio
            or a state, 0 or 1.
        lowest: end of the sensor's range.
        highest: other end of the sensor's range.
        jump: largest plausible difference between two consecutive readings; infinite if any is.
        power_on: values that the sensor gives before its first measurement.
    """

    name: str
    unit: str
    lowest: float = -math.inf
    highest: float = math.inf
    jump: float = math.inf
    power_on: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        if not KEY.match(self.name) or ":" in self.name:
            raise DataError(
                f"the name of a quantity is 1 to 64 letters, digits, _, . and -, got {self.name!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One value at one time.

    Attributes:
        key: ``"<node>:<quantity>"``, e.g. ``"0xdca632a1b2c3:temperature"``.
        time_ms: milliseconds since 1970, UTC.
        value: finite.
        unit: as in :class:`Quantity`.
    """

    key: str
    time_ms: int
    value: float
    unit: str = ""

    def __post_init__(self) -> None:
        if not KEY.match(self.key):
            raise DataError(
                "a key is 1 to 64 letters, digits, _, . and -, or several of these joined by "
                f"colons, got {self.key!r}"
            )
        if not math.isfinite(self.value):
            raise DataError(f"{self.key}: a reading is a finite number, got {self.value}")
        if not 0 <= self.time_ms < 2**53:
            raise DataError(f"{self.key}: {self.time_ms} ms is not a time since 1970")


def reading_of(where: str, key: Any, time_ms: Any, value: Any, unit: Any) -> Reading:  # noqa: ANN401
    """Make a reading of what a store returned.

    Args:
        where: names the store in errors.
        key: as in :class:`Reading`, as the others.
        time_ms: number, or its text.
        value: number, or its text.
        unit: text; None: no unit.

    Raises:
        DataError: if it is none.
    """
    try:
        return Reading(key=key, time_ms=int(time_ms), value=float(value), unit=unit or "")
    except (ValueError, TypeError, DataError) as error:
        raise DataError(f"{where}: not a reading: {error}") from None


class Plausibility:
    """Rejection of values that a sensor cannot have measured.

    Rejected are values that are not finite or out of range, those a sensor gives before its first
    measurement, and spikes: values too far from the last accepted one. A real step is accepted at
    its second value, which confirms the first.

    Args:
        quantity: of the values.
    """

    def __init__(self, quantity: Quantity) -> None:
        self._quantity = quantity
        self._accepted: float | None = None
        self._doubted: float | None = None

    def objection(self, value: float) -> str:
        """Say why a value is rejected; empty if it is accepted.

        >>> temperature = Plausibility(Quantity(name="t", unit="Cel", lowest=0, highest=90, jump=5))
        >>> [temperature.objection(value) for value in (21.0, 85.0, 21.5)]
        ['', 'a jump of 64', '']
        """
        quantity = self._quantity
        if not math.isfinite(value):
            return "not a finite number"
        if not quantity.lowest <= value <= quantity.highest:
            return f"outside {quantity.lowest:g} to {quantity.highest:g}"
        if self._accepted is None and value in quantity.power_on:
            return "the value before the first measurement"
        if self._accepted is not None and abs(value - self._accepted) > quantity.jump:
            doubted, self._doubted = self._doubted, value
            if doubted is None or abs(value - doubted) > quantity.jump:
                return f"a jump of {abs(value - self._accepted):.3g}"
        self._accepted, self._doubted = value, None
        return ""
