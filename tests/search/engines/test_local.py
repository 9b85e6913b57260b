"""The engine of this machine's processes."""

import os
import signal
import subprocess
import sys

import engine_jobs as jobs
import pytest
from process_watch import PATIENCE_S, alive, wait_for

from motefit.measure.machine import usable_cores
from motefit.search.engines import WorkerLost, open_engine
from motefit.search.engines.local import PRELOADED
from motefit.spec.errors import RecipeError


def test_it_has_no_address():
    with pytest.raises(RecipeError, match="'local' takes no address, got 'auto'"):
        open_engine("local", workers=1, address="auto")


def test_one_worker_is_a_process_too(results):
    with open_engine("local", workers=1) as engine:
        pids = {pid for _, pid in results(engine, jobs.square, range(5)).values()}
    assert len(pids) == 1
    assert os.getpid() not in pids


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks workers")
def test_workers_share_what_their_jobs_import(results):
    with open_engine("local", workers=1) as engine:
        assert results(engine, jobs.imported, [PRELOADED]) == {0: list(PRELOADED)}


def test_no_number_of_workers_is_one_per_core(results):
    with open_engine("local", workers=0) as engine:
        got = results(engine, jobs.square_slowly, range(usable_cores()))
    assert 1 <= len({pid for _, pid in got.values()}) <= usable_cores()


def test_closing_stops_the_workers(results):
    with open_engine("local", workers=2) as engine:
        pids = {pid for _, pid in results(engine, jobs.square_slowly, range(2)).values()}
        assert all(map(alive, pids))
    assert not any(map(alive, pids))
    engine.close()


def test_a_worker_killed_while_idle_costs_nothing(results):
    with open_engine("local", workers=1) as engine:
        ((_, pid),) = results(engine, jobs.square, [1]).values()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))
        assert results(engine, jobs.square, [3])[0][0] == 9


def test_a_lost_worker_says_how_it_ended(tmp_path):
    with open_engine("local", workers=1) as engine:
        (ended,) = engine.run(jobs.die_always, [tmp_path / "m"], poll=lambda: None)
    assert isinstance(ended.error, WorkerLost)
    assert "killed by signal 9 (often because memory ran out)" in str(ended.error)
    assert "run again to continue" in str(ended.error)


MAIN = """
import pathlib, sys
import engine_jobs as jobs
from motefit.search.engines import local, open_engine

local.PRELOADED = ()  # these jobs need no torch
if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    with open_engine("local", workers=2) as engine:
        markers = [folder / "a", folder / "b"]
        list(engine.run(jobs.begin_and_wait, markers, poll=lambda: None))
"""


@pytest.fixture
def driver(tmp_path):
    """A program with two workers that run, each a process that said who it is."""
    script = tmp_path / "driver.py"
    script.write_text(MAIN)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        markers = [tmp_path / "a", tmp_path / "b"]
        wait_for(lambda: all(m.exists() and m.read_text() for m in markers))
        yield process, [int(marker.read_text()) for marker in markers]
        process.kill()


def test_ctrl_c_reaches_the_parent_alone_which_stops_the_others(driver):
    process, pids = driver
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not any(map(alive, pids))


def test_workers_do_not_outlive_a_killed_parent(driver):
    process, pids = driver
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    wait_for(lambda: not any(map(alive, pids)))


NO_GUARD = """
import sys
import engine_jobs as jobs
from motefit.search.engines import local, open_engine

local.PRELOADED = ()  # these jobs need no torch
print("once")
with open_engine("local", workers=2) as engine:
    ended = engine.run(jobs.square, range(5), poll=lambda: None)
    print(sorted(end.result()[0] for end in ended), "__main__" in sys.modules, jobs.__name__)
print(sys.modules["__main__"].__dict__ is globals())
"""


def test_a_script_on_standard_input_needs_no_guard(tmp_path):
    """One in a file does not either: that of docs/python.md, which the tests run."""
    script = tmp_path / "script.py"
    script.write_text(NO_GUARD)
    with script.open() as text:
        done = subprocess.run(
            [sys.executable, "-"],
            stdin=text, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == "once\n[0, 1, 4, 9, 16] True engine_jobs\nTrue\n"
