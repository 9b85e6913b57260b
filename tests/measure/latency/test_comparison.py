"""Models timed against each other, what makes them slow, and the machine's state."""

import dataclasses

import numpy as np
import pytest

from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range
from motefit.measure.latency.bench_report import BenchResult, ModelTimes, find_pitfalls
from motefit.measure.latency.comparison import BenchmarkEntry, bench
from motefit.measure.latency.paired import BenchmarkCase, Latency
from motefit.measure.machine import Machine, this_machine
from motefit.runtime import KeywordSpotter
from motefit.runtime.bundle import sha256
from motefit.spec.codec import decode, encode
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

CLIP = np.zeros((1, 16_000), np.int16)


@pytest.fixture(scope="module")
def forms(make_graph):
    """One network as float32, int8, int8 without scales of its biases, and dynamic range."""
    graph = make_graph("dscnn", (49, 10), 3, width=8, blocks=1)
    examples = np.random.default_rng(1).standard_normal((8, 49, 10, 1)).astype(np.float32)
    whole = quantize(graph, calibrate(graph, examples))
    return {
        "float32": write(graph),
        "int8": write(whole),
        "no-scales": write(whole, bias_quantization="none"),
        "dynamic-range": write(dynamic_range(graph)),
    }


def latency(inference_ms, *, threads=1, resolver="xnnpack"):
    return Latency(
        frontend_ms=0.1, inference_ms=inference_ms, total_ms=inference_ms + 0.1,
        frontend_p25_ms=0.1, inference_p25_ms=inference_ms, total_p25_ms=inference_ms + 0.1,
        reference_p25_ms=0.1, total_over_reference=10 * inference_ms + 1,
        rounds=200, threads=threads, resolver=resolver,
    )  # fmt: skip


def times(name, precision, *, xnnpack=1.0, builtin=2.0, one=None, many=None):
    return ModelTimes(
        name=name,
        model_sha256="",
        tflite_bytes=1,
        precision=precision,
        has_frontend=True,
        xnnpack=latency(xnnpack),
        builtin=latency(builtin, resolver="builtin"),
        one_thread=None if one is None else latency(one),
        many_threads=None if many is None else latency(many, threads=4),
    )


def pitfalls(*pairs):
    files = [(ModelFile(data=model), times) for model, times in pairs]
    return {(pitfall.model, pitfall.kind): pitfall.text for pitfall in find_pitfalls(files)}


def test_nothing_is_said_of_a_model_without_faults(forms):
    assert pitfalls((forms["int8"], times("a", "int8", one=1.0, many=0.5))) == {}


def test_four_threads_slower_than_one(forms):
    found = pitfalls((forms["float32"], times("a", "float32", one=0.5, many=0.6)))
    assert set(found) == {("a", "threads")}
    assert "4 threads are slower than 1: 0.600 ms against 0.500 ms" in found["a", "threads"]


def test_what_differs_by_chance_is_no_trap(forms):
    model = times("a", "float32", xnnpack=1.04, builtin=1.0, one=1.0, many=1.04)
    assert pitfalls((forms["float32"], model)) == {}


def test_xnnpack_slower_than_builtin(forms):
    found = pitfalls((forms["int8"], times("a", "int8", xnnpack=1.2, builtin=1.0)))
    assert set(found) == {("a", "xnnpack-slower")}
    assert "1.200 ms against 1.000 ms" in found["a", "xnnpack-slower"]


def test_int8_is_compared_with_the_float_model_of_the_same_operations(forms, make_graph):
    slow, twin = times("slow", "int8", xnnpack=2.0), times("twin", "float32")
    found = pitfalls((forms["int8"], slow), (forms["float32"], twin))
    assert set(found) == {("slow", "int8-slower")}
    assert "float counterpart twin" in found["slow", "int8-slower"]
    other = write(make_graph("dscnn", (49, 10), 3, width=16, blocks=1))
    assert pitfalls((forms["int8"], slow), (other, twin)) == {}


