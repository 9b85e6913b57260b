"""The engine ``local``: processes of this machine, one thread each."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any

from motefit.measure.machine import usable_cores
from motefit.search.engines import (
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
    register,
)
from motefit.spec.errors import RecipeError
from motefit.spec.worker_environment import worker_environment


def open_local(*, workers: int, address: str) -> Engine:
    """As :class:`motefit.search.engines.Opener`.

    Raises:
        RecipeError: for any address.
    """
    if address:
        raise RecipeError(
            f"the engine 'local' has no address, got {address!r}; leave it out, or take 'ray'"
        )
    return LocalEngine(workers=workers or usable_cores())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Worker:
    """A process that answers each job with a :class:`Reply`."""

    process: SpawnProcess
    connection: "Connection[tuple[Callable[[Any], Any], Any], Reply[Any]]"

    def begin(self, work: Callable[[J], R], job: J) -> None:
        with suppress(OSError):  # it has died: so says reply()
            self.connection.send((work, job))

    def has_news(self) -> bool:
        return self.connection.poll() or not self.process.is_alive()

    def reply(self) -> Reply[Any] | None:
        """Result of the job; None when the worker died of it."""
        try:
            return self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            return None


class LocalEngine(Engine):
    """Worker processes that are started when first needed and live until the engine is closed.

    A worker that is killed, by the system for want of memory too, takes only its job along. Ctrl-C
    reaches this process alone, which then stops its workers; they do not outlive it, however it
    ends.

    Args:
        workers: processes at most.
    """

    shares_files = True

    def __init__(self, *, workers: int) -> None:
        self._workers = workers
        self._alive: set[_Worker] = set()
        self._idle: list[_Worker] = []

    def run(
        self, work: Callable[[J], R], jobs: Sequence[J], *, poll: Callable[[], None]
    ) -> Iterator[Ended[R]]:
        """As :meth:`Engine.run`.

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
                    worker.begin(work, jobs[index])
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
        """As :meth:`Engine.close`."""
        self._stop(self._alive)
        self._idle.clear()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there,), daemon=True)
        with _environment_of_workers(), _interrupts_held_back(), _without_main():
            process.start()
        there.close()
        worker = _Worker(process=process, connection=here)
        self._alive.add(worker)
        return worker

    def _stop(self, workers: Collection[_Worker]) -> None:
        """Kill: a job can be repeated, and whatever it has written is whole."""
        stopped = tuple(workers)
        for worker in stopped:
            worker.process.kill()
            self._alive.discard(worker)
        for worker in stopped:
            worker.process.join()
            worker.connection.close()


def _with_news(busy: Collection[_Worker]) -> Sequence[_Worker]:
    """Those that have answered or died, after a while at most."""
    wait([end for worker in busy for end in (worker.connection, worker.process.sentinel)], POLL_S)
    return [worker for worker in busy if worker.has_news()]


def _lost(code: int) -> WorkerLost:
    memory = " (often for want of memory)" if code == -signal.SIGKILL else ""
    how = f"was killed by signal {-code}{memory}" if code < 0 else f"ended with exit code {code}"
    return WorkerLost(
        f"a training process {how}, as {RETRIES} others that tried the same before it; "
        "make room or take fewer workers, then run again to go on where it stopped"
    )


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """A process that starts inherits the variables, which libraries read as they are loaded."""
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
    """Ctrl-C is for this process, which then stops its children: they inherit the mask.

    The first child would bring multiprocessing's resource tracker along, whose start lifts the
    mask; so that one is started before.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """A process that starts would run the user's script again, up to its ``__main__`` guard.

    It needs nothing of it, since work is a function of an importable module: with an empty module
    in its place there is nothing to run, and a script needs no guard.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(connection: Connection) -> None:
    """Answer jobs for as long as there is a parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):  # the parent has gone
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def _answer(message: bytes) -> bytes:
    """The pickled reply to a pickled job; what cannot be pickled is a fault like any other."""
    try:
        work, job = ForkingPickler.loads(message)
        return bytes(ForkingPickler.dumps(perform(work, job)))
    except Exception:  # noqa: BLE001 - it is raised again where the jobs come from
        return bytes(ForkingPickler.dumps(Reply(fault=traceback.format_exc())))


def _die_with_parent() -> None:
    """Stop when the parent is gone, however it went; nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


register("local", open_local)
