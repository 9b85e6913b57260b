"""A simulated room: temperature and humidity over the day, for trials without hardware."""

import math
import random

from motefit.deploy.reading import Quantity
from motefit.deploy.sensors import SENSORS
from motefit.spec.errors import DataError

TEMPERATURE = Quantity(name="temperature", unit="Cel", lowest=-40, highest=80, jump=5)
HUMIDITY = Quantity(name="humidity", unit="%RH", lowest=0, highest=100, jump=20)
DAY_S = 86_400


class SimulatedRoom:
    """Room that is warmest in the afternoon, and drier when it is warm.

    Args:
        seed: of the noise; equal seeds give equal values at equal times.
    """

    quantities = (TEMPERATURE, HUMIDITY)
    least_interval_s = 0.0

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def read(self, now_s: float) -> dict[str, float]:
        """Compute temperature and relative humidity at a time."""
        noise = random.Random(f"{self._seed} {now_s:.3f}")  # noqa: S311 - a simulation
        swing = math.sin(2 * math.pi * (now_s % DAY_S / DAY_S - 0.375))
        temperature = 21 + 2.5 * swing + noise.gauss(0, 0.05)
        humidity = 48 - 6 * swing + noise.gauss(0, 0.2)
        return {"temperature": round(temperature, 2), "humidity": round(humidity, 2)}

    def close(self) -> None:
        """Do nothing: there is no hardware."""


def _open(argument: str) -> SimulatedRoom:
    if argument and not argument.isdecimal():
        raise DataError(f"room:{argument}: the argument is a seed, a whole number, e.g. room:3")
    return SimulatedRoom(int(argument or 0))


SENSORS.register("room", _open)
