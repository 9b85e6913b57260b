"""The process in which everything that is certified or shown as a latency is measured.

It has one thread, set before numpy was loaded, nothing to draw and no data in memory, whatever the
program that asks is like. It is started at the first question, in about 0.3 s, and answers until
that program ends.
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
"""Opens a pipeline where it is called; it is pickled, e.g. a ``functools.partial``."""


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
            finally:
                if not worker.idle:  # interrupted, or ended: what it says next is no answer
                    worker.close()
                    self._worker = None

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
        function: of a module of motefit; it, what it takes and what it returns are pickled.
        *args: of it.
        **options: of it.

    Returns:
        What it returns.

    Raises:
        RecipeError: when the worker cannot be started, or ends.
        Exception: what the function raises.
    """
    return _PINNED.call(function, *args, **options)


def pinned_latency(
    subjects: Mapping[str, Opener], *, rounds: int = ROUNDS, most_rounds: int = MOST_ROUNDS
) -> dict[str, Latency]:
    """Time pipelines against each other in the pinned worker; see :func:`measure_latency`.

    Args:
        subjects: what opens the pipelines, by name.
        rounds: timed rounds, at least 4.
        most_rounds: on a busy machine.

    Raises:
        DataError: for fewer than 4 rounds.
        ModelFileError: for a model that LiteRT cannot run.
    """
    return call_pinned(open_and_measure, dict(subjects), rounds, most_rounds)


def open_and_measure(
    subjects: Mapping[str, Opener], rounds: int, most_rounds: int
) -> dict[str, Latency]:
    """What :func:`pinned_latency` does in the worker."""
    opened = {name: opener() for name, opener in subjects.items()}
    return measure_latency(opened, rounds=rounds, most_rounds=most_rounds)
