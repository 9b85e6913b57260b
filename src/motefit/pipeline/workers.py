"""Run jobs in processes of their own, one thread each; interrupted jobs stay resumable."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from motefit.pipeline.candidate import Job, run_job
from motefit.spec.errors import MotefitError

POLL_S = 0.2
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerError(MotefitError, RuntimeError):
    """A worker process failed; the text is its own."""


def run_jobs(jobs: Sequence[Job], *, workers: int, poll: Callable[[], None]) -> None:
    """Run all jobs, at most ``workers`` at once.

    Args:
        jobs: each resumes what an earlier run left.
        workers: processes.
        poll: called about five times a second while jobs run.

    Raises:
        WorkerError: when a worker fails; the others are stopped and can be resumed.
        KeyboardInterrupt: passed on after the workers have stopped.
    """
    waiting = list(jobs)
    context = multiprocessing.get_context("spawn")
    running: dict[int, tuple[SpawnProcess, Connection]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(waiting.pop(0), sender), daemon=True)
                with _one_thread_each():
                    process.start()
                sender.close()
                running[process.sentinel] = (process, receiver)
            wait(list(running), timeout=POLL_S)
            for sentinel in [s for s, (p, _) in running.items() if not p.is_alive()]:
                process, receiver = running.pop(sentinel)
                _finish(process, receiver)
            poll()
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


def _finish(process: SpawnProcess, receiver: Connection) -> None:
    process.join()
    if process.exitcode == 0:
        return
    try:
        text = str(receiver.recv())
    except EOFError:
        text = f"a worker process ended with exit code {process.exitcode}; run again to resume"
    raise WorkerError(text)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(job: Job, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run_job(job)
    except MotefitError as error:
        sender.send(str(error))
        raise SystemExit(2) from None
