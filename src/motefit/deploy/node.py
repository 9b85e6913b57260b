"""A running node: ears, monitor and forwarder together."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from motefit.deploy.forwarder import Forwarder
from motefit.deploy.monitor import Monitor, NodeCounts, VoiceSwitch
from motefit.deploy.node_settings import NodeSettings, check_words
from motefit.deploy.outbox import Outbox
from motefit.deploy.sensors import open_sensor
from motefit.deploy.service_unit import tell_systemd
from motefit.deploy.sinks import open_sink
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.listen import Chunk, chunks, connector, listen
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.zoo import find_model
from motefit.spec.errors import MotefitError
from motefit.spec.tables import Item, Printable

DRAIN_S = 2.0
"""Time at the end for readings that the sink has not yet."""


@dataclass(frozen=True, kw_only=True)
class NodeResult(Printable):
    """What a node did until it was stopped.

    Attributes:
        seconds: that it ran; of sound if its microphone was a file.
        counts: of readings, switches and failures.
        sent: readings that the sink has acknowledged.
        waiting: readings that are still in the outbox.
        given_up: readings that a full outbox gave up, since it was created.
    """

    seconds: float
    counts: NodeCounts
    sent: int
    waiting: int
    given_up: int

    def content(self) -> tuple[Item, ...]:
        """Return a few sentences."""
        counts = self.counts
        done = f"{counts.readings} readings, {counts.switches} switches"
        lines = [f"{self.seconds:.1f} s: {done}; {self.sent} readings sent, {self.waiting} waiting"]
        for what, found in (("failed to read", counts.failed), ("rejected", counts.rejected)):
            if found:
                text = ", ".join(f"{name} {count}" for name, count in sorted(found.items()))
                lines.append(f"{what}: {text}")
        if lost := self.given_up + counts.refused:
            lines.append(f"lost because the outbox was full: {lost}")
        return tuple(lines)


class Node:
    """A node made of its settings.

    Args:
        settings: of the node.
        tell: called with a sentence when something happens.

    Raises:
        MotefitError: if the model, a sensor, the sink or the outbox cannot be used.
    """

    def __init__(self, settings: NodeSettings, *, tell: Callable[[str], None]) -> None:
        self.settings = settings = settings.named()
        self._tell, self._stop = tell, threading.Event()
        self._deaf: MotefitError | None = None
        with contextlib.ExitStack() as opened:
            self._spotter = _spotter(settings)
            sensors = []
            for name in settings.sensors:
                sensors.append((name, open_sensor(name)))
                opened.callback(sensors[-1][1].close)
            keys = sum(len(sensor.quantities) for _, sensor in sensors)
            self.sink = open_sink(settings.sink_url(keys))
            opened.callback(self.sink.close)
            self.outbox = opened.enter_context(
                Outbox(
                    Path(settings.outbox), most=settings.outbox_most, when_full=settings.when_full
                )
            )
            self.switch = VoiceSwitch(
                settings.on,
                settings.off,
                is_on=settings.starts_on,
                least_probability=settings.least_probability,
                least_s=settings.least_s,
            )
            self.monitor = Monitor(
                sensors,
                self.outbox,
                node=settings.node,
                every_s=settings.every_s,
                switch=self.switch,
                tell=tell,
            )
            self.forwarder = Forwarder(self.outbox, self.sink, tell=tell)
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """Make :meth:`run` return soon; from any thread, or a signal handler."""
        self._stop.set()

    def run(self, seconds: float = 0.0) -> NodeResult:
        """Run until stopped.

        Args:
            seconds: after which to stop; 0: never. Of sound if the microphone is a file.

        Raises:
            DataError: if the sound cannot be read.
        """
        state = "on" if self.switch.is_on else "off"
        waiting = f"; {len(self.outbox)} readings wait from before" if len(self.outbox) else ""
        self._tell(f"node {self.settings.node}: logging {state}{waiting}")
        self.forwarder.start()
        tell_systemd("READY=1")
        with self._opened:
            try:
                file = self.settings.microphone
                if self._spotter is not None and file != "-" and Path(file).is_file():
                    passed = self._replay(self._spotter, seconds)
                else:
                    passed = self._live(seconds)
            finally:
                self.forwarder.stop(patience_s=DRAIN_S)
            return NodeResult(
                seconds=passed,
                counts=self.monitor.counts,
                sent=self.forwarder.sent,
                waiting=len(self.outbox),
                given_up=self.outbox.given_up,
            )

    def _live(self, seconds: float) -> float:
        if self._spotter is not None:
            ears = threading.Thread(target=self._listen, args=(self._spotter,), daemon=True)
            ears.start()
        start = now = time.monotonic()
        while not self._stop.is_set() and not (seconds and now - start >= seconds):
            tell_systemd("WATCHDOG=1")
            self._poll(now, datetime.now(UTC).timestamp())
            until = self.monitor.next_s()
            if seconds:
                until = min(until, start + seconds)
            self._stop.wait(min(max(until - time.monotonic(), 0.0), 1.0))
            now = time.monotonic()
        if self._deaf is not None:
            raise self._deaf
        return now - start

    def _poll(self, now_s: float, wall_s: float) -> None:
        if self.forwarder.defect is not None:
            raise self.forwarder.defect
        if self.monitor.poll(now_s, wall_s=wall_s):
            self.forwarder.notify()

    def _listen(self, spotter: StreamingSpotter) -> None:
        """Hear words until the sound ends, and end the node with it; a thread of its own."""
        try:
            for word in listen(spotter, self._sound(spotter)):
                self.monitor.hear(word)
        except MotefitError as error:
            self._deaf = error
        self.stop()

    def _replay(self, spotter: StreamingSpotter, seconds: float) -> float:
        """Process a recording as fast as possible; its time is the time of the readings."""
        passed = 0.0
        start_s = datetime.now(UTC).timestamp()

        def timed() -> Iterator[Chunk]:
            nonlocal passed
            for chunk in self._sound(spotter):
                yield chunk  # returns when its words have been heard
                passed += len(chunk.samples) / chunk.rate_hz
                self._poll(passed, start_s + passed)
                if self._stop.is_set() or (seconds and passed >= seconds):
                    return

        for word in listen(spotter, timed()):
            self.monitor.hear(word)
        return passed

    def _sound(self, spotter: StreamingSpotter) -> Iterator[Chunk]:
        connect = connector(self.settings.microphone, rate_hz=spotter.rate_hz)
        return chunks(connect, tell=self._tell, retries=sys.maxsize)


def _spotter(settings: NodeSettings) -> StreamingSpotter | None:
    if not settings.model:
        return None
    silence_litert()
    spotter = KeywordSpotter.load(find_model(settings.model))
    check_words(settings, spotter.io.words)
    return StreamingSpotter(spotter)
