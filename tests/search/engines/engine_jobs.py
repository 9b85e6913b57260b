"""Jobs for the engines' tests, in a module that workers can import."""

import os
import signal
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

from motefit.fitting.jobs import TrainJob, candidate_folder, training_folder
from motefit.spec.errors import DataError, MissingExtraError


def square(number: int) -> tuple[int, int]:
    """The square, and the process that computed it."""
    return number * number, os.getpid()


def square_slowly(number: int) -> tuple[int, int]:
    """As above, in half a second."""
    time.sleep(0.5)
    return square(number)


def environment(names: Collection[str]) -> tuple[dict[str, str | None], int]:
    """The environment variables a worker has, and its process."""
    return {name: os.environ.get(name) for name in names}, os.getpid()


def imported(names: Collection[str]) -> list[str]:
    """The modules that a worker has imported before its first job, of some."""
    return [name for name in names if name in sys.modules]


def refuse_odd(number: int) -> int:
    """Raise on purpose where the number is odd."""
    if number % 2:
        raise DataError(f"{number} is odd; give an even one")
    return number


def want_extra(_: object) -> None:
    """Raise an error whose constructor takes other arguments than it keeps."""
    raise MissingExtraError("nothing", "none", "nothing at all")


def divide(by: int) -> float:
    """A fault where ``by`` is 0."""
    return 1 / by


def cannot_be_pickled(_: object) -> object:
    """Return what cannot travel, by whatever pickles."""
    return threading.Lock()


def die_first(marker: Path | None) -> int:
    """Be killed the first time; later, say how often it was tried."""
    if marker is None:
        return 1
    tries = len(marker.read_text()) if marker.exists() else 0
    marker.write_text("x" * (tries + 1))
    if tries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return tries + 1


def die_always(marker: Path | None) -> str:
    """Be killed each time, unless there is no marker."""
    if marker is None:
        return "lives"
    with marker.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    return "cannot be"


def begin_and_wait(marker: Path) -> None:
    """Say which process this is, then take an hour."""
    marker.write_text(str(os.getpid()))
    time.sleep(3600)


def begin_and_finish(job: tuple[Path, float]) -> str:
    """Say which process began this, and whose child it is; take a while; return the name."""
    marker, seconds = job
    with marker.open("a") as file:
        file.write(f"{os.getpid()} of {os.getppid()}\n")
    time.sleep(seconds)
    return marker.name


def large(size: int) -> bytes:
    """Many bytes."""
    return bytes(size)


def train_for_show(job: TrainJob) -> None:
    """What a training does to its folders: go on from a checkpoint, log, remove, be refused."""
    for work in job.works:
        if work.seed < 0:
            raise DataError(f"{work.key} is refused")
        training = training_folder(job.folder, work.training_key)
        training.mkdir(parents=True, exist_ok=True)
        checkpoint = training / "training.npz"
        before = checkpoint.read_bytes() if checkpoint.exists() else b""
        checkpoint.write_bytes(before + work.key.encode())
        with (training / "history.jsonl").open("a") as file:
            file.write(f"{work.seed} from {job.data}\n")
        (training / ".half.part").write_bytes(b"half")
        candidate = candidate_folder(job.folder, work.key)
        (candidate / "inner").mkdir(parents=True, exist_ok=True)
        (candidate / "inner" / "result.json").write_text(work.key)
        (candidate / "old.npz").unlink(missing_ok=True)
