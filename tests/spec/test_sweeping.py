"""What a killed process was writing is removed by the next one; what a living one writes is not."""

import os
import signal
import subprocess
import sys
import time

import pytest

from motefit.spec.files import write_atomic
from motefit.spec.sweeping import GRACE_NS, held, sweep

KILLED = """
import os, signal
from pathlib import Path
from motefit.spec.files import replacing
with replacing(Path("result.txt")) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def age(path) -> None:
    before = time.time_ns() - 2 * GRACE_NS
    os.utime(path, ns=(before, before))


def hidden(folder) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_killed_write_leaves_the_old_file_and_is_swept_by_the_next(tmp_path):
    write_atomic(tmp_path / "result.txt", "old")
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "result.txt").read_text() == "old"
    (left,) = hidden(tmp_path)
    age(tmp_path / left)
    write_atomic(tmp_path / "other.txt", "new")
    assert not hidden(tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_held_is_young_or_has_another_name_stays(tmp_path, kind):
    for name in (".held.motefit.part", ".stale.motefit.part", ".young.motefit.part", ".other.part"):
        path = tmp_path / name
        if kind == "folder":
            path.mkdir()
            (path / "inside").write_text("x")
        else:
            path.write_text("x")
        if name != ".young.motefit.part":
            age(path)
    with held(tmp_path / ".held.motefit.part"):
        sweep(tmp_path)
        assert sorted(hidden(tmp_path)) == [
            ".held.motefit.part",
            ".other.part",
            ".young.motefit.part",
        ]
    sweep(tmp_path)
    assert sorted(hidden(tmp_path)) == [".other.part", ".young.motefit.part"]


def test_a_file_from_the_future_is_as_stale_as_an_old_one(tmp_path):
    """The clock was set back since: only the lock counts."""
    path = tmp_path / ".future.motefit.part"
    path.write_text("x")
    later = time.time_ns() + 10**18
    os.utime(path, ns=(later, later))
    with held(path):
        sweep(tmp_path)
        assert path.exists()
    sweep(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("age_ns", "stays"), [(0, True), (1_999_999_999, True), (2_000_000_000, False), (-1, False)]
)
def test_for_two_seconds_a_file_is_young(tmp_path, monkeypatch, age_ns, stays):
    now = 1_700_000_000 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: now)
    path = tmp_path / ".aged.motefit.part"
    path.write_text("x")
    os.utime(path, ns=(now - age_ns, now - age_ns))
    sweep(tmp_path)
    assert path.exists() is stays


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / ".pipe.motefit.part"
    os.mkfifo(path)
    age(path)
    sweep(tmp_path)
    assert not path.exists()
