"""A running node: keyword spotter, monitor, forwarder and status page together."""

import contextlib
import dataclasses
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import motefit
from motefit.deploy.forwarder import Forwarder
from motefit.deploy.live_forecasts import ForecastState, LiveForecasts
from motefit.deploy.monitor import Monitor, NodeCounts, VoiceSwitch
from motefit.deploy.node_settings import ADJUSTABLE, NodeSettings, check_words
from motefit.deploy.node_state import NodeState, SpotterState
from motefit.deploy.outbox import HISTORY, Outbox
from motefit.deploy.reading import Quantity, Reading
from motefit.deploy.recent_activity import POINTS, RecentActivity
from motefit.deploy.sensors import open_sensor
from motefit.deploy.service_unit import tell_systemd
from motefit.deploy.sinks import open_sink
from motefit.deploy.status_address import status_address, status_token
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.detector import Detection
from motefit.runtime.streaming.listen import Chunk, chunks, connector, listen
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.zoo import find_model
from motefit.spec.codec import nearest
from motefit.spec.decision import Decision
from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.extras import require
from motefit.spec.tables import Item, Printable

if TYPE_CHECKING:
    from motefit.deploy.status_page.status_server import StatusServer

DRAIN_S = 2.0
"""Time at the end for readings that the sink has not yet."""
STUCK_S = 60.0
"""Time without a look at the sensors after which a node is not healthy."""


@dataclass(frozen=True, kw_only=True, repr=False)
class NodeResult(Printable):
    """What a node did until it was stopped.

    Attributes:
        seconds: that it ran; of sound if its microphone was a file.
        counts: of readings, switches and failures.
        sent: readings that the sink has acknowledged.
        waiting: readings that are still in the outbox.
        given_up: readings that a full outbox gave up, since it was created.
        forecast: forecasts and their errors; None without a forecaster.
    """

    seconds: float
    counts: NodeCounts
    sent: int
    waiting: int
    given_up: int
    forecast: ForecastState | None = None

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
        if self.forecast is not None:
            lines += _errors(self.forecast)
        return tuple(lines)


def _errors(forecast: ForecastState) -> list[str]:
    lines = [f"{forecast.made} forecasts by {forecast.model}, {forecast.step_minutes:g} min apart"]
    for target in forecast.targets:
        steps = [f"{mae:.3g}" for mae in target.mae if mae is not None]
        if steps:
            compared = f"{min(filter(None, target.compared))} to {max(target.compared)} compared"
            unit = f" {target.unit}" if target.unit else ""
            figures = f"{', '.join(steps)}{unit} ({compared})"
            lines.append(f"mean absolute error of {target.column} by step: {figures}")
    return lines


