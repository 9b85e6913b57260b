"""DHT-11 and DHT-22, temperature and humidity on one wire of a Raspberry Pi.

Read through Adafruit's library, which handles the timing. The sensors answer about one reading in
five with a wrong checksum or not at all; the monitor counts and repeats those.
"""

import functools
import importlib
from typing import Any

from motefit.deploy.reading import Quantity, SensorError
from motefit.deploy.sensors import SENSORS
from motefit.spec.errors import DataError
from motefit.spec.extras import require

RANGES = {"dht11": ((0.0, 50.0), (20.0, 90.0)), "dht22": ((-40.0, 80.0), (0.0, 100.0))}
"""Ranges of temperature in degrees Celsius and of relative humidity in %, from the data sheets."""
INTERVAL_S = 2.0


class Dht:
    """Sensor on a GPIO pin.

    Args:
        kind: ``"dht11"`` or ``"dht22"``.
        pin: BCM number of the pin, e.g. 4.

    Raises:
        DataError: if the pin cannot be used.
        MissingExtraError: without Adafruit's library.
    """

    least_interval_s = INTERVAL_S

    def __init__(self, kind: str, pin: int) -> None:
        require("adafruit_dht", extra="dht", purpose=f"reading a {kind}")
        (cold, warm), (dry, humid) = RANGES[kind]
        self.quantities = (
            Quantity(name="temperature", unit="Cel", lowest=cold, highest=warm, jump=5),
            Quantity(name="humidity", unit="%RH", lowest=dry, highest=humid, jump=25),
        )
        self._device = _device(kind, pin)

    def read(self, now_s: float) -> dict[str, float]:  # noqa: ARG002 - the sensor's own time
        """Measure temperature and relative humidity."""
        try:
            temperature, humidity = self._device.temperature, self._device.humidity
        except (RuntimeError, OSError) as error:
            raise SensorError(str(error)) from None
        if temperature is None or humidity is None:
            raise SensorError("no answer from the sensor")
        return {"temperature": float(temperature), "humidity": float(humidity)}

    def close(self) -> None:
        """Release the pin."""
        self._device.exit()


def _device(kind: str, pin: int) -> Any:  # noqa: ANN401 - of a library without types
    try:
        board = importlib.import_module("board")
        device = getattr(importlib.import_module("adafruit_dht"), kind.upper())
        return device(getattr(board, f"D{pin}"))
    except (NotImplementedError, AttributeError, RuntimeError, OSError, ImportError) as error:
        raise DataError(
            f"{kind}:{pin}: pin {pin} cannot be used on this machine: {error}; the number is the "
            "BCM number of a GPIO pin, e.g. 4"
        ) from None


def _open(kind: str, argument: str) -> Dht:
    if not argument.isdecimal():
        raise DataError(f"{kind} needs the BCM number of its pin, e.g. {kind}:4; got {argument!r}")
    return Dht(kind, int(argument))


for _kind in RANGES:
    SENSORS.register(_kind, functools.partial(_open, _kind))
