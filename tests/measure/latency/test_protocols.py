"""The published protocols, step by step; no test looks at an absolute time."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motefit.measure.latency.paired import BenchmarkCase, measure_latency
from motefit.measure.latency.protocols import (
    Bilinear,
    Latency2020,
    Latency2024,
    ScriptedPipeline,
    measure_2020,
    measure_2024,
    scripted_inputs,
)
from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.tflite.write.write import write

FRONTEND = FrontEnd()
SPECTRUM = FrontEnd(kind="spectrogram", mel_bins=0, coefficients=0, lower_hz=0.0, upper_hz=8000.0)
# tf.image.resize(np.arange(12).reshape(1, 3, 4, 1) ** 2 / 7, (2, 3)), TensorFlow 2.20
TENSORFLOW = [[0.642857194, 1.35714293, 2.5476191], [7.7857151, 10.7857141, 14.2619057]]
sides = st.integers(1, 40)


class Stage:
    """A front end and a model whose steps take known times on a clock that the test turns."""

    def __init__(self, interpreter, *, frontend_ns, put_ns, invoke_ns, take_ns):
        self.now, self.heard = 0, []
        self._interpreter = interpreter
        self._times = frontend_ns, put_ns, invoke_ns, take_ns

    def clock(self):
        return self.now

    def _pass(self, step):
        self.now += next(self._times[step])

    def inputs(self, pcm):
        self.heard.append(pcm)
        self._pass(0)
        return np.zeros((1, *self._interpreter.input_shape), np.float32)

    def to_input(self, values):
        return self._interpreter.to_input(values)

    def put(self, example):
        self._interpreter.put(example)
        self._pass(1)

    def invoke(self):
        self._interpreter.invoke()
        self._pass(2)

    def take(self):
        self._pass(3)
        return self._interpreter.take()


@pytest.fixture
def staged(speech_model):
    """Steps of 8, 4, 2 and 1 ms; ``slow_until`` loops take ten times as long."""

    def make(*, slow_until=0):
        def times(ms):
            slow = itertools.repeat(ms * 10_000_000, slow_until)
            return itertools.chain(slow, itertools.repeat(ms * 1_000_000))

        return Stage(
            Interpreter(speech_model),
            frontend_ns=times(8), put_ns=times(4), invoke_ns=times(2), take_ns=times(1),
        )  # fmt: skip

    return make


def measured_2020(stage, frontend=FRONTEND):
    rng = np.random.default_rng(0)
    return measure_2020(stage.inputs, stage, frontend, rng=rng, pause_s=0, clock=stage.clock)


def test_2020_counts_input_and_front_end_in_the_total_alone(staged):
    found = measured_2020(staged())
    assert found == Latency2020(inference_ms=3.0, total_ms=15.0, loops=100, pause_s=0)
    assert found.lines == ("Inference Latency 3.00ms", "Total Latency 15.00ms")


def test_2020_is_a_mean_of_all_loops(staged):
    assert measured_2020(staged(slow_until=50)).inference_ms == pytest.approx(5.5 * 3.0)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 11_025])
def test_2020_hears_new_uniform_noise_resampled_from_48_khz(staged, rate_hz):
    stage = staged()
    measured_2020(stage, FrontEnd(rate_hz=rate_hz))
    assert {pcm.shape for pcm in stage.heard} == {(1, rate_hz)}
    assert len({pcm.tobytes() for pcm in stage.heard}) == len(stage.heard) == 100
    assert np.concatenate(stage.heard).mean() == pytest.approx(0.5, abs=0.01)


def test_2020_without_a_model_times_the_front_end(staged):
    stage = staged()
    rng = np.random.default_rng(0)
    found = measure_2020(stage.inputs, None, FRONTEND, rng=rng, pause_s=0, clock=stage.clock)
    assert (found.inference_ms, found.total_ms) == (0.0, 8.0)


def measured_2024(stage):
    rng = np.random.default_rng(0)
    return measure_2024(stage.inputs, stage, FRONTEND, rng=rng, pause_s=0, clock=stage.clock)


def test_2024_counts_the_input_with_the_model_and_leaves_the_output_out(staged):
    found = measured_2024(staged(slow_until=100))
    assert found == Latency2024(
        frontend_ms=8.0, frontend_std_ms=0.0, inference_ms=6.0, inference_std_ms=0.0,
        total_ms=14.0, total_std_ms=0.0, loops=100, pause_s=0,
    )  # fmt: skip
    assert found.lines == (
        "Preprocessing Latency: 8.0 +/- 0.0ms",
        "Model Latency: 6.0 +/- 0.0ms",
        "Total Latency: 14.0 +/- 0.0ms",
    )


def test_2024_is_the_median_and_deviation_of_the_second_hundred(staged):
    found = measured_2024(staged(slow_until=140))
    assert found.frontend_ms == 8.0
    assert found.frontend_std_ms == pytest.approx(72 * np.sqrt(0.4 * 0.6))


def test_2024_hears_the_same_normal_noise_each_time(staged):
    stage = staged()
    measured_2024(stage)
    assert len(stage.heard) == 200
    assert {pcm.tobytes() for pcm in stage.heard} == {stage.heard[0].tobytes()}
    assert stage.heard[0].shape == (1, 16_000)
    assert stage.heard[0].std() == pytest.approx(1 / 32767, rel=0.05)


@pytest.mark.parametrize("pause_s", [-0.1, float("nan"), float("inf")])
@pytest.mark.parametrize("measure", [measure_2020, measure_2024])
def test_a_pause_is_no_less_than_nothing(staged, measure, pause_s):
    stage, rng = staged(), np.random.default_rng(0)
    with pytest.raises(DataError, match="pause must be 0 s or more"):
        measure(stage.inputs, stage, FRONTEND, rng=rng, pause_s=pause_s)


@pytest.mark.proof  # times of one run beside others of the same: for a machine with nothing to do
def test_the_protocols_agree_with_the_paired_one(make_graph):
    """A model of some milliseconds, so that what the protocols leave out is small beside it."""
    model = write(make_graph("dscnn", FRONTEND.shape, 3, width=128, blocks=4))
    chain = ScriptedPipeline(FRONTEND, Interpreter(model))
    noise = np.random.default_rng(0).normal(0, 1000, (1, 16_000)).astype(np.int16)
    subjects = {"model": BenchmarkCase(pipeline=chain, example=noise)}
    paired = measure_latency(subjects, rounds=40)["model"]
    arguments = chain.inputs, chain.interpreter, FRONTEND
    rng = np.random.default_rng(0)
    old = measure_2020(*arguments, rng=rng, pause_s=0)
    new = measure_2024(*arguments, rng=rng, pause_s=0)
    for found in (old.inference_ms, new.inference_ms):
        assert 1 / 4 < found / paired.inference_ms < 4
    assert 1 / 4 < new.total_ms / paired.total_ms < 4
    assert old.total_ms > old.inference_ms


def test_resizing_gives_tensorflows_numbers():
    images = (np.arange(12, dtype=np.float32) ** 2 / 7).reshape(1, 3, 4)
    assert np.array_equal(Bilinear((3, 4), (2, 3))(images)[0], np.float32(TENSORFLOW))


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), seed=st.integers(0, 9))
def test_resizing_equals_torchs_for_any_sizes(old, new, seed):
    images = np.random.default_rng(seed).standard_normal((2, *old)).astype(np.float32)
    found = Bilinear(old, new)(images)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(images)[:, None], size=new, mode="bilinear", align_corners=False
    )
    assert found.dtype == np.float32
    assert found.shape == (2, *new)
    np.testing.assert_allclose(found, wanted[:, 0].numpy(), atol=2e-5)


def test_the_scripts_image_is_the_magnitude_of_all_bins(make_graph):
    pcm = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)
    spectrum = scripted_inputs(SPECTRUM)(pcm)
    assert spectrum.shape == (1, 49, 321)
    image = scripted_inputs(SPECTRUM, resize=32)(pcm)
    assert np.array_equal(image, Bilinear((49, 321), (32, 32))(spectrum))
    model = write(make_graph("dscnn", (32, 32), 3, width=8, blocks=1))
    chain = ScriptedPipeline(SPECTRUM, Interpreter(model), resize=32)
    assert chain.infer(chain.inputs(pcm)).shape == (1, 3)


def test_a_front_end_of_another_size_is_refused(speech_model):
    with pytest.raises(ModelFileError, match=r"takes \(49, 10, 1\).*makes \(32, 32\).*--mfcc"):
        ScriptedPipeline(SPECTRUM, Interpreter(speech_model), resize=32)
