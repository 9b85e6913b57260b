"""One thread in every matrix product of the runtime, whatever the environment says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.signal.features import features_of
from motefit.signal.threads import OneThread, numpy_blas
from motefit.spec.frontend import FrontEnd

ROOT = Path(__file__).parents[2]
# numpy has loaded and used its BLAS with several threads before motefit is imported.
SCRIPT = """
import json, sys, time, zlib
import numpy as np
square = np.ones((600, 600), np.float32)
def rest_over_own(work):
    process, thread = time.process_time(), time.thread_time()
    for _ in range(8):
        work()
    process, thread = time.process_time() - process, time.thread_time() - thread
    return process / thread - 1
def least(work):
    # A thread of BLAS spins for 100 ms behind its last product, and comes to that late on a busy
    # machine: it works beside some rounds, a product's share beside all.
    work()
    rounds = []
    for _ in range(4):
        time.sleep(0.06)
        rounds.append(rest_over_own(work))
    return min(rounds)
before = rest_over_own(lambda: square @ square)
from motefit.runtime import KeywordSpotter
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.signal.features import features_of
from motefit.signal.resample import resample
from motefit.spec.frontend import FrontEnd
spotter = KeywordSpotter.load(sys.argv[1])
listener = StreamingSpotter(spotter, rate_hz=44_100)
wide = features_of(FrontEnd(frame_length=2048, frame_step=256, mel_bins=128, coefficients=64))
pcm = np.random.default_rng(0).normal(0, 1000, 48_000).astype(np.int16)
print(json.dumps({
    "before": before,
    "classify": least(lambda: spotter.classify(pcm[:16_000], 16_000)),
    "other rate": least(lambda: spotter.classify(pcm, 48_000)),
    "long": least(lambda: wide.whole(pcm)),
    "listen": least(lambda: listener.push(pcm)),
    "after": rest_over_own(lambda: square @ square),
    "features": zlib.crc32(wide.clip(pcm).tobytes()),
    "resampled": zlib.crc32(resample(pcm, 44_100, 16_000).tobytes()),
}))
"""


def measured(threads: str) -> dict[str, float]:
    """CPU time of all other threads over the calling one's, by what was done."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "zoo" / "eight-words.zip")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_no_other_thread_works_for_the_runtime_and_the_callers_keep_theirs() -> None:
    several, one = measured("4"), measured("1")
    shares = {name: several[name] for name in ("classify", "other rate", "long", "listen")}
    assert max(shares.values()) < 0.1, shares
    if len(os.sched_getaffinity(0)) > 1:  # elsewhere OpenBLAS starts no second thread
        assert min(several["before"], several["after"]) > 0.2, several
    assert [several[n] for n in ("features", "resampled")] == [
        one[n] for n in ("features", "resampled")
    ]


class Blas:
    """A number of threads, as OpenBLAS keeps it."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def set(self, threads: int) -> None:
        self.threads = threads


@given(threads=st.integers(1, 64), moves=st.lists(st.booleans(), max_size=30))
def test_the_number_is_one_while_anyone_is_inside_and_restored_behind_the_last(
    threads: int, moves: list[bool]
) -> None:
    blas = Blas(threads)
    one = OneThread(lambda: blas.threads, blas.set)
    inside = 0
    for enters in moves:
        if enters:
            one.__enter__()
            inside += 1
        elif inside:
            one.__exit__(None, None, None)
            inside -= 1
        assert blas.threads == (1 if inside else threads)


def test_an_error_inside_restores_the_number() -> None:
    blas = Blas(7)
    with pytest.raises(ZeroDivisionError), OneThread(lambda: blas.threads, blas.set):
        raise ZeroDivisionError
    assert blas.threads == 7


def test_a_blas_without_the_functions_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motefit.signal.threads.FUNCTIONS", (("no_such_get", "no_such_set"),))
    with numpy_blas():
        assert np.ones((2, 2)).sum() == 4
    monkeypatch.setattr("motefit.signal.threads.EXTENSION", "motefit.spec.no_such_module")
    with numpy_blas():
        assert np.isfinite(features_of(FrontEnd()).clip(np.zeros(16_000, np.int16))).all()
