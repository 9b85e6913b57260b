"""The monitor: reads sensors when they are due, while logging is on."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Plausibility, Reading, SensorError
from motefit.deploy.sensors import Sensor
from motefit.runtime.streaming.detector import Detection
from motefit.spec.errors import DataError, OutputError

SOONEST_RETRY_S = 0.5


class VoiceSwitch:
    """Logging, switched on and off by two words.

    Args:
        on: word that switches it on.
        off: word that switches it off.
        is_on: state before the first word.
        least_s: seconds after a switch in which words are ignored.
    """

    def __init__(
        self,
        on: str = "",
        off: str = "",
        *,
        is_on: bool,
        least_s: float = 0.0,
    ) -> None:
        self._states = {on: True, off: False}
        self.is_on = is_on
        self.least_s = least_s
        self._switched_s = float("-inf")

    def on_word(self, word: Detection) -> bool:
        """Switch if the word says so; return whether the state has changed."""
        state = self._states.get(word.word, self.is_on)
        if state == self.is_on or word.reported_s - self._switched_s < self.least_s:
            return False
        self.is_on, self._switched_s = state, word.reported_s
        return True


@dataclass(kw_only=True)
class NodeCounts:
    """What has happened since the monitor was started.

    Attributes:
        readings: put into the outbox.
        switches: of logging.
        failed: attempts to read, by sensor.
        rejected: implausible values, by quantity.
        refused: readings that the outbox did not take.
    """

    readings: int = 0
    switches: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    refused: int = 0


@dataclass(kw_only=True)
class _Due:
    name: str
    sensor: Sensor
    at_s: float
    failing: bool = False


class Monitor:
    """Sensors, a switch and an outbox; time is told by the caller.

    Args:
        sensors: by the name the user gave.
        outbox: takes the readings.
        node: first part of the keys.
        every_s: seconds between two readings of a sensor.
        switch: whether readings are taken.
        tell: called with a sentence when something happens.

    Raises:
        DataError: if two sensors measure a quantity of the same name.
    """

    def __init__(
        self,
        sensors: Sequence[tuple[str, Sensor]],
        outbox: Outbox,
        *,
        node: str,
        every_s: float,
        switch: VoiceSwitch,
        tell: Callable[[str], None],
    ) -> None:
        names = [quantity.name for _, sensor in sensors for quantity in sensor.quantities]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise DataError(f"two sensors measure {', '.join(twice)}; leave one of them out")
        self._due = [_Due(name=name, sensor=sensor, at_s=float("-inf")) for name, sensor in sensors]
        self._outbox, self._node, self._every_s = outbox, node, every_s
        self.switch, self._tell = switch, tell
        self._checks = {
            quantity.name: Plausibility(quantity)
            for _, sensor in sensors
            for quantity in sensor.quantities
        }
        self.counts = NodeCounts()

    def on_word(self, word: Detection) -> bool:
        """Switch logging if the word says so, and tell; return whether it has switched."""
        if not self.switch.on_word(word):
            return False
        self.counts.switches += 1
        state = "on" if self.switch.is_on else "off"
        self._tell(
            f"logging {state}: {word.word!r} {100 * word.probability:.1f} % at "
            f"{word.time_s:.2f} s of sound"
        )
        return True

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the quantities that the sensors measure."""
        return tuple(self._checks)

    def next_s(self) -> float:
        """Return when the next sensor is due, on the clock that :meth:`poll` is given."""
        return min(due.at_s for due in self._due)

    def poll(self, now_s: float, *, wall_s: float) -> list[Reading]:
        """Read the sensors that are due.

        Args:
            now_s: on a clock that never steps.
            wall_s: seconds since 1970, for the readings.

        Returns:
            The readings put into the outbox.
        """
        taken: list[Reading] = []
        for due in self._due:
            if due.at_s > now_s:
                continue
            # a fixed grid, without the polls that were missed
            late = 0.0 if due.at_s == float("-inf") else (now_s - due.at_s) % self._every_s
            due.at_s = now_s - late + self._every_s
            if self.switch.is_on:
                taken += self._read(due, now_s, wall_s)
        return taken

    def close(self) -> None:
        """Release the sensors."""
        for due in self._due:
            due.sensor.close()

    def _read(self, due: _Due, now_s: float, wall_s: float) -> list[Reading]:
        try:
            values = due.sensor.read(wall_s)
        except SensorError as error:
            self.counts.failed[due.name] += 1
            if not due.failing:
                self._tell(f"{due.name}: {error}; trying again")
            due.failing = True
            due.at_s = min(due.at_s, now_s + max(due.sensor.least_interval_s, SOONEST_RETRY_S))
            return []
        if due.failing:
            self._tell(f"{due.name}: readings are back")
        due.failing = False
        return self._store(due.sensor, values, round(1000 * wall_s))

    def _store(self, sensor: Sensor, values: Mapping[str, float], time_ms: int) -> list[Reading]:
        readings = []
        for quantity in sensor.quantities:
            value = float(values[quantity.name])
            if objection := self._checks[quantity.name].objection(value):
                self.counts.rejected[quantity.name] += 1
                self._tell(f"{quantity.name}: {value:g} {quantity.unit} rejected: {objection}")
                continue
            key = f"{self._node}:{quantity.name}"
            readings.append(Reading(key=key, time_ms=time_ms, value=value, unit=quantity.unit))
        if not self.put(readings):
            return []
        self.counts.readings += len(readings)
        return readings

    def put(self, readings: Sequence[Reading]) -> bool:
        """Put readings into the outbox, or count them as refused; return whether it took them."""
        try:
            self._outbox.put(readings)
        except OutputError as error:
            if not self.counts.refused:
                self._tell(str(error))
            self.counts.refused += len(readings)
            return False
        return True
