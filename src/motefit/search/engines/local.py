"""Engine ``local``: single-threaded processes on this machine."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

from motefit.measure.machine import usable_cores
from motefit.search.engines import (
    ENGINES,
    POLL_S,
    RETRIES,
    Ended,
    Engine,
    J,
    Pulse,
    R,
    Reply,
    WorkerLost,
    perform,
)
from motefit.spec.errors import RecipeError
from motefit.spec.worker_environment import worker_environment

PRELOADED = ("torch", "motefit.fitting.worker")
"""Modules that all forks share; named and not imported, because jobs are of packages above."""


def open_local(*, workers: int, address: str) -> Engine:
    """Open the engine, see :class:`motefit.search.engines.Opener`.

    Raises:
        RecipeError: for any address.
    """
    if address:
        raise RecipeError(
            f"the engine 'local' takes no address, got {address!r}; leave it out, or use 'ray'"
        )
    return LocalEngine(workers=workers or usable_cores())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Worker:
    """A process that answers each job with a :class:`Reply`."""

    process: BaseProcess
    connection: "Connection[tuple[Callable[[Any], Any], Any], Reply[Any]]"

    def start(self, work: Callable[[J], R], job: J) -> None:
        with suppress(OSError):  # it has died, which reply() reports
            self.connection.send((work, job))

    def has_news(self) -> bool:
        return self.connection.poll() or not self.process.is_alive()

    def reply(self) -> Reply[Any] | None:
        """Return the result of the job; None if the worker died."""
        try:
            return self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            return None


class LocalEngine(Engine):
    """Worker processes that are started when first needed and live until the engine is closed.

    If a worker is killed, for example by the system when memory runs out, only its job is affected.
    Ctrl-C reaches only this process, which then stops its workers; they do not outlive it, however
    it ends.

    Args:
        workers: maximum number of processes.
        parents: whether jobs start processes of their own, e.g. a whole run with its own engine.
    """

    shares_files = True

    def __init__(self, *, workers: int, parents: bool = False) -> None:
        self._workers, self._parents = workers, parents
        self._alive: set[_Worker] = set()
        self._idle: list[_Worker] = []

    def run(
        self, work: Callable[[J], R], jobs: Sequence[J], *, poll: Callable[[], None]
    ) -> Iterator[Ended[R]]:
        """Run jobs as :meth:`Engine.run`.

        Yields:
            each job as it ends.
        """
        waiting = deque(range(len(jobs)))
        tries = [0] * len(jobs)
        busy: dict[_Worker, int] = {}
        pulse = Pulse(poll)
        try:
            while waiting or busy:
                while waiting and len(busy) < self._workers:
                    index = waiting.popleft()
                    worker = self._idle.pop() if self._idle else self._start()
                    busy[worker] = index
                    tries[index] += 1
                    worker.start(work, jobs[index])
                for worker in _with_news(busy):
                    index = busy.pop(worker)
                    reply: Reply[R] | None = worker.reply()
                    if reply is not None:
                        self._idle.append(worker)
                        yield reply.ended(index)
                        continue
                    self._stop([worker])
                    if tries[index] <= RETRIES:
                        waiting.append(index)
                    else:
                        yield Ended(index=index, error=_lost(worker.process.exitcode or 0))
                pulse.beat()
        finally:
            self._stop(busy)

    def close(self) -> None:
        """Close as :meth:`Engine.close`."""
        self._stop(self._alive)
        self._idle.clear()

    def _start(self) -> _Worker:
        context = _context()
        here, there = context.Pipe()
        with _environment_of_workers(), _interrupts_held_back(), _without_main():
            environment = dict(os.environ)
            # one that is a daemon must not have children
            process = context.Process(
                target=_serve, args=(there, environment), daemon=not self._parents
            )
            process.start()
        there.close()
        worker = _Worker(process=process, connection=here)
        self._alive.add(worker)
        return worker

    def _stop(self, workers: Collection[_Worker]) -> None:
        """Kill the worker: its job can be repeated, and its files are written atomically."""
        stopped = tuple(workers)
        for worker in stopped:
            worker.process.kill()
            self._alive.discard(worker)
        for worker in stopped:
            worker.process.join()
            worker.connection.close()


def _context() -> ForkServerContext | SpawnContext:
    """Return how processes start: as forks of a server that has imported what jobs need.

    The imports take seconds and 200 MB, which forks share. Elsewhere than on Linux, where system
    libraries are not safe to fork, each process imports them for itself.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _with_news(busy: Collection[_Worker]) -> Sequence[_Worker]:
    """Wait for workers that have answered or died, up to a time limit."""
    wait([end for worker in busy for end in (worker.connection, worker.process.sentinel)], POLL_S)
    return [worker for worker in busy if worker.has_news()]


def _lost(code: int) -> WorkerLost:
    memory = " (often because memory ran out)" if code == -signal.SIGKILL else ""
    how = f"was killed by signal {-code}{memory}" if code < 0 else f"ended with exit code {code}"
    return WorkerLost(
        f"a training process {how}, like {RETRIES} earlier attempts; "
        "free some memory or use fewer workers, then run again to continue where it stopped"
    )


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """Set the environment that new processes inherit and libraries read when loaded."""
    settings = worker_environment()
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block Ctrl-C in child processes, which inherit the mask; this process stops them.

    The first child would start multiprocessing's resource tracker, which lifts the mask, so the
    tracker is started beforehand.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a starting process from running the user's script again, up to its ``__main__`` guard.

    It needs nothing of it, since work is a function of an importable module: with an empty module
    in its place there is nothing to run, and a script needs no guard.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(connection: Connection, environment: Mapping[str, str]) -> None:
    """Answer jobs as long as the parent exists.

    Args:
        connection: of the jobs and their answers.
        environment: of the parent now; a fork has that of the server's start.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):  # the parent has gone
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def _answer(message: bytes) -> bytes:
    """Return the pickled reply to a pickled job; failure to pickle is a fault like any other."""
    try:
        work, job = ForkingPickler.loads(message)
        return bytes(ForkingPickler.dumps(perform(work, job)))
    except Exception:  # noqa: BLE001 - it is raised again where the jobs come from
        return bytes(ForkingPickler.dumps(Reply(fault=traceback.format_exc())))


def _die_with_parent() -> None:
    """Stop when the parent is gone, however it ended; nobody else would stop this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


ENGINES.register("local", open_local)
