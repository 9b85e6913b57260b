"""Engines that run jobs: processes of this machine, or a cluster; one file per engine.

A file in this folder defines an :class:`Engine` and registers it in :data:`ENGINES`. Whatever the
engine, the same jobs give the same results, and a worker that dies costs only the job it was
running.
"""

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from motefit.spec.errors import MotefitError, RecipeError
from motefit.spec.registry import Registry

J = TypeVar("J")
R = TypeVar("R")

POLL_S = 0.2
RETRIES = 2
"""How often a job whose worker died is retried, on another worker."""


class WorkerLost(MotefitError, RuntimeError):  # noqa: N818 - says what happened
    """A job whose workers died on every attempt."""


class WorkerFault(RuntimeError):  # noqa: N818 - as above
    """A job that raised anything but a :class:`MotefitError`, which is a bug in motefit.

    The text has the worker's traceback.
    """


@dataclass(frozen=True, kw_only=True)
class Ended(Generic[R]):
    """A job that ended.

    Attributes:
        index: of the job in the sequence given to :meth:`Engine.run`.
        value: result of the work; None if it failed.
        error: the MotefitError that the work raised, or :class:`WorkerLost`; None on success.
    """

    index: int
    value: R | None = None
    error: MotefitError | None = None

    def result(self) -> R:
        """Return the result of the work.

        Raises:
            MotefitError: if the work raised one.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # R may itself be None


@dataclass(frozen=True, kw_only=True)
class Reply(Generic[R]):
    """Answer of a worker; made by :func:`perform`, read by :meth:`ended`.

    Errors travel as class and text: many exceptions cannot be unpickled.

    Attributes:
        value: result of the work.
        error: class and text of a MotefitError.
        fault: traceback of any other exception.
    """

    value: R | None = None
    error: tuple[type[MotefitError], str] | None = None
    fault: str = ""

    def ended(self, index: int) -> Ended[R]:
        """Convert to the end of job ``index``.

        Raises:
            WorkerFault: if the work raised anything but a MotefitError.
        """
        if self.fault:
            raise WorkerFault(f"a job failed in its worker:\n{self.fault}")
        if self.error is None:
            return Ended(index=index, value=self.value)
        kind, text = self.error
        # The text is final: the constructor of the class might change it.
        return Ended(index=index, error=kind.__new__(kind, text))


def perform(work: Callable[[J], R], job: J) -> Reply[R]:
    """Do a job in a worker and catch all its exceptions."""
    try:
        return Reply(value=work(job))
    except MotefitError as error:
        return Reply(error=(type(error), str(error)))
    except Exception:  # noqa: BLE001 - it is raised again where the jobs come from
        return Reply(fault=traceback.format_exc())


class Engine(ABC):
    """Runs jobs on workers that live until it is closed; a context manager.

    Every engine must pass the conformance suite in ``tests/search/engines``.

    Attributes:
        shares_files: whether workers see the files of this machine under the same paths.
    """

    shares_files: ClassVar[bool]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def run(
        self, work: Callable[[J], R], jobs: Sequence[J], *, poll: Callable[[], None]
    ) -> Iterator[Ended[R]]:
        """Run ``work(job)`` for every job, each in a single-threaded worker.

        Workers are started when first needed and are reused by later calls. A job whose worker dies
        is retried on another one, at most :data:`RETRIES` times, so jobs must be repeatable.
        Leaving the iterator, also by an exception, stops running jobs.

        Args:
            work: a function of an importable module; it and the jobs and results are pickled.
            jobs: handed out in this order.
            poll: called about five times a second while jobs run.

        Yields:
            each job as it ends, in any order; one that failed with a MotefitError or lost its
            workers has ``error``, and the others continue.

        Raises:
            WorkerFault: if a job raises anything else.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop everything; an engine may be closed twice and cannot run again."""


class Opener(Protocol):
    """Function that an engine registers."""

    def __call__(self, *, workers: int, address: str) -> Engine:
        """Open an engine.

        Args:
            workers: jobs at once; 0 is as many as there are cores.
            address: of the cluster; empty for the engine's default.

        Raises:
            RecipeError: for an address that the engine does not support.
            MissingExtraError: if it needs a package that is not installed.
        """


class Pulse:
    """Calls ``poll`` about five times a second, however often :meth:`beat` is called.

    Args:
        poll: to call.
    """

    def __init__(self, poll: Callable[[], None]) -> None:
        self._poll = poll
        self._last = time.perf_counter()

    def beat(self) -> None:
        """Call ``poll`` if it is due."""
        now = time.perf_counter()
        if now - self._last >= POLL_S:
            self._last = now
            self._poll()


ENGINES: Registry[Opener] = Registry(__name__, "engine")
"""How to open each engine, by name; each file of this folder adds one."""


def open_engine(name: str, *, workers: int, address: str = "") -> Engine:
    """Open an engine; close it after use, or use it as a context manager.

    Args:
        name: as registered, e.g. ``"local"``.
        workers: jobs at once; 0 is as many as there are cores.
        address: of the cluster; empty for the engine's default.

    Raises:
        RecipeError: for a name that no file of this folder registers, an address that the engine
            does not support, or a negative number of workers.
        MissingExtraError: if the engine needs a package that is not installed.
    """
    if workers < 0:
        raise RecipeError(f"workers must be 0 (one per core) or more, got {workers}")
    return ENGINES.find(name)(workers=workers, address=address)
