"""Jobs on machines that do not share the run's folder: files are copied with the job.

The data are not copied: their path must lead to the same data on every node.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from motefit.fitting.jobs import TrainJob
from motefit.search.engines import Ended, Engine
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic


@dataclass(frozen=True, kw_only=True)
class RemoteJob:
    """A job with its files, ready to be sent to a node.

    Attributes:
        job: the job.
        files: content of the job's folders, by path within the run's folder.
    """

    job: TrainJob
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class FileChanges:
    """Changes that a job made to its files.

    Attributes:
        files: new and changed files by path within the run's folder, the last written last.
        gone: paths of the files it removed.
    """

    files: Mapping[str, bytes]
    gone: tuple[str, ...]


def run_in_folders(
    engine: Engine,
    work: Callable[[TrainJob], None],
    jobs: Sequence[TrainJob],
    *,
    poll: Callable[[], None],
) -> Iterator[Ended[None]]:
    """Run jobs as :meth:`Engine.run`, with the files of successful jobs in the run's folder.

    If workers do not share this machine's files, a job's files come back only when it ends
    successfully; a failed job starts over from the files here.

    Yields:
        Each job as it ends.

    Raises:
        WorkerFault: if a job raises anything but a MotefitError.
        OutputError: if the returned files cannot be written.
    """
    if engine.shares_files:
        yield from engine.run(work, jobs, poll=poll)
        return
    remote_jobs = [remote_job_of(job) for job in jobs]
    for ended in engine.run(partial(run_remote_job, work), remote_jobs, poll=poll):
        if ended.value is not None:
            apply(ended.value, jobs[ended.index].folder)
        yield Ended(index=ended.index, error=ended.error)


def remote_job_of(job: TrainJob) -> RemoteJob:
    """Collect a job's files."""
    data = None if job.data is None else job.data.absolute()
    return RemoteJob(job=replace(job, data=data), files=pack(job))


def run_remote_job(work: Callable[[TrainJob], None], remote_job: RemoteJob) -> FileChanges:
    """Run a job in a temporary folder on a node.

    Raises:
        MotefitError: as raised by the work.
    """
    with tempfile.TemporaryDirectory(prefix="motefit-") as name:
        here = replace(remote_job.job, folder=Path(name))
        apply(FileChanges(files=remote_job.files, gone=()), here.folder)
        work(here)
        after = pack(here)
    return FileChanges(
        files={path: data for path, data in after.items() if remote_job.files.get(path) != data},
        gone=tuple(path for path in remote_job.files if path not in after),
    )


def pack(job: TrainJob) -> Mapping[str, bytes]:
    """Read the files of a job by path within the run's folder, the last written last.

    Incomplete files, whose names start with a dot, are left out.
    """
    paths = [
        path
        for part in job.parts
        for path in (job.folder / part).glob("**/[!.]*")
        if path.is_file()
    ]
    paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
    return {path.relative_to(job.folder).as_posix(): path.read_bytes() for path in paths}


def apply(changes: FileChanges, folder: Path) -> None:
    """Apply the changes made to a copy of a run's folder to the folder itself.

    Each file is replaced as a whole, in the order in which they were written; so a process killed
    here leaves what the job itself would have left if killed.

    Raises:
        OutputError: if a file cannot be written.
    """
    for path, data in changes.files.items():
        write_atomic(folder / path, data)
    for path in changes.gone:
        try:
            (folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {folder / path}: {error.strerror}") from error