class Node:
    """A node made of its settings.

    Args:
        settings: of the node.
        tell: called with a sentence when something happens.
        reread: reads the settings again, for :meth:`reload`; None: they come from no file.

    Raises:
        MotefitError: if a model, a sensor, the sink, the outbox or the address of the status page
            cannot be used.
    """

    def __init__(
        self,
        settings: NodeSettings,
        *,
        tell: Callable[[str], None],
        reread: Callable[[], NodeSettings] | None = None,
    ) -> None:
        self.settings = settings = settings.named()
        self._told, self._reread = tell, reread
        self._stop, self._reload = threading.Event(), threading.Event()
        self._adjusting = threading.Lock()
        self._deaf: MotefitError | None = None
        self._started_s = self._polled_s = time.monotonic()
        self.recent = RecentActivity()
        with contextlib.ExitStack() as opened:
            self.spotter = _spotter(settings)
            sensors = []
            for name in settings.sensors:  # before anything is created
                sensors.append((name, open_sensor(name)))
                opened.callback(sensors[-1][1].close)
            quantities = [quantity for _, sensor in sensors for quantity in sensor.quantities]
            self.forecasts = _forecasts(settings, quantities)
            self.page = _page(self, settings, self._tell)
            if self.page is not None:
                opened.callback(self.page.close)
            self.sink = open_sink(settings.sink_url(len(quantities)))
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
                least_s=settings.least_s,
            )
            self.monitor = Monitor(
                sensors,
                self.outbox,
                node=settings.node,
                every_s=settings.every_s,
                switch=self.switch,
                tell=self._tell,
            )
            self.forwarder = Forwarder(self.outbox, self.sink, tell=self._tell)
            self._recall()
            self._apply(settings)
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """Make :meth:`run` return soon; from any thread, or a signal handler."""
        self._stop.set()

    def reload(self) -> None:
        """Read the settings again soon; from any thread, or a signal handler."""
        self._reload.set()

    def adjust(self, changes: Mapping[str, object]) -> None:
        """Change settings at once, until the next start or :meth:`reload`; from any thread.

        Args:
            changes: by key; see :data:`motefit.deploy.node_settings.ADJUSTABLE`.

        Raises:
            RecipeError: for a setting that cannot be changed, or a wrong value; nothing changes.
        """
        for name in changes:
            if name not in ADJUSTABLE:
                raise RecipeError(
                    f"{name!r} cannot be changed while the node runs{nearest(name, ADJUSTABLE)}; "
                    f"these can: {', '.join(ADJUSTABLE)}"
                )
        with self._adjusting:
            before = self.settings
            after = dataclasses.replace(before, **dict(changes))  # type: ignore[arg-type]
            self._apply(after)
        differ = [name for name in ADJUSTABLE if getattr(before, name) != getattr(after, name)]
        for name in differ:
            old, new = getattr(before, name), getattr(after, name)
            self._tell(f"{name} is now {new:g}, before {old:g}")

    def state(self) -> NodeState:
        """Return what the status page shows; from any thread."""
        counts = self.monitor.counts
        ours = f"{self.settings.node}:"
        return NodeState(
            node=self.settings.node,
            version=motefit.__version__,
            now_ms=_now_ms(),
            uptime_s=time.monotonic() - self._started_s,
            logging=self.switch.is_on,
            switches=counts.switches,
            readings=counts.readings,
            sent=self.forwarder.sent,
            waiting=len(self.outbox),
            given_up=self.outbox.given_up,
            refused=counts.refused,
            failed=dict(counts.failed),
            rejected=dict(counts.rejected),
            sink_problem=self.forwarder.problem,
            spotter=self._spotter_state(),
            words=self.recent.words(),
            word_counts=self.recent.word_counts(),
            messages=self.recent.messages(),
            tracks={key.removeprefix(ours): track for key, track in self.recent.tracks().items()},
            adjustable={name: getattr(self.settings, name) for name in ADJUSTABLE},
            forecast=None if self.forecasts is None else self.forecasts.state,
        )

    def problem(self) -> str:
        """Say why the node no longer takes readings; empty while it does. From any thread."""
        if self.forwarder.defect is not None:
            return f"the forwarder has ended: {self.forwarder.defect}"
        still_s = time.monotonic() - self._polled_s
        return f"no sensor was looked at for {still_s:.0f} s" if still_s > STUCK_S else ""

    def run(self, seconds: float = 0.0) -> NodeResult:
        """Run until stopped.

        Args:
            seconds: after which to stop; 0: never. Of sound if the microphone is a file.

        Raises:
            DataError: if the sound cannot be read.
        """
        state = "on" if self.switch.is_on else "off"
        waiting = f"; {len(self.outbox)} readings wait from before" if len(self.outbox) else ""
        names = (f"{n} (simulated)" if n == "room" else n for n in self.settings.sensors)
        what = f"{', '.join(names)} to {self.settings.sink}"
        self._tell(f"node {self.settings.node}: logging {state}; {what}{waiting}")
        with self._opened:
            self.forwarder.start()
            if self.page is not None:
                self.page.start()
            tell_systemd("READY=1")
            try:
                file = self.settings.microphone
                if self.spotter is not None and file != "-" and Path(file).is_file():
                    passed = self._replay(self.spotter, seconds)
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
                forecast=None if self.forecasts is None else self.forecasts.state,
            )

    def _tell(self, text: str) -> None:
        self.recent.add_message(text, time_ms=_now_ms())
        self._told(text)

    def _see(self, readings: Sequence[Reading]) -> None:
        """Keep readings for the page, and store the forecasts that they complete."""
        self.recent.add_readings(readings)
        if self.forecasts is not None and (made := self.forecasts.observe(readings)):
            if self.forecasts.state.made == 1:
                self._tell(f"forecasts by {self.settings.forecast} start: its window is full")
            self.monitor.put(made)

    def _recall(self) -> None:
        """Take what the outbox still has of the time before the start."""
        if self.forecasts is None and not self.settings.status:
            return
        ours = {f"{self.settings.node}:{name}" for name in self.monitor.quantities}
        past = [reading for reading in self.outbox.newest(HISTORY) if reading.key in ours]
        self.recent.add_readings(past[-POINTS * len(ours) :])
        if self.forecasts is not None:
            self.forecasts.recall(past)

    def _apply(self, settings: NodeSettings) -> None:
        """Make the adjustable settings count."""
        self.settings = settings
        self.switch.least_s = settings.least_s
        if self.spotter is not None:
            self.spotter.decide_by(_decision(self.spotter, settings))

    def _read_settings_again(self) -> None:
        self._reload.clear()
        if self._reread is None:
            return
        try:
            read = self._reread().named()
        except MotefitError as error:
            self._tell(f"{error}; the settings stay as they are")
            return
        later = [
            field.name
            for field in dataclasses.fields(read)
            if field.name not in ADJUSTABLE
            and getattr(read, field.name) != getattr(self.settings, field.name)
        ]
        self.adjust({name: getattr(read, name) for name in ADJUSTABLE})
        note = f"; at the next start only: {', '.join(later)}" if later else ""
        self._tell(f"the settings have been read again{note}")

    def _spotter_state(self) -> SpotterState | None:
        if self.spotter is None:
            return None
        stream, latest = self.spotter.candidates, self.spotter.candidates.latest
        decision = _decision(self.spotter, self.settings)
        probabilities = () if latest is None else map(float, latest.probabilities)
        return SpotterState(
            model=self.settings.model,
            on=self.settings.on,
            off=self.settings.off,
            probabilities=dict(zip(self.spotter.spotter.io.labels, probabilities, strict=False)),
            seconds_ago=0.0 if latest is None else stream.received_s - latest.received_s,
            evaluations=stream.evaluations,
            evaluated_s=stream.evaluated_s,
            latest_ms=0.0 if latest is None else 1000 * latest.seconds,
            threshold=decision.threshold,
            agreement=decision.agreement,
            refractory_s=decision.refractory_ms / 1000,
        )

    def _on_word(self, word: Detection) -> None:
        switched = self.monitor.on_word(word)
        self.recent.add_word(word, time_ms=_now_ms(), switched=switched)

    def _live(self, seconds: float) -> float:
        if self.spotter is not None:
            listener = threading.Thread(target=self._listen, args=(self.spotter,), daemon=True)
            listener.start()
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
        if self._reload.is_set():
            self._read_settings_again()
        self._polled_s = time.monotonic()
        if readings := self.monitor.poll(now_s, wall_s=wall_s):
            self._see(readings)
            self.forwarder.notify()

    def _listen(self, spotter: StreamingSpotter) -> None:
        """Hear words until the sound ends, and end the node with it; a thread of its own."""
        try:
            for word in listen(spotter, self._sound(spotter)):
                self._on_word(word)
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
                yield chunk  # returns when its words have been detected
                passed += chunk.seconds
                self._poll(passed, start_s + passed)
                if self._stop.is_set() or (seconds and passed >= seconds):
                    return

        for word in listen(spotter, timed()):
            self._on_word(word)
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


