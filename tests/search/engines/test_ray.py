"""The engine of a Ray cluster."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import engine_jobs as jobs
import pytest
from process_watch import PATIENCE_S, alive, children_of, wait_for
from ray_cluster import ray_cluster, raylet_of

from motefit.search.engines import WorkerLost, open_engine
from motefit.spec.errors import RecipeError

SAYS_WHO = """
import pathlib, sys
import engine_jobs as jobs
from motefit.search.engines import open_engine
from motefit.search.engines.ray import import_ray

folder = pathlib.Path(sys.argv[1])
with open_engine("ray", workers=2) as engine:
    markers = [folder / "a", folder / "b"]
    list(engine.run(jobs.begin_and_wait, markers, poll=lambda: None))
"""

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from motefit.search.engines import ENGINES, open_engine
from motefit.spec.errors import MissingExtraError
assert "ray" in ENGINES.names()
try:
    open_engine("ray", workers=1)
except MissingExtraError as error:
    print(error)
"""


def test_importing_the_engine_does_not_import_ray():
    code = "import sys, motefit.search.engines.ray; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_absent_ray_is_said():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY], capture_output=True, text=True, check=True
    )
    assert "pip install 'motefit[ray]'" in done.stdout


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "a:b", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there(address):
    with pytest.raises(RecipeError, match=f"(?s)cluster at '{address}'.*ray start"):
        open_engine("ray", workers=1, address=address)


@pytest.fixture
def cluster():
    with ray_cluster() as cluster:
        yield cluster


@pytest.mark.proof
@pytest.mark.slow
def test_a_killed_node_costs_only_what_ran_on_it(cluster, tmp_path):
    node = cluster.add_node(num_cpus=2)
    lost_pid = raylet_of(node)
    markers = [tmp_path / str(number) for number in range(6)]
    killed = []

    def begun_on(pid: int) -> list[Path]:
        return [m for m in markers if m.exists() and f"of {pid}\n" in m.read_text()]

    def kill_the_node() -> None:
        if not killed and len(begun_on(lost_pid)) == 2:
            killed.extend([lost_pid, *children_of(lost_pid)])  # as when the machine fails
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with open_engine("ray", workers=0, address=cluster.address) as engine:
        given = [(marker, 1.5) for marker in markers]
        ended = list(engine.run(jobs.begin_and_finish, given, poll=kill_the_node))
    assert killed
    assert sorted(e.index for e in ended) == list(range(6))
    assert [e.error for e in ended] == [None] * 6
    again = [m for m in markers if m.read_text().count("of ") > 1]
    assert again
    assert set(again) <= set(begun_on(lost_pid))  # one that had ended before is not repeated


@pytest.mark.proof
@pytest.mark.slow
def test_closing_leaves_a_cluster_that_was_there(cluster, results):
    for _ in range(2):
        with open_engine("ray", workers=1, address=cluster.address) as engine:
            assert results(engine, jobs.divide, [2]) == {0: 0.5}
    assert alive(raylet_of(cluster.head_node))


@pytest.mark.slow
@pytest.mark.proof
def test_a_job_that_memory_never_suffices_for_is_lost(monkeypatch):
    # Ray kills every task where one percent is the most
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.01")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    with open_engine("ray", workers=1) as engine:
        (ended,) = engine.run(jobs.square_slowly, [1], poll=lambda: None)
    assert isinstance(ended.error, WorkerLost)
    assert "running low on memory" in str(ended.error)
    assert "\n" not in str(ended.error)


@pytest.mark.slow
@pytest.mark.proof
def test_ctrl_c_ends_the_jobs_and_the_cluster_with_the_program(tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(SAYS_WHO)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        markers = [tmp_path / "a", tmp_path / "b"]
        wait_for(lambda: all(m.exists() and m.read_text() for m in markers))
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_S)
    assert printed == ""
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    pids = [int(marker.read_text()) for marker in markers]
    wait_for(lambda: not any(map(alive, pids)))
