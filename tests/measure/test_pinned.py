"""One worker for all latencies: one thread, the caller's folder, alive after what goes wrong."""

import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from motefit.measure.workers.pinned import call_pinned, pinned_latency
from motefit.runtime.bundle import load_bundle
from motefit.spec.budget import Budget
from motefit.spec.certificate import certify
from motefit.spec.codec import encode
from motefit.spec.errors import DataError, ModelFileError, RecipeError
from motefit.tasks import TASKS

ZOO = Path(__file__).resolve().parents[2] / "zoo"


def openers(name: str = "up-down", **options: object) -> dict:
    bundle = load_bundle(ZOO / f"{name}.zip")
    return {
        name: partial(
            TASKS.find(bundle.card.task).benchmark_case, bundle.model, bundle.card.io, **options
        )
    }


def test_one_process_of_one_thread_answers_all(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    first = call_pinned(os.getpid)
    assert first != os.getpid()
    assert call_pinned(os.getenv, "OMP_NUM_THREADS") == "1"
    monkeypatch.chdir(tmp_path)
    assert call_pinned(os.getcwd) == str(tmp_path)
    assert call_pinned(os.getpid) == first


def test_what_a_function_raises_is_raised_here_and_a_new_worker_goes_on():
    first = call_pinned(os.getpid)
    with pytest.raises(ValueError, match="math domain error") as error:
        call_pinned(math.sqrt, -1)
    assert "Traceback" in error.value.__notes__[0]
    with pytest.raises(DataError, match="at least 4 rounds"):
        pinned_latency(openers(), rounds=3)
    bundle = load_bundle(ZOO / "up-down.zip")
    broken = partial(TASKS.find(bundle.card.task).benchmark_case, b"no model", bundle.card.io)
    with pytest.raises(ModelFileError, match=r"not a \.tflite model"):
        pinned_latency({"broken": broken})
    assert call_pinned(os.getpid) != first  # a run without an end may have been left behind


def test_a_worker_that_ends_is_said_and_the_next_question_starts_another():
    first = call_pinned(os.getpid)
    with pytest.raises(RecipeError, match="gave no answer"):
        call_pinned(os._exit, 3)
    assert call_pinned(os.getpid) != first


def test_an_answer_that_nobody_waited_for_is_never_taken_for_the_next():
    first = call_pinned(os.getpid)
    this = threading.main_thread().ident
    alarm = threading.Timer(0.3, signal.pthread_kill, (this, signal.SIGINT))
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        call_pinned(signal.pause)
    assert call_pinned(os.getpid) != first
    assert call_pinned(math.sqrt, 9.0) == 3.0


def test_a_kind_of_task_is_timed_as_it_is_asked_for():
    found = pinned_latency({**openers("up-down", xnnpack=False), **openers("climate-3")}, rounds=20)
    assert [found[n].resolver for n in ("up-down", "climate-3")] == ["builtin", "xnnpack"]
    assert found["climate-3"].total_p25_ms < found["up-down"].total_p25_ms
    assert all(0 < x.total_p25_ms <= x.total_ms and x.total_cpu_ms > 0 for x in found.values())


@contextmanager
def busy(processes: int):
    """Start a number of processes that do nothing but compute."""
    command = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_busy_machine_fails_no_model_that_is_fast_enough():
    """The bound is ten times what the model takes here: only other processes can miss it."""
    quiet = pinned_latency(openers())["up-down"]
    limit = 10 * quiet.total_p25_ms
    budget = Budget.from_table({"latency": {"total_ms": f"< {limit} ms"}}, where="test")
    with busy(8):
        timed = pinned_latency({"xnnpack": openers()["up-down"]})
    evidence = {"latency": encode(timed)}
    (line,) = certify(timed["xnnpack"].facts, budget, evidence=evidence).lines
    assert line.verdict in {"pass", "not judged"}, (line, timed)
