"""Processes that time one loop on request; no test looks at an absolute time."""

import itertools
import os
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import motefit
from motefit.measure.latency.protocols import interleave
from motefit.measure.workers import client
from motefit.measure.workers.client import Worker, motefit_worker, tensorflow_worker
from motefit.measure.workers.tensorflow_worker import probe
from motefit.runtime.bundle import load_bundle
from motefit.signal.features import features_of
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.frontend import FrontEnd

ZOO = Path(__file__).resolve().parents[2] / "zoo"
REMEDY = "make an environment"


def program(folder: Path, text: str) -> Path:
    """A program that stands where a Python is expected."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_all_have_a_turn_in_each_loop_and_none_is_always_the_first():
    said: list[str] = []
    count = itertools.count()

    def turn(name):
        def taken():
            said.append(name)
            return [next(count)]

        return taken

    times = interleave({name: turn(name) for name in "abc"}, loops=4, pause_s=0)
    assert ["".join(said[i : i + 3]) for i in range(0, 12, 3)] == ["abc", "bca", "cab", "abc"]
    assert {name: times[name].shape for name in times} == dict.fromkeys("abc", (4, 1))
    assert times["a"].ravel().tolist() == [0, 5, 7, 9]


def test_each_turn_is_followed_by_a_pause(monkeypatch):
    slept = []
    monkeypatch.setattr("motefit.measure.latency.protocols.time.sleep", slept.append)
    interleave({"a": lambda: [1], "b": lambda: [2]}, loops=3, pause_s=0.25)
    assert slept == [0.25] * 6


def test_progress_is_reported_before_pauses_and_not_too_often(monkeypatch):
    happened: list[object] = []
    monkeypatch.setattr("motefit.measure.latency.protocols.time.sleep", happened.append)
    turns = {name: lambda: happened.append("turn") or [1] for name in "ab"}

    def report(*counts):
        happened.append(counts)

    interleave(turns, loops=2, pause_s=0.5, progress=report)
    assert happened == ["turn", 0.5] * 4  # all of it takes less than the least time
    happened.clear()
    monkeypatch.setattr("motefit.measure.latency.protocols.REPORT_S", 0)
    interleave(turns, loops=2, pause_s=0.5, progress=report)
    assert happened == ["turn", (1, 2), 0.5] * 2 + ["turn", (2, 2), 0.5] * 2


def test_the_progress_of_a_worker_is_reported_here():
    class Counts(motefit.Listener):
        seen: ClassVar[list[tuple[int, int]]] = []

        def counted(self, what, done, total):
            assert what == "loops"
            self.seen.append((done, total))

    found = motefit.latency("up-down", protocol="2020", pause_s=0.01, progress=Counts())
    assert found.result.loops == 100
    assert Counts.seen == sorted(set(Counts.seen))
    assert {total for _, total in Counts.seen} == {100}


@pytest.fixture(scope="module")
def own():
    with motefit_worker() as worker:
        yield worker


def test_a_bundle_is_timed_by_both_protocols(own):
    bundle = ZOO / "climate-6.zip"
    with pytest.raises(ModelFileError, match=r"with .*climate-6"):
        own.add("climate", bundle, FrontEnd())
    bundle = ZOO / "up-down.zip"
    frontend = load_bundle(bundle).card.io.frontend
    features = own.add("up-down", bundle, frontend)
    noise = probe(frontend.clip_samples)
    # not to the bit: the sums of numpy's BLAS depend on where a process has its arrays
    np.testing.assert_allclose(features, features_of(frontend).clip(noise), rtol=1e-5, atol=1e-4)
    inference, total = own.turn("up-down", "2020")()
    assert 0 < inference < total
    front, model, both = own.turn("up-down", "2024")()
    assert 0 < max(front, model) < both == front + model


def test_a_model_that_is_not_there_is_told_and_the_worker_goes_on(own, tmp_path):
    with pytest.raises(ModelFileError, match=r"nothing\.zip"):
        own.add("none", tmp_path / "nothing.zip", FrontEnd())
    frontend = load_bundle(ZOO / "go-stop.zip").card.io.frontend
    assert own.add("go-stop", ZOO / "go-stop.zip", frontend).shape == frontend.shape


def test_a_python_that_is_not_there_is_said(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot start .*nothing: No such file.*; make an env"):
        tensorflow_worker(tmp_path / "nothing", remedy=REMEDY)


def test_a_python_without_tensorflow_is_said(tmp_path):
    bare = program(tmp_path, f'exec {sys.executable} -S -E "$@"')  # without site-packages
    with pytest.raises(RecipeError, match=r"No module named .*; make an environment"):
        tensorflow_worker(bare, remedy=REMEDY)


@pytest.mark.parametrize(
    ("does", "patience_s", "message"),
    [
        ("echo hello", 60, r"gave no answer;"),
        ("echo 3", 60, r"gave no answer;"),
        ("echo broken >&2; exit 3", 60, r"gave no answer \(broken\)"),
        ("sleep 600", 0.5, "gave no answer in"),
    ],
    ids=["text", "number", "failure", "silence"],
)
def test_a_program_that_is_no_such_python_is_said(tmp_path, monkeypatch, does, patience_s, message):
    monkeypatch.setattr(client, "PATIENCE_S", patience_s)
    with pytest.raises(RecipeError, match=message):
        tensorflow_worker(program(tmp_path, does), remedy=REMEDY)


def test_a_worker_that_dies_is_said(tmp_path):
    told = '{"versions": "none"}'
    mortal = program(tmp_path, f"echo '{told}'; read line; echo gone >&2")
    with (
        tensorflow_worker(mortal, remedy=REMEDY) as worker,
        pytest.raises(RecipeError, match=r"gave no answer \(gone\); make an environment"),
    ):
        worker.turn("any", "2020")()


AT_ONCE = """
import base64, json, pickle, sys
print(json.dumps({"versions": "1"}), flush=True)
for line in sys.stdin:
    value = base64.b64encode(pickle.dumps((True, 7))).decode()
    lines = [{"done": 1, "total": 2}, {"done": 2, "total": 2}, {"value": value}]
    sys.stdout.write("".join(json.dumps(each) + chr(10) for each in lines))
    sys.stdout.flush()
"""


def test_progress_and_answer_that_arrive_together_are_both_read():
    seen = []
    command = [sys.executable, "-c", AT_ONCE]
    with Worker(command, dict(os.environ), remedy="none") as worker:
        found = worker.call(int, progress=lambda *counts: seen.append(counts))
    assert (found, seen) == (7, [(1, 2), (2, 2)])
