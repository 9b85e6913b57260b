"""Jobs on machines that do not share the run's folder: what a job reads and writes travels.

The data do not travel: their path must lead to the same data on every node.
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
    """A job on its way to a node.

    Attributes:
        job: what to do.
        files: what is in the job's parts of the run's folder, by path within that.
    """

    job: TrainJob
    files: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class FileChanges:
    """What a job did to the files it was given.

    Attributes:
        files: new and changed ones by path within the run's folder, the last written last.
        gone: paths of those it removed.
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
    """As :meth:`Engine.run`; the files of a job that ended well are in the run's folder.

    Where workers do not share this machine's files, a job's files come back when it ends, not
    before, and not when it fails: it then begins again from what is here.

    Yields:
        each job as it ends.

    Raises:
        WorkerFault: when a job raises what is no MotefitError.
        OutputError: when the files that came back cannot be written.
    """
    if engine.shares_files:
        yield from engine.run(work, jobs, poll=poll)
        return
    parcels = [parcel_of(job) for job in jobs]
    for ended in engine.run(partial(run_parcel, work), parcels, poll=poll):
        if ended.value is not None:
            apply(ended.value, jobs[ended.index].folder)
        yield Ended(index=ended.index, error=ended.error)


def parcel_of(job: TrainJob) -> RemoteJob:
    """A job with its files."""
    data = None if job.data is None else job.data.absolute()
    return RemoteJob(job=replace(job, data=data), files=pack(job))


def run_parcel(work: Callable[[TrainJob], None], remote_job: RemoteJob) -> FileChanges:
    """Do a job in a temporary folder, on a node.

    Raises:
        MotefitError: as the work does.
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
    """Files of a job by path within the run's folder, the last written last.

    Half-written ones, whose name begins with a dot, stay behind.
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
    """Do to a run's folder what was done to its copy.

    Each file is replaced whole, in the order in which they were written; so whoever is killed here
    leaves what the job would have left, had it been killed itself.

    Raises:
        OutputError: when a file cannot be written.
    """
    for path, data in changes.files.items():
        write_atomic(folder / path, data)
    for path in changes.gone:
        try:
            (folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {folder / path}: {error.strerror}") from error
