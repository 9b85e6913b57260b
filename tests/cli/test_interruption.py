"""Ctrl-C, kill -9, a killed worker, a full disk: files stay intact, and runs can be resumed."""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from process_watch import PATIENCE_S, alive, children_of

from motefit.runtime import load_bundle

EPOCHS = 400
"""Some five seconds, so that the run has written a checkpoint (after two) when it is stopped."""


@dataclass(frozen=True, kw_only=True)
class Long:
    """A recipe that trains long enough to be interrupted, and its final model."""

    recipe: Path
    data: Path
    model: bytes


@pytest.fixture(scope="module")
def long(tmp_path_factory, climate_run, invoke) -> Long:
    folder = tmp_path_factory.mktemp("long")
    recipe = folder / "long.toml"
    text = climate_run.recipe.read_text().replace("epochs = 3", f"epochs = {EPOCHS}")
    recipe.write_text(text)
    done = invoke("fit", recipe, "--data", climate_run.data, "--out", folder / "whole")
    assert done.exit_code == 0, done.output
    model = load_bundle(folder / "whole" / "long.zip").model
    return Long(recipe=recipe, data=climate_run.data, model=model)


@pytest.fixture
def training(
    long: Long, command: tuple[str, ...], environment: Mapping[str, str], tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """A run that has written its first checkpoint, as the leader of its own process group."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [*command, "fit", str(long.recipe), "--data", str(long.data), "--out", str(out)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
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


def resumed(invoke, folder: Path) -> bytes:
    done = invoke("fit", "--resume", folder)
    assert done.exit_code == 0, done.output
    assert not [p for p in folder.rglob(".*") if p.name != "."]
    return load_bundle(folder / "long.zip").model


@pytest.mark.slow
def test_a_run_resumed_after_ctrl_c_gives_the_same_bytes(training, long, invoke, tmp_path):
    (worker,) = workers_of(training)
    os.killpg(training.pid, signal.SIGINT)
    printed, said = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 130
    assert f"motefit fit --resume {tmp_path / 'run'}" in said
    assert "Traceback" not in said
    assert printed == ""
    assert not alive(worker)
    assert not (tmp_path / "run" / "long.zip").exists()
    assert resumed(invoke, tmp_path / "run") == long.model


@pytest.mark.proof
@pytest.mark.slow
def test_a_run_resumed_after_kill_9_gives_the_same_bytes(training, long, invoke, tmp_path):
    (worker,) = workers_of(training)
    training.kill()
    training.communicate(timeout=PATIENCE_S)
    wait_for(lambda: not alive(worker))  # an orphan would continue training
    assert not list(tmp_path.glob("run/candidates/*/result.json"))
    assert resumed(invoke, tmp_path / "run") == long.model


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
def test_a_damaged_checkpoint_is_named_and_never_used(copied, refused):
    (training,) = (copied / "trainings").iterdir()
    shutil.rmtree(copied / "candidates")
    (training / "training.checkpoint").write_bytes(b"PK\x03\x04 half a checkpoint")
    said = refused("fit", "--resume", copied)
    assert str(training / "training.checkpoint") in said
    assert "delete it" in said


@pytest.mark.proof
def test_a_full_disk_leaves_the_old_bundle_intact(copied, command, environment):
    bundle = copied / "tiny-climate.zip"
    before = bundle.read_bytes()
    limit = len(before) // 2

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*command, "fit", "--resume", str(copied)],
        env=environment, capture_output=True, text=True, check=False,
        preexec_fn=small_files_only,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"cannot write {copied / 'measured.json'}" in done.stderr
    assert "previous contents are unchanged" in done.stderr
    assert "Traceback" not in done.stderr
    assert bundle.read_bytes() == before
    assert not [p for p in copied.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("damage", ["", "{}", "[1", '{"name": 1}'])
def test_a_folder_with_a_damaged_state_is_not_a_run(copied, refused, damage):
    (copied / "run.json").write_text(damage)
    assert "has no run" in refused("fit", "--resume", copied)
    assert "has other files" in refused("fit", "climate-6", "--out", copied)


def test_a_damaged_recipe_of_a_run_is_reported(copied, refused):
    (copied / "recipe.toml").write_text("task = ")
    assert "recipe.toml is damaged" in refused("fit", "--resume", copied)


def test_resume_of_a_folder_without_a_run(refused, tmp_path):
    assert "has no run" in refused("fit", "--resume", tmp_path)
    assert "has no run" in refused("fit", "--resume", tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "has no run" in refused("fit", "--resume", tmp_path / "file")


def test_resume_takes_nothing_else(refused, copied):
    assert "--resume takes recipe and data from the run" in refused(
        "fit", "climate-6", "--resume", copied
    )


def test_changed_data_are_not_mixed_with_old_models(copied, climate_run, refused):
    lines = climate_run.data.read_text().splitlines()
    other = copied.parent / "other.csv"
    other.write_text("\n".join(lines[:-100]) + "\n")
    said = refused("fit", climate_run.recipe, "--data", other, "--out", copied)
    assert "other data" in said
    assert "--overwrite" in said


def test_the_same_data_elsewhere_resume_the_run(copied, climate_run, invoke):
    moved = Path(shutil.copy(climate_run.data, copied.parent / "moved.csv"))
    result = invoke("fit", climate_run.recipe, "--data", moved, "--out", copied)
    assert result.exit_code == 0, result.output
