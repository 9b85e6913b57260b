"""A job's files are in the run's folder after it, wherever it was done."""

import os
from pathlib import Path

import engine_jobs
import pytest

from motefit.fitting.jobs import CandidateJob, TrainJob
from motefit.fitting.remote_files import (
    FileChanges,
    RemoteJob,
    apply,
    pack,
    remote_job_of,
    run_in_folders,
    run_remote_job,
)
from motefit.spec.errors import DataError, OutputError


def job_of(folder: Path, *keys: str, seed: int = 0, data: Path | None = None) -> TrainJob:
    works = tuple(
        CandidateJob(table={}, name="n", seed=seed, key=key, training_key=f"t-{key}")
        for key in keys
    )
    return TrainJob(works=works, epochs=1, data=data, folder=folder)


def visible(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def test_files_come_back_from_every_engine(engine, tmp_path):
    run = tmp_path / "run"
    for name, content in (
        ("trainings/t-a/training.npz", b"before "),
        ("candidates/a/old.npz", b"to be removed"),
        ("candidates/other/old.npz", b"of another job"),
        ("recipe.toml", b"of the run"),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    given = [job_of(run, "a"), job_of(run, "b", "c"), job_of(run, "d", seed=-1)]
    work = engine_jobs.train_for_show
    ended = {e.index: e for e in run_in_folders(engine, work, given, poll=lambda: None)}
    assert {index: e.value for index, e in ended.items()} == {0: None, 1: None, 2: None}
    assert [ended[0].error, ended[1].error] == [None, None]
    assert type(ended[2].error) is DataError
    assert visible(run) == {
        "recipe.toml": b"of the run",
        "candidates/other/old.npz": b"of another job",
        "trainings/t-a/training.npz": b"before a",
        "trainings/t-a/history.jsonl": b"0 from None\n",
        "candidates/a/inner/result.json": b"a",
        "trainings/t-b/training.npz": b"b",
        "trainings/t-b/history.jsonl": b"0 from None\n",
        "candidates/b/inner/result.json": b"b",
        "trainings/t-c/training.npz": b"c",
        "trainings/t-c/history.jsonl": b"0 from None\n",
        "candidates/c/inner/result.json": b"c",
    }


def test_a_node_is_given_the_data_by_their_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    remote_job = remote_job_of(job_of(Path("run"), "a", data=Path("data.csv")))
    assert remote_job.job.data == tmp_path / "data.csv"
    assert remote_job_of(job_of(Path("run"), "a")).job.data is None


def test_what_did_not_change_does_not_come_back(tmp_path):
    run = tmp_path / "run"
    (run / "candidates" / "a").mkdir(parents=True)
    (run / "candidates" / "a" / "same").write_bytes(b"same")
    (run / "candidates" / "a" / "old.npz").write_bytes(b"")
    job = job_of(run, "a")
    changes = run_remote_job(engine_jobs.train_for_show, RemoteJob(job=job, files=pack(job)))
    assert set(changes.files) == {
        "trainings/t-a/training.npz",
        "trainings/t-a/history.jsonl",
        "candidates/a/inner/result.json",
    }
    assert changes.gone == ("candidates/a/old.npz",)
    assert visible(run) == {"candidates/a/same": b"same", "candidates/a/old.npz": b""}


def test_nothing_stays_on_the_node(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    job = job_of(tmp_path / "run", "a")
    run_remote_job(engine_jobs.train_for_show, RemoteJob(job=job, files={}))
    with pytest.raises(DataError):
        run_remote_job(
            engine_jobs.train_for_show, RemoteJob(job=job_of(tmp_path, "a", seed=-1), files={})
        )
    assert list(tmp_path.iterdir()) == []


def test_the_file_written_last_is_packed_last(tmp_path):
    folder = tmp_path / "candidates" / "a"
    folder.mkdir(parents=True)
    for age, name in enumerate(["c", "a", "b"]):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, ns=(age, age))
    assert [Path(path).name for path in pack(job_of(tmp_path, "a"))] == ["c", "a", "b"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "candidates").write_text("a file where a folder must be")
    with pytest.raises(OutputError, match=r"candidates/a/result\.json"):
        apply(FileChanges(files={"candidates/a/result.json": b"{}"}, gone=()), tmp_path)
