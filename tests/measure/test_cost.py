"""Size, latency and memory. No test looks at an absolute time."""

import io
import itertools
import sys
import zipfile

import numpy as np
import pytest

from motefit.measure.latency.paired import BenchmarkCase, measure_latency, saving_percent
from motefit.measure.ram import MEASURED, measure_ram
from motefit.measure.size import measure_size
from motefit.spec.errors import DataError, ModelFileError
from motefit.tflite.micro import arena_bytes
from motefit.tflite.model import ModelFile

CLIP = np.zeros((1, 16_000), np.int16)


def test_size(speech_model):
    size = measure_size(ModelFile(data=speech_model), bundle_bytes=4321)
    assert size.facts["size.tflite_bytes"] == len(speech_model)
    assert size.bundle_bytes == 4321
    assert size.zip_bytes < size.tflite_bytes
    by_zipfile = io.BytesIO()
    with zipfile.ZipFile(by_zipfile, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("model.tflite", speech_model)
    assert size.zip_bytes <= len(by_zipfile.getvalue())  # never above what zip tools make


def test_latency_reports_every_stage_of_every_subject(make_spotter):
    subjects = {
        name: BenchmarkCase(pipeline=make_spotter(xnnpack=xnnpack, threads=2), example=CLIP)
        for name, xnnpack in (("xnnpack", True), ("builtin", False))
    }
    result = measure_latency(subjects, rounds=20, warm_up_rounds=2)
    assert list(result) == ["xnnpack", "builtin"]
    for name, latency in result.items():
        assert (latency.resolver, latency.threads, latency.rounds) == (name, 2, 20)
        assert latency.protocol == "motefit"
        assert 0 < latency.frontend_p25_ms <= latency.frontend_ms
        assert 0 < latency.inference_p25_ms <= latency.inference_ms
        assert latency.total_ms >= max(latency.frontend_ms, latency.inference_ms)
        ratio = latency.total_p25_ms / latency.reference_p25_ms
        assert latency.total_over_reference == ratio
        assert latency.facts["latency.total_ms"] == latency.total_ms
    same = {latency.reference_p25_ms for latency in result.values()}
    assert len(same) == 1


class Timed:
    """A pipeline whose stages take known times on a clock that the test turns."""

    def __init__(self, spotter, clock, frontend_ns, inference_ns):
        self.interpreter = spotter.interpreter
        self._clock, self._frontend, self._inference = clock, frontend_ns, inference_ns

    def inputs(self, batch):
        self._clock["now"] += next(self._frontend)
        return batch

    def infer(self, inputs):
        self._clock["now"] += next(self._inference)
        return inputs


def test_the_arithmetic_on_a_clock_that_the_test_turns(spotter):
    """Warm-up rounds must not count; percentiles are numpy's; the saving is of the medians."""
    clock = {"now": 0}

    def ticking():
        clock["now"] += 1000  # so that the reference workload takes 1 us, and each stage 1 us more
        return clock["now"]

    frontend = itertools.chain(
        [10**9] * 3, itertools.cycle([999_000, 1_999_000, 2_999_000, 8_999_000])
    )
    ours = Timed(spotter, clock, frontend, itertools.repeat(499_000))
    theirs = Timed(spotter, clock, itertools.repeat(7_999_000), itertools.repeat(1_999_000))
    result = measure_latency(
        {
            "ours": BenchmarkCase(pipeline=ours, example=CLIP),
            "theirs": BenchmarkCase(pipeline=theirs, example=CLIP),
        },
        rounds=8,
        warm_up_rounds=3,
        percentiles=True,
        clock=ticking,
    )
    mine = result["ours"]
    assert mine.total_percentiles_ms[0] == 1.5
    assert mine.total_percentiles_ms[-1] == 9.5
    assert result["theirs"].total_percentiles_ms == (10.0,) * 100
    assert (mine.frontend_ms, mine.inference_ms, mine.total_ms) == (2.5, 0.5, 3.0)
    assert (mine.frontend_p25_ms, mine.total_p25_ms) == (1.75, 2.25)
    assert mine.reference_p25_ms == 0.001
    assert mine.total_over_reference == pytest.approx(2250)
    assert result["theirs"].total_ms == 10.0
    assert saving_percent(result["theirs"], mine) == pytest.approx(70.0)
    assert saving_percent(mine, mine) == 0.0


def test_too_few_rounds_are_an_error():
    with pytest.raises(DataError, match="at least 4 rounds"):
        measure_latency({}, rounds=3)


def test_the_arena_is_measured_by_micro(speech_model):
    pytest.importorskip("tflite_micro")
    ram = measure_ram(ModelFile(data=speech_model))
    assert ram.method == MEASURED
    assert ram.arena_bytes == arena_bytes(ModelFile(data=speech_model))
    assert ram.arena_bytes > ram.activation_bytes
    assert ram.facts == {"ram.arena_bytes": ram.arena_bytes}


def test_a_lower_bound_alone_is_no_fact(speech_model, monkeypatch):
    """None in ``sys.modules`` is how the import system says that a module is not there."""
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    ram = measure_ram(ModelFile(data=speech_model))
    assert ram.arena_bytes is None
    assert ram.facts == {}
    assert "motefit[micro]" in ram.method
    assert ram.activation_bytes > 0


def test_damaged_bytes_have_no_memory(speech_model):
    with pytest.raises(ModelFileError):
        measure_ram(ModelFile(data=speech_model[:100]))


def test_more_rounds_are_timed_until_the_medians_settle(spotter):
    """Every second time is ten times the other at first, and never after the 40th round."""
    clock = {"now": 0}

    def ticking():
        clock["now"] += 1000
        return clock["now"]

    def rounds(disturbed, **options):
        frontend = itertools.chain(
            itertools.islice(itertools.cycle([1_000_000, 10_000_000]), disturbed),
            itertools.repeat(1_000_000),
        )
        pipeline = Timed(spotter, clock, frontend, itertools.repeat(1_000_000))
        benchmark_case = BenchmarkCase(pipeline=pipeline, example=CLIP)
        options = {"rounds": 20, "warm_up_rounds": 0, "clock": ticking, **options}
        return measure_latency({"a": benchmark_case}, **options)["a"].rounds

    assert rounds(0, most_rounds=200) == 20
    assert rounds(20, most_rounds=200) == 40  # the median of 40 is a quick one
    assert rounds(10**6, most_rounds=200) == 200
    assert rounds(10**6, most_rounds=50) == 50
    assert rounds(10**6) == 20
