"""Runs of models that may never end: those with loops, whose number of rounds depends on numbers.

The gate has tried a model with a few inputs (:mod:`motefit.runtime.gate`); with others its loop may
go on forever, and LiteRT cannot be interrupted. Such a model runs in a thread, which is left behind
when its time is up: the caller gets an error, and the process can end. All other models are run
directly.
"""

import threading
import time
from collections.abc import Callable

from motefit.spec.errors import ModelFileError
from motefit.spec.limits import RUN_SECONDS

POLL_S = 0.2


def may_loop(model: bytes) -> bool:
    """Return whether a model has a loop; True for one that cannot be read."""
    from motefit.tflite.flatbuffer.reader import read_tables  # noqa: PLC0415  (not on a device)
    from motefit.tflite.operator_rules import has_loops  # noqa: PLC0415  (likewise)

    try:
        return has_loops(read_tables(model))
    except ModelFileError:
        return True


class LimitedRun:
    """A call whose run may take :data:`RUN_SECONDS`; its thread adds a little to each.

    Args:
        invoke: runs the model.
    """

    def __init__(self, invoke: Callable[[], None]) -> None:
        self._invoke = invoke
        self._clock: int | None = None
        self._error: Exception | None = None
        self._is_lost = False

    def __call__(self) -> None:
        """Run the model.

        Raises:
            ModelFileError: if it does not finish, or did not before.
            Exception: of the call.
        """
        if not self._is_lost:
            self._error = self._clock = None
            thread = threading.Thread(target=self._run, daemon=True)
            thread.start()
            thread.join(POLL_S)
            while thread.is_alive() and not self._is_lost:
                self._is_lost = self._used_s() > RUN_SECONDS
                thread.join(POLL_S)
        if self._is_lost:
            raise ModelFileError(
                f"LiteRT did not finish with this model in {RUN_SECONDS} s while running: its loop "
                "has no end with this input; export the model with a fixed number of rounds"
            )
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            self._invoke()
        except Exception as error:  # noqa: BLE001 - raised by the caller
            self._error = error

    def _used_s(self) -> float:
        try:
            return 0.0 if self._clock is None else time.clock_gettime(self._clock)
        except OSError:  # the thread has just ended
            return 0.0
