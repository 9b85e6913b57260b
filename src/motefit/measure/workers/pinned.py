"""The process that measures every certified or reported latency.

It has one thread, set before numpy is loaded, draws nothing and has no data in memory, whatever the
calling program does. It is started on the first request, in about 0.3 s, and lives until that
program ends.
"""

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from motefit.measure.latency.paired import (
    MOST_ROUNDS,
    ROUNDS,
    BenchmarkCase,
    Latency,
    measure_latency,
)
from motefit.measure.workers.client import Worker, motefit_worker

P = ParamSpec("P")
T = TypeVar("T")
Opener = Callable[[], BenchmarkCase]
"""Opens a pipeline in the process that calls it; it is pickled, e.g. a ``functools.partial``."""


class _Pinned:
    """The worker of this process, started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._owner = 0

    def call(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        with self._lock:
            worker = self._running()
            try:
                return worker.call(function, *args, **options)
            except BaseException:
                # its next line may be no answer, or a run without an end may be left behind
                worker.close()
                self._worker = None
                raise

    def _running(self) -> Worker:
        if self._worker is None or self._owner != os.getpid():  # a fork has its parent's
            self._worker, self._owner = motefit_worker(), os.getpid()
        return self._worker

    def close(self) -> None:
        if self._worker is not None and self._owner == os.getpid():
            self._worker.close()
            self._worker = None


_PINNED = _Pinned()
atexit.register(_PINNED.close)


def call_pinned(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call a function of motefit in the pinned worker.

    Args:
        function: of a motefit module; function, arguments and result are pickled.
        *args: of the function.
        **options: of the function.

    Returns:
        its result.

    Raises:
        RecipeError: if the worker cannot be started, or ends.
        Exception: raised by the function.
    """
    return _PINNED.call(function, *args, **options)


def pinned_latency(
    subjects: Mapping[str, Opener],
    *,
    rounds: int = ROUNDS,
    most_rounds: int = MOST_ROUNDS,
    percentiles: bool = False,
) -> dict[str, Latency]:
    """Time pipelines against each other in the pinned worker; see :func:`measure_latency`.

    Args:
        subjects: openers of the pipelines, by name.
        rounds: timed rounds, at least 4.
        most_rounds: on a busy machine.
        percentiles: whether the result says how the times are distributed.

    Raises:
        DataError: for fewer than 4 rounds.
        ModelFileError: for a model that LiteRT cannot run.
    """
    return call_pinned(
        open_and_measure, dict(subjects), rounds, most_rounds, percentiles=percentiles
    )


def open_and_measure(
    subjects: Mapping[str, Opener], rounds: int, most_rounds: int, *, percentiles: bool = False
) -> dict[str, Latency]:
    """Open pipelines and time them; runs in the worker for :func:`pinned_latency`."""
    opened = {name: opener() for name, opener in subjects.items()}
    return measure_latency(opened, rounds=rounds, most_rounds=most_rounds, percentiles=percentiles)
