"""The forwarder: a thread that moves readings from the outbox to the sink."""

import random
import threading
from collections.abc import Callable

from motefit.deploy.outbox import Outbox
from motefit.deploy.sinks import Sink, SinkError
from motefit.spec.errors import MotefitError

BATCH = 500
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Pause after a failure; it doubles with each further one."""


class Forwarder:
    """Sends readings in the order they were taken, and removes them once they are safe.

    Args:
        outbox: source.
        sink: destination.
        tell: called with a sentence when the sink is lost and when it is back.
        batch: most readings in one write.

    Attributes:
        problem: why the sink takes no readings; empty if it does.
        sent: readings that the sink has acknowledged.
        defect: error that ended the thread and should not have occurred.
    """

    def __init__(
        self, outbox: Outbox, sink: Sink, *, tell: Callable[[str], None], batch: int = BATCH
    ) -> None:
        self._outbox, self._sink, self._tell, self._batch = outbox, sink, tell, batch
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self.problem = ""
        self.sent = 0
        self.defect: Exception | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Say that there are new readings."""
        self._wake.set()

    def stop(self, *, patience_s: float = 2.0) -> None:
        """Send what can be sent within a time, then stop; the rest stays in the outbox."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience_s)

    def forward(self) -> bool:
        """Send one batch.

        Returns:
            Whether there may be more to send now.
        """
        batch = self._outbox.batch(self._batch)
        if not batch:
            return False
        try:
            self._sink.write([reading for _, reading in batch])
        except SinkError as error:
            self._fail(str(error))
            return False
        self._outbox.acknowledge([number for number, _ in batch])
        self.sent += len(batch)
        if self.problem:
            self._tell(f"the sink is back; {len(self._outbox)} readings wait")
        self._failures, self.problem = 0, ""
        return len(batch) == self._batch

    def _fail(self, problem: str) -> None:
        if not self.problem:
            self._tell(f"{problem}; readings wait in the outbox until the sink is back")
        self.problem = problem
        self._failures += 1

    def _run(self) -> None:
        try:
            self._forward_until_stopped()
        except Exception as error:  # noqa: BLE001 - raised again by the node's own thread
            self.defect = error

    def _forward_until_stopped(self) -> None:
        while True:
            try:
                while self.forward():
                    pass
            except MotefitError as error:  # the outbox itself, e.g. a full disk
                self._fail(str(error))
            if self._ending.is_set():
                return
            if self._failures:
                longest = min(SHORTEST_PAUSE_S * 2 ** (self._failures - 1), LONGEST_PAUSE_S)
                self._ending.wait(longest * random.uniform(0.5, 1))  # noqa: S311 - to spread retries
            else:
                self._wake.wait()
            self._wake.clear()
