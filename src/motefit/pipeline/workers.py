"""Run jobs in processes of their own, one thread each; interrupted jobs stay resumable."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
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
            text = _how_it_ended(process.exitcode or 0)
    raise WorkerError(text)


def _how_it_ended(code: int) -> str:
    if code < 0:
        memory = " (often for want of memory)" if code == -signal.SIGKILL else ""
        return (
            f"a training process was killed by signal {-code}{memory}; run again to go on where it "
            "stopped"
        )
    return f"a training process failed with exit code {code}: a fault of motefit, see above"


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


def _work(job: Job, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
