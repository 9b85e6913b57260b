"""Calls in a process of their own: results, errors, and what happens to those that go wrong."""

import os
import signal
import time
from contextlib import nullcontext
from functools import partial

import pytest

from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.limits import require_rate
from motefit.tflite.contained import MEMORY_BYTES, contained
from motefit.tflite.model_trial import try_here


def test_results_and_errors_come_back():
    assert contained(partial(sum, [1, 2, 3])) == 6
    with pytest.raises(DataError, match="must be 1000"):
        contained(partial(require_rate, 1))


def test_each_call_has_a_process_of_its_own():
    processes = {contained(os.getpid) for _ in range(3)}
    assert len(processes) == 3
    assert os.getpid() not in processes


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_process_that_dies_is_an_error_and_the_next_call_works(number):
    with pytest.raises(ModelFileError, match=rf"crashes LiteRT \(signal {number:d}\)"):
        contained(partial(signal.raise_signal, number))
    assert contained(os.getpid)


def test_a_process_that_ends_without_an_answer_is_an_error():
    with pytest.raises(ModelFileError, match=r"crashes LiteRT \(its process ended\)"):
        contained(partial(os._exit, 0))


def test_time_is_limited():
    with pytest.raises(ModelFileError, match="did not finish with this model in 1 s"):
        contained(partial(time.sleep, 3600), seconds=1)
    with pytest.raises(ModelFileError, match="did not finish with this model in 1 s"):
        contained(partial(pow, 7, 10**9), seconds=1)  # computes, and cannot be interrupted


def test_memory_is_limited():
    assert contained(partial(bytes.count, bytes(1), b"0")) == 0
    with pytest.raises(ModelFileError, match=r"needs more than \d+ MB of memory"):
        contained(partial(bytearray, 2 * MEMORY_BYTES))


@pytest.mark.parametrize(
    ("peaks", "short"), [((0, 200 << 20), True), ((0, 1 << 20, 2 << 20), False)]
)
def test_a_model_is_not_sound_that_is_rejected_near_the_limit(monkeypatch, peaks, short):
    taken = iter(peaks)

    def rejected(model, name):
        raise RuntimeError(f"{name} failed to prepare {len(model)} bytes")

    monkeypatch.setattr("motefit.tflite.model_trial._peak_bytes", lambda: next(taken))
    monkeypatch.setattr("motefit.tflite.model_trial._run", rejected)
    with pytest.raises(MemoryError) if short else nullcontext():
        try_here(b"model")
    assert list(taken) == []
