"""Sensors; one file per kind, which registers a function that opens it.

A sensor is named as ``kind`` or ``kind:argument``: ``room``, ``csv:week.csv``, ``dht11:4``,
``battery``.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from motefit.deploy.reading import Quantity
from motefit.spec.registry import Registry


class Sensor(Protocol):
    """A source of values.

    Attributes:
        quantities: that it measures.
        least_interval_s: the sensor gives no new values within this time.
    """

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What it measures."""
        ...

    @property
    def least_interval_s(self) -> float:
        """Seconds within which it gives no new values."""
        ...

    def read(self, now_s: float) -> Mapping[str, float]:
        """Measure.

        Args:
            now_s: seconds since 1970; only simulations use it.

        Returns:
            Values by name of the quantity.

        Raises:
            SensorError: if it cannot be read this time.
        """
        ...

    def close(self) -> None:
        """Release the hardware."""
        ...


SENSORS: Registry[Callable[[str], Sensor]] = Registry(__name__, "sensor")
"""Functions that open a sensor, given the text behind the colon."""


def open_sensor(text: str) -> Sensor:
    """Open a sensor as a user names it.

    Args:
        text: ``"kind"`` or ``"kind:argument"``.

    Raises:
        RecipeError: for an unknown kind.
        DataError: if the argument is wrong, or this machine has no such sensor.
        MissingExtraError: if the sensor's library is not installed.
    """
    kind, _, argument = text.partition(":")
    return SENSORS.find(kind)(argument)
