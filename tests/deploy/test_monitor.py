"""When sensors are read, what is rejected, and which words switch."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.deploy.monitor import Monitor, VoiceSwitch
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Plausibility, Quantity, SensorError
from motefit.deploy.sensors import SENSORS, open_sensor
from motefit.runtime.streaming.detector import Detection
from motefit.spec.errors import DataError, MissingExtraError, RecipeError

TEMPERATURE = Quantity(name="temperature", unit="Cel", lowest=-40, highest=125, jump=5)


class Scripted:
    """A sensor that gives a list of values; None is a failure."""

    quantities = (TEMPERATURE,)
    least_interval_s = 0.0

    def __init__(self, *values):
        self.values, self.closed = list(values), False

    def read(self, now_s):  # noqa: ARG002 - of the protocol
        value = self.values.pop(0)
        if value is None:
            raise SensorError("checksum")
        return {"temperature": value}

    def close(self):
        self.closed = True


def monitor_of(outbox, *sensors, every_s=2.0, is_on=True):
    told = []
    switch = VoiceSwitch("up", "down", is_on=is_on, least_s=1.0)
    made = Monitor(
        [(f"sensor {n}", sensor) for n, sensor in enumerate(sensors)],
        outbox,
        node="node",
        every_s=every_s,
        switch=switch,
        tell=told.append,
    )
    return made, told


def word(label, reported_s, probability=0.9):
    return Detection(
        word=label, probability=probability, time_s=reported_s - 0.5, reported_s=reported_s
    )


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.db") as opened:
        yield opened


def test_sensors_are_read_on_a_fixed_grid_whatever_the_delay(outbox):
    monitor, _ = monitor_of(outbox, Scripted(*range(100)))
    polled_at = (0.0, 1.9, 2.3, 3.9, 4.1, 13.0, 13.5, 14.0)
    read_at = [now for now in polled_at if monitor.poll(now, wall_s=1000 + now)]
    assert read_at == [0.0, 2.3, 4.1, 13.0, 14.0]
    assert monitor.next_s() == pytest.approx(16.0)
    assert [r.time_ms for _, r in outbox.batch(9)] == [round(1000 * (1000 + t)) for t in read_at]


def test_a_failed_reading_is_counted_told_once_and_tried_again_soon(outbox):
    monitor, told = monitor_of(outbox, Scripted(None, None, 21.0), every_s=60.0)
    monitor.poll(0.0, wall_s=0.0)
    assert monitor.next_s() == pytest.approx(0.5)
    monitor.poll(0.5, wall_s=0.5)
    monitor.poll(1.0, wall_s=1.0)
    assert monitor.counts.failed == {"sensor 0": 2}
    assert told == ["sensor 0: checksum; trying again", "sensor 0: readings are back"]
    assert [r.value for _, r in outbox.batch(9)] == [21.0]


def test_spikes_are_rejected_and_counted_and_real_steps_are_not(outbox):
    values = (21.0, 85.0, 21.2, math.nan, 300.0, 30.0, 30.2)
    monitor, told = monitor_of(outbox, Scripted(*values))
    for n in range(len(values)):
        monitor.poll(2.0 * n, wall_s=2.0 * n)
    assert [r.value for _, r in outbox.batch(9)] == [21.0, 21.2, 30.2]
    assert monitor.counts.rejected == {"temperature": 4}
    assert "temperature: 85 Cel rejected: a jump of 64" in told


@given(st.lists(st.floats(), max_size=30))
def test_what_is_accepted_is_in_range_and_near_what_came_before(values):
    check, accepted = Plausibility(TEMPERATURE), []
    for n, value in enumerate(values):
        if not check.objection(value):
            assert -40 <= value <= 125
            near = [*accepted[-1:], *values[max(n - 5, 0) : n]] or [value]
            assert accepted == [] or any(abs(value - other) <= 5 for other in near + values[:n])
            accepted.append(value)


def test_the_value_before_the_first_measurement_is_no_reading():
    check = Plausibility(Quantity(name="t", unit="Cel", power_on=(85.0,)))
    assert check.objection(85.0)
    assert not check.objection(20.0)
    assert not check.objection(85.0)


def test_words_switch_and_not_too_often(outbox):
    monitor, told = monitor_of(outbox, Scripted(*range(9)), is_on=False)
    assert monitor.poll(0.0, wall_s=0.0) == []
    for said in (
        word("down", 1.0),
        word("left", 2.5),
        word("up", 3.0),
        word("down", 3.5),  # within a second of the switch
    ):
        monitor.on_word(said)
    assert monitor.switch.is_on
    assert told == ["logging on: 'up' 90.0 % at 2.50 s of sound"]
    assert [reading.value for reading in monitor.poll(4.0, wall_s=4.0)] == [0]
    monitor.on_word(word("down", 4.1))
    assert (monitor.switch.is_on, monitor.counts.switches) == (False, 2)


def test_two_sensors_of_the_same_quantity_are_refused(outbox):
    with pytest.raises(DataError, match="two sensors measure temperature"):
        monitor_of(outbox, Scripted(), Scripted())


def test_a_full_outbox_that_refuses_is_told_once_and_counted(tmp_path):
    with Outbox(tmp_path / "full.db", most=1, when_full="refuse") as outbox:
        monitor, told = monitor_of(outbox, Scripted(*range(5)))
        for n in range(4):
            monitor.poll(2.0 * n, wall_s=2.0 * n)
    assert monitor.counts.refused == 3
    assert len(told) == 1
    assert "full" in told[0]


def test_a_simulated_room_gives_equal_values_at_equal_times():
    first, second = open_sensor("room:3"), open_sensor("room:3")
    assert first.read(1e9) == second.read(1e9) != open_sensor("room:4").read(1e9)
    for hour in range(24):
        values = first.read(1e9 + 3600 * hour)
        for quantity in first.quantities:
            assert quantity.lowest < values[quantity.name] < quantity.highest


def test_a_file_is_replayed_row_by_row(tmp_path):
    (tmp_path / "week.csv").write_text("Date Time,T (degC),rh (%)\na,1.5,50\nb,,51\nc,2.5,52\n")
    sensor = open_sensor(f"csv:{tmp_path}/week.csv")
    assert [quantity.name for quantity in sensor.quantities] == ["T_degC_", "rh_"]
    assert sensor.read(0) == {"T_degC_": 1.5, "rh_": 50.0}
    with pytest.raises(SensorError, match="row 3"):
        sensor.read(0)
    assert sensor.read(0)["T_degC_"] == 2.5
    assert sensor.read(0)["T_degC_"] == 1.5


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("rom", RecipeError, "did you mean 'room'"),
        ("room:x", DataError, "a seed"),
        ("csv", DataError, "csv needs a file"),
        ("csv:/nowhere.csv", DataError, "cannot be replayed"),
        ("dht11", DataError, "dht11:4"),
        ("dht22:4", (MissingExtraError, DataError), "dht"),
        ("battery:1", DataError, "takes no argument"),
    ],
)
def test_a_wrong_sensor_is_explained(text, error, message):
    with pytest.raises(error, match=message):
        open_sensor(text)
    assert {"battery", "csv", "dht11", "dht22", "room"} <= set(SENSORS.names())