def _forecasts(settings: NodeSettings, quantities: Sequence[Quantity]) -> LiveForecasts | None:
    if not settings.forecast:
        return None
    return LiveForecasts(
        settings.forecast,
        quantities,
        columns=settings.forecast_columns,
        node=settings.node,
        every_s=settings.every_s,
    )


def _page(node: Node, settings: NodeSettings, tell: Callable[[str], None]) -> "StatusServer | None":
    if not settings.status:
        return None
    for module in ("uvicorn", "starlette"):
        require(module, extra="monitor", purpose="the status page")
    from motefit.deploy.status_page.status_server import StatusServer  # noqa: PLC0415 - of an extra

    address, token = status_address(settings.status), status_token(settings.status_token_file)
    return StatusServer(node, address=address, token=token, tell=tell)


def _decision(spotter: StreamingSpotter, settings: NodeSettings) -> Decision:
    """Return the decision of the model's card, with what the settings replace."""
    changes = {
        "threshold": settings.least_probability,
        "agreement": settings.least_agreement,
        "refractory_ms": 1000 * settings.refractory_s,
    }
    return dataclasses.replace(
        spotter.candidates.decision, **{name: value for name, value in changes.items() if value}
    )


def _now_ms() -> int:
    return round(1000 * datetime.now(UTC).timestamp())
