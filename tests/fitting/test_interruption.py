"""Ctrl-C, kill -9, a killed worker, a full disk: files stay intact, and runs can be resumed."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from process_watch import PATIENCE_S, alive, children_of

import motefit
from motefit.runtime import load_bundle
from motefit.spec.errors import MotefitError

COMMAND = (sys.executable, "-c", "from motefit.cli import main; main()")
EPOCHS = 400
"""Some five seconds, so that the run has written a checkpoint (after two) when it is stopped."""


@dataclass(frozen=True, kw_only=True)
class Long:
    """A recipe that trains long enough to be interrupted, and its final model."""

    recipe: Path
    data: Path
    model: bytes


@pytest.fixture(scope="module")
def long(tmp_path_factory, climate_run) -> Long:
    folder = tmp_path_factory.mktemp("long")
    recipe = folder / "long.toml"
    text = climate_run.recipe.read_text().replace("epochs = 3", f"epochs = {EPOCHS}")
    recipe.write_text(text)
    result = motefit.fit(
        recipe, data=climate_run.data, out=folder / "whole", workers=1, progress="quiet"
    )
    return Long(recipe=recipe, data=climate_run.data, model=load_bundle(result.main.bundle).model)


@pytest.fixture
def training(long: Long, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has written its first checkpoint, as the leader of its own process group."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [*COMMAND, "fit", str(long.recipe), "--data", str(long.data), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: list(out.glob("trainings/*/training.checkpoint")), process)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert process is None or process.poll() is None, "the run ended too early"
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that train: forks of the server that the run started."""
    (server,) = (
        child for child, command in children_of(process.pid).items() if b"forkserver" in command
    )
    return list(children_of(server))


def resumed(folder: Path) -> bytes:
    assert motefit.resume(folder, workers=1, progress="quiet").met
    assert not [p for p in folder.rglob(".*") if p.name != "."]
    return load_bundle(folder / "long.zip").model


@pytest.mark.slow
def test_a_run_resumed_after_ctrl_c_gives_the_same_bytes(training, long, tmp_path):
    (worker,) = workers_of(training)
    os.killpg(training.pid, signal.SIGINT)
    printed, said = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 130
    assert f"motefit fit --resume {tmp_path / 'run'}" in said
    assert "Traceback" not in said
    assert printed == ""
    assert not alive(worker)
    assert not (tmp_path / "run" / "long.zip").exists()
    assert resumed(tmp_path / "run") == long.model


@pytest.mark.proof
@pytest.mark.slow
def test_a_run_resumed_after_kill_9_gives_the_same_bytes(training, long, tmp_path):
    (worker,) = workers_of(training)
    training.kill()
    training.communicate(timeout=PATIENCE_S)
    wait_for(lambda: not alive(worker))  # an orphan would continue training
    assert not list(tmp_path.glob("run/candidates/*/result.json"))
    assert resumed(tmp_path / "run") == long.model


@pytest.mark.proof
@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(training, long, tmp_path):
    (worker,) = workers_of(training)
    os.kill(worker, signal.SIGKILL)
    _, said = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 0, said
    assert load_bundle(tmp_path / "run" / "long.zip").model == long.model


@pytest.fixture
def copied(climate_run, tmp_path) -> Path:
    """A copy of a run stopped before the test set was opened, which a test may damage."""
    folder = Path(shutil.copytree(climate_run.folder, tmp_path / "run"))
    (folder / "measured.json").unlink()
    return folder


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named_and_never_used(copied):
    (training,) = (copied / "trainings").iterdir()
    shutil.rmtree(copied / "candidates")
    damaged = training / "training.checkpoint"
    damaged.write_bytes(b"PK\x03\x04 half a checkpoint")
    with pytest.raises(MotefitError, match=rf"{damaged}.*delete it"):
        resumed(copied)


@pytest.mark.proof
def test_a_full_disk_leaves_the_old_bundle_intact(copied):
    bundle = copied / "tiny-climate.zip"
    before = bundle.read_bytes()
    limit = len(before) // 2

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*COMMAND, "fit", "--resume", str(copied)],
        capture_output=True, text=True, check=False, preexec_fn=small_files_only,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"cannot write {copied / 'measured.json'}" in done.stderr
    assert "previous contents are unchanged" in done.stderr
    assert "Traceback" not in done.stderr
    assert bundle.read_bytes() == before
    assert not [p for p in copied.iterdir() if p.name.startswith(".")]
