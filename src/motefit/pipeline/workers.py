"""Run jobs in processes of their own, one thread each; interrupted jobs stay resumable."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from motefit.pipeline.candidate import Job
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
    running: dict[int, tuple[SpawnProcess, Connection]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                process, receiver = _start(waiting.pop(0))
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


def _start(job: Job) -> tuple[SpawnProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, sender), daemon=True)
    with _one_thread_each(), _interrupts_held_back():
        process.start()
    sender.close()
    return process, receiver


def _finish(process: SpawnProcess, receiver: Connection) -> None:
    process.join()
    with receiver:
        if process.exitcode == 0:
            return
        try:
            text = str(receiver.recv())
        except EOFError:
            code = process.exitcode or 0
            ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            memory = " (often for want of memory)" if code == -signal.SIGKILL else ""
            text = f"a training process {ended}{memory}; run again to go on where it stopped"
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


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Children inherit the mask: Ctrl-C is for this process, which then stops them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(job: Job, sender: Connection) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        # Here, not above: this is the one module that needs torch, and only workers train.
        from motefit.pipeline.training import run_job  # noqa: PLC0415 - see the line above

        run_job(job)
    except MotefitError as error:
        sender.send(str(error))
        raise SystemExit(2) from None


def _die_with_parent() -> None:
    """Stop when the parent is gone, however it went; nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
