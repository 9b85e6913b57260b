"""Train the rows of a table side by side: one ``fit`` a row, in a process of its own."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from motefit.fitting.fit import FitOptions, fit
from motefit.recipes.catalog import find_recipe
from motefit.spec.errors import MotefitError
from motefit.spec.worker_environment import ONE_THREAD

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class RowJob:
    """One row to train.

    Attributes:
        name: of the recipe.
        data: folder or file of its data.
        folder: of its run.
        overwrite: begin again, whatever is in the folder.
        workers: training processes of this row.
    """

    name: str
    data: Path
    folder: Path
    overwrite: bool
    workers: int


def train_rows(jobs: Sequence[RowJob], *, side_by_side: int, tell: Tell) -> dict[str, str]:
    """Train rows, at most ``side_by_side`` at once; a row that fails leaves the others alone.

    Ctrl-C reaches this process alone, which then stops its rows; they do not outlive it, however
    it ends, and what they have written can be gone on with.

    Args:
        jobs: what to train.
        side_by_side: rows at once.
        tell: hears a line when a row begins or ends.

    Returns:
        By name of the row that failed, why.
    """
    waiting = list(jobs)
    busy: dict[int, _Busy] = {}
    failed: dict[str, str] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < side_by_side:
                row = _Busy(waiting.pop(0))
                busy[row.process.sentinel] = row
                tell(f"{row.job.name}: begins ({len(waiting)} more wait)")
            for sentinel in wait(list(busy)):
                row = busy.pop(int(str(sentinel)))
                reason, seconds = row.end(), time.monotonic() - row.begun
                tell(f"{row.job.name}: {reason or 'done'} ({seconds:.0f} s)")
                if reason:
                    failed[row.job.name] = reason
    finally:
        for row in busy.values():
            row.process.kill()
        for row in busy.values():
            row.process.join()
    return failed


class _Busy:
    """A row in training."""

    def __init__(self, job: RowJob) -> None:
        self.job = job
        self.begun = time.monotonic()
        context = multiprocessing.get_context("spawn")
        self._said, sender = context.Pipe(duplex=False)
        self.process: SpawnProcess = context.Process(target=_train, args=(job, sender))
        resource_tracker.ensure_running()  # its start would lift the mask below
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self.process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        sender.close()

    def end(self) -> str:
        """Why the row failed; empty when it did not."""
        self.process.join()
        with self._said:
            try:
                return str(self._said.recv())
            except EOFError:
                return f"its process ended with exit code {self.process.exitcode}"


def _train(job: RowJob, said: "Connection[str, str]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.environ.update(ONE_THREAD)
    options = FitOptions(workers=job.workers, overwrite=job.overwrite)
    try:
        result = fit(find_recipe(job.name), job.data, job.folder, options=options)
        said.send("" if result.deliveries else "no candidate can meet its budget")
    except MotefitError as error:
        said.send(str(error))
    except Exception:  # noqa: BLE001 - a fault of motefit: told whole, and the other rows go on
        said.send(traceback.format_exc())


def _die_with_parent() -> None:
    """Stop when the parent is gone, however it went; nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
