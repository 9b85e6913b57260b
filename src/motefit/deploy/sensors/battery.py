"""Battery level and power supply of this machine."""

from motefit.deploy.reading import Quantity, SensorError
from motefit.deploy.sensors import SENSORS
from motefit.spec.errors import DataError
from motefit.spec.extras import require

LEVEL = Quantity(name="battery", unit="%EL", lowest=0, highest=100)
POWER = Quantity(name="power", unit="/", lowest=0, highest=1)


class Battery:
    """Level of the battery in percent, and whether power is plugged in (1) or not (0).

    Raises:
        DataError: if this machine has no battery.
        MissingExtraError: without psutil.
    """

    quantities = (LEVEL, POWER)
    least_interval_s = 1.0

    def __init__(self) -> None:
        require("psutil", extra="monitor", purpose="reading the battery")
        if self._state() is None:
            raise DataError("this machine reports no battery; use another sensor, e.g. room")

    def read(self, now_s: float) -> dict[str, float]:  # noqa: ARG002 - the battery's own time
        """Return level and power supply."""
        state = self._state()
        if state is None:
            raise SensorError("the battery is gone")
        level, plugged = state
        return {"battery": level, "power": float(plugged)}

    def close(self) -> None:
        """Do nothing: nothing was opened."""

    @staticmethod
    def _state() -> tuple[float, bool] | None:
        import psutil  # noqa: PLC0415 - of an extra

        state = psutil.sensors_battery()
        return None if state is None else (float(state.percent), bool(state.power_plugged))


def _open(argument: str) -> Battery:
    if argument:
        raise DataError(f"battery:{argument}: battery takes no argument")
    return Battery()


SENSORS.register("battery", _open)
