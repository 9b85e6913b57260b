"""Where jobs run: processes of this machine, or a cluster; one file an engine.

A file in this folder defines an :class:`Engine` and calls :func:`register`. Whatever the engine,
the same jobs give the same results, and a worker that dies costs only the job it was running.
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
"""How often a job whose worker died begins again, on another worker."""


class WorkerLost(MotefitError, RuntimeError):  # noqa: N818 - says what happened
    """The workers of a job died, each time it was tried."""


class WorkerFault(RuntimeError):  # noqa: N818 - as above
    """A job raised what is no :class:`MotefitError`: a fault of motefit, not a user's mistake.

    The text has the worker's traceback.
    """


@dataclass(frozen=True, kw_only=True)
class Ended(Generic[R]):
    """A job that ended.

    Attributes:
        index: of the job in the sequence given to :meth:`Engine.run`.
        value: what the work returned; None when it failed.
        error: what the work raised on purpose, or :class:`WorkerLost`; None when it went well.
    """

    index: int
    value: R | None = None
    error: MotefitError | None = None

    def result(self) -> R:
        """What the work returned.

        Raises:
            MotefitError: what it raised instead.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # R may itself be None


@dataclass(frozen=True, kw_only=True)
class Reply(Generic[R]):
    """What comes back from a worker; made by :func:`perform`, read by :meth:`ended`.

    Errors travel as class and text: many exceptions cannot be unpickled.

    Attributes:
        value: what the work returned.
        error: class and text of a MotefitError.
        fault: traceback of any other exception.
    """

    value: R | None = None
    error: tuple[type[MotefitError], str] | None = None
    fault: str = ""

    def ended(self, index: int) -> Ended[R]:
        """The end of job ``index``.

        Raises:
            WorkerFault: when the work raised what is no MotefitError.
        """
        if self.fault:
            raise WorkerFault(f"a job failed in its worker:\n{self.fault}")
        if self.error is None:
            return Ended(index=index, value=self.value)
        kind, text = self.error
        # The text is whole: a constructor of its own would make another one of it.
        return Ended(index=index, error=kind.__new__(kind, text))


def perform(work: Callable[[J], R], job: J) -> Reply[R]:
    """Do a job in a worker; nothing that it raises gets out."""
    try:
        return Reply(value=work(job))
    except MotefitError as error:
        return Reply(error=(type(error), str(error)))
    except Exception:  # noqa: BLE001 - it is raised again where the jobs come from
        return Reply(fault=traceback.format_exc())


class Engine(ABC):
    """Runs jobs on workers that stay until it is closed; a context manager.

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
        """Do ``work(job)`` for every job, each in a worker of one thread.

        Workers are started when first needed, and serve the next call too. A job whose worker dies
        begins again on another, at most :data:`RETRIES` times, so a job must bear being repeated.
        Leaving the iterator, by an exception too, stops the jobs that run.

        Args:
            work: a function of an importable module; it and the jobs and results are pickled.
            jobs: handed out in this order.
            poll: called about five times a second while jobs run.

        Yields:
            each job as it ends, in any order; one that failed with a MotefitError or lost its
            workers has ``error``, and the others go on.

        Raises:
            WorkerFault: when a job raises anything else.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop everything; an engine may be closed twice, and does not run again."""


class Opener(Protocol):
    """What an engine registers."""

    def __call__(self, *, workers: int, address: str) -> Engine:
        """Open an engine.

        Args:
            workers: jobs at once; 0 is as many as there are cores.
            address: of the cluster; empty for the engine's default.

        Raises:
            RecipeError: for an address the engine cannot have.
            MissingExtraError: when it needs a package that is absent.
        """


class Pulse:
    """Calls ``poll`` about five times a second, however often it is beaten.

    Args:
        poll: what to call.
    """

    def __init__(self, poll: Callable[[], None]) -> None:
        self._poll = poll
        self._last = time.perf_counter()

    def beat(self) -> None:
        """Call ``poll`` when it is time."""
        now = time.perf_counter()
        if now - self._last >= POLL_S:
            self._last = now
            self._poll()


_ENGINES: Registry[Opener] = Registry(__name__, "engine")


def register(name: str, opener: Opener) -> None:
    """Add an engine; called once by each file of this folder."""
    _ENGINES.register(name, opener)


def engine_names() -> tuple[str, ...]:
    """Names of all registered engines, sorted."""
    return tuple(_ENGINES.all())


def open_engine(name: str, *, workers: int, address: str = "") -> Engine:
    """Open an engine; close it after use, or use it as a context manager.

    Args:
        name: as registered, e.g. ``"local"``.
        workers: jobs at once; 0 is as many as there are cores.
        address: of the cluster; empty for the engine's default.

    Raises:
        RecipeError: for a name that no file of this folder registers, an address that the engine
            cannot have, or a negative number of workers.
        MissingExtraError: when the engine needs a package that is absent.
    """
    if workers < 0:
        raise RecipeError(f"workers must be 0 (one per core) or more, got {workers}")
    return _ENGINES.find(name)(workers=workers, address=address)