def test_biases_without_scales_and_dynamic_range_are_seen_in_the_bytes(forms):
    found = pitfalls((forms["no-scales"], times("a", "int8")))
    assert set(found) == {("a", "bias-without-scale")}
    found = pitfalls((forms["dynamic-range"], times("a", "dynamic-range")))
    assert set(found) == {("a", "dynamic-range")}


def test_a_bench_times_every_model_with_both_kernels_and_several_threads(make_spotter, forms):
    io = make_spotter().io

    def entry(name):
        def benchmark_case(threads, kind):
            model = forms[name]
            spotter = KeywordSpotter(model, io, threads=threads, xnnpack=kind == "xnnpack")
            return BenchmarkCase(pipeline=spotter, example=CLIP)

        return BenchmarkEntry(
            name=name,
            model=ModelFile(data=forms[name]),
            benchmark_case=benchmark_case,
            has_frontend=True,
        )

    found = bench([entry("float32"), entry("int8")], threads=2, rounds=8)
    assert [(m.name, m.precision) for m in found.models] == [
        ("float32", "float32"), ("int8", "int8")
    ]  # fmt: skip
    for model in found.models:
        assert model.model_sha256 == sha256(forms[model.name])
        assert (model.xnnpack.resolver, model.builtin.resolver) == ("xnnpack", "builtin")
        rows = model.xnnpack, model.builtin, model.one_thread, model.many_threads
        assert [row.threads for row in rows] == [1, 1, 1, 2]
        assert min(row.inference_p25_ms for row in rows) > 0
    first, second = found.models
    assert first.xnnpack.reference_p25_ms == second.builtin.reference_p25_ms  # of one run
    assert decode(BenchResult, encode(found), where="answer") == found


def test_one_thread_alone_has_no_second_run(forms, make_spotter):
    benchmark_case = BenchmarkCase(pipeline=make_spotter(), example=CLIP)
    entry = BenchmarkEntry(
        name="a",
        model=ModelFile(data=forms["float32"]),
        benchmark_case=lambda *_: benchmark_case,
        has_frontend=True,
    )
    (model,) = bench([entry], threads=1, rounds=4).models
    assert (model.one_thread, model.many_threads) == (None, None)


def test_a_bench_without_models_is_the_machine_alone():
    found = bench([])
    assert (found.models, found.pitfalls) == ((), ())


@pytest.fixture
def board(tmp_path):
    """The files of a Raspberry Pi 4 as its kernel gives them."""
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": "processor\t: 0\nModel\t\t: Raspberry Pi 4\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/class/thermal/thermal_zone0/temp": "48211\n",
        "sys/class/thermal/thermal_zone1/temp": "garbage\n",
        **{
            f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor": "ondemand\n"
            for core in range(4)
        },
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_state_of_a_board_is_read_from_its_files(board):
    machine = this_machine(board)
    assert machine.processor == "Raspberry Pi 4 Model B Rev 1.4"
    assert (machine.governor, machine.frequency_mhz) == ("ondemand", 1500.0)
    assert machine.temperature_celsius == 48.211
    still = dataclasses.replace(machine, load=0.25)
    assert still.state == "governor ondemand, 1500 MHz, 48.2 degC, load 0.2"


def test_cores_of_different_governors_are_all_named(board):
    governor = board / "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor"
    governor.write_text("performance\n")
    assert this_machine(board).governor == "ondemand and performance"


def test_what_a_machine_does_not_tell_is_unknown(tmp_path):
    machine = this_machine(tmp_path)
    assert machine.governor == "unknown"
    assert (machine.frequency_mhz, machine.temperature_celsius) == (None, None)
    assert "frequency unknown, temperature unknown" in machine.state
    assert decode(Machine, encode(machine), where="machine") == machine


def test_this_machine_names_its_versions():
    machine = this_machine()
    assert machine.bits == 64
    for package in ("Python", "motefit", "numpy", "ai-edge-litert"):
        assert f"{package} " in machine.versions
    assert "unknown" not in machine.versions
    assert machine.cores >= 1
