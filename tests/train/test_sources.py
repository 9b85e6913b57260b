"""Data sets as sources: shapes, units, caching, augmentation."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.series import SeriesDataset, load_series
from motefit.data.speech import Clips, SpeechDataset, load_speech
from motefit.data.windows import Windows
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.runtime import Forecaster
from motefit.signal.features import Features
from motefit.spec.augment import AugmentSpec
from motefit.spec.errors import DataError, OutputError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import TrainSpec
from motefit.spec.tasks.series_spec import SeriesData, SeriesIO
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.tflite.write.write import write
from motefit.train.loop import train
from motefit.train.series_source import SeriesSource
from motefit.train.speech_source import SpeechSource
from motefit.train.standardize import feature_normalization, normalized

FRONT_END = FrontEnd(
    rate_hz=8000, seconds=0.4, frame_length=256, frame_step=128, mel_bins=16, coefficients=8
)
SAMPLES = FRONT_END.clip_samples
LINEAR = write(
    fold(
        build(
            "linear",
            {},
            problem=Problem(input_shape=(4, 2), outputs=3, naive=(7, 7, 7)),
            rng=np.random.default_rng(0),
        )
    )
)


def io_of(dataset: SeriesDataset) -> SeriesIO:
    """Standardized rows in, standardized values out."""
    return SeriesIO(
        inputs=dataset.inputs,
        targets=dataset.targets,
        input_steps=dataset.input_steps,
        output_steps=dataset.output_steps,
        step_minutes=dataset.step_minutes,
        normalization=dataset.normalization,
    )


def tones(n: int, seed: int) -> Clips:
    """Clips of two "words": a low and a high tone, each of a pitch and phase of its own."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    hz = np.where(label == 0, rng.uniform(200, 500, n), rng.uniform(1200, 2500, n))
    time = np.arange(SAMPLES) / FRONT_END.rate_hz
    sound = np.sin(2 * np.pi * (hz[:, None] * time + rng.random((n, 1))))
    return Clips(
        pcm=(8000 * sound * rng.uniform(0.1, 1, (n, 1))).astype(np.int16),
        label=label.astype(np.int64),
        ids=tuple(f"{seed}/{i}" for i in range(n)),
        speakers=tuple(str(i) for i in range(n)),
        lengths=np.full(n, SAMPLES),
        digests=tuple(f"{seed}-{i}" for i in range(n)),
    )


@pytest.fixture(scope="module")
def speech() -> SpeechDataset:
    return SpeechDataset(
        labels=("high", "low"),
        rate_hz=8000,
        train=tones(80, 0),
        validation=tones(20, 1),
        test=tones(20, 2),
        noise=np.zeros(0, np.int16),
        key="tones",
    )


@pytest.fixture
def series(tmp_path: Path) -> SeriesDataset:
    rng = np.random.default_rng(0)
    minutes = np.arange(600) * 10
    times = np.datetime64("2020-01-01T00:00") + minutes.astype("timedelta64[m]")
    warm = 10 + 8 * np.sin(minutes / 229) + rng.normal(0, 0.1, 600)
    damp = 60 - 300 * np.sin(minutes / 229) + rng.normal(0, 3, 600)
    rows = [f"{t},{a:.3f},{b:.3f}" for t, a, b in zip(times, warm, damp, strict=True)]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["when,warm,damp", *rows]) + "\n")
    data = SeriesData(
        time="when", time_format="", inputs=("warm", "damp"), targets=("damp",), output_steps=3
    )
    return load_series(path, data)


def test_speech_features_are_normalized_by_the_training_part(
    speech: SpeechDataset, tmp_path: Path
) -> None:
    source = SpeechSource(speech, FRONT_END, cache=tmp_path)
    x, y = source.epoch(0, rng=np.random.default_rng(0))
    assert x.shape == (80, *FRONT_END.shape)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(y, speech.train.label)
    np.testing.assert_allclose(x.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(x.std((0, 1)), 1, atol=1e-4)
    raw = Features(FRONT_END).batch(speech.validation.pcm)
    inside, labels = source.validation()
    np.testing.assert_array_equal(inside, normalized(raw, source.normalization))
    np.testing.assert_array_equal(labels, speech.validation.label)
    raw = Features(FRONT_END).batch(speech.test.pcm)
    np.testing.assert_array_equal(source.features("test"), raw)


def test_clean_features_are_computed_once_and_shared(
    speech: SpeechDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SpeechSource(speech, FRONT_END, cache=tmp_path)
    before = first.subset("train")[0]
    files = sorted((tmp_path / "features").iterdir())
    assert len(files) == 1

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    with monkeypatch.context() as patched:
        patched.setattr(Features, "batch", refuse)
        np.testing.assert_array_equal(
            SpeechSource(speech, FRONT_END, cache=tmp_path).subset("train")[0], before
        )
    files[0].write_bytes(files[0].read_bytes()[:1000])
    again = SpeechSource(speech, FRONT_END, cache=tmp_path)
    np.testing.assert_array_equal(again.subset("train")[0], before)


def test_other_clips_or_settings_have_features_of_their_own(
    speech: SpeechDataset, tmp_path: Path
) -> None:
    sources = [
        SpeechSource(speech, FRONT_END, cache=tmp_path),
        SpeechSource(replace(speech, key="others"), FRONT_END, cache=tmp_path),
        SpeechSource(speech, replace(FRONT_END, coefficients=4), cache=tmp_path),
        SpeechSource(speech, FRONT_END, augment=AugmentSpec(gain_db=1), cache=tmp_path),
    ]
    assert len(list((tmp_path / "features").iterdir())) == 3
    assert len({source.key for source in sources}) == 4


def test_augmentation_is_new_in_every_epoch_and_seeded(
    speech: SpeechDataset, tmp_path: Path
) -> None:
    augment = AugmentSpec(shift_ms=50, gain_db=3, noise_probability=0.5, time_masks=1)
    source = SpeechSource(speech, FRONT_END, augment=augment, cache=tmp_path)
    draws = [source.epoch(0, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert np.isfinite(draws[0]).all()
    assert (draws[0] == 0).all(axis=2).any()
    clean = SpeechSource(speech, FRONT_END, cache=tmp_path)
    np.testing.assert_array_equal(source.validation()[0], clean.validation()[0])
    assert source.normalization == clean.normalization


def test_a_network_learns_words_from_a_source(speech: SpeechDataset, tmp_path: Path) -> None:
    augment = AugmentSpec(shift_ms=20, gain_db=3, noise_probability=0.3, frequency_masks=1)
    source = SpeechSource(speech, FRONT_END, augment=augment, cache=tmp_path)
    problem = Problem(input_shape=FRONT_END.shape, outputs=2)
    graph = build("dscnn", {"width": 6}, problem=problem, rng=np.random.default_rng(0))
    settings = TrainSpec(epochs=6, batch_size=10, learning_rate=0.02)
    trained = train(graph, source, settings, loss="cross-entropy")
    assert trained.history[trained.best_epoch].score >= 0.95


def test_clips_of_another_rate_are_refused(speech: SpeechDataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"8000 Hz .* 16000 Hz; load the clips"):
        SpeechSource(speech, FrontEnd(), cache=tmp_path)


def test_a_cache_that_cannot_be_written_is_an_error(speech: SpeechDataset, tmp_path: Path) -> None:
    (tmp_path / "features").write_text("in the way")
    with pytest.raises(OutputError, match="MOTEFIT_CACHE"):
        SpeechSource(speech, FRONT_END, cache=tmp_path)


@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4)),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e3, 1e3),
)
def test_feature_normalization_is_mean_and_deviation(seed, shape, scale, offset) -> None:
    features = np.random.default_rng(seed).normal(offset, scale, shape).astype(np.float32)
    found = feature_normalization(features)
    rows = features.reshape(-1, shape[-1]).astype(np.float64)
    np.testing.assert_allclose(found.mean, rows.mean(0), rtol=1e-6, atol=1e-9)
    std = rows.std(0)
    clear = std > 1e-5 * np.maximum(1, np.abs(offset))
    np.testing.assert_allclose(np.array(found.std)[clear], std[clear], rtol=1e-5)


def test_a_constant_feature_has_the_deviation_1() -> None:
    found = feature_normalization(np.full((4, 3, 2), -13.8155, np.float32))
    assert found.std == (1.0, 1.0)


def test_series_targets_are_standardized_by_their_own_column(series: SeriesDataset) -> None:
    source = SeriesSource(series, io_of(series))
    x, y = source.epoch(0, rng=np.random.default_rng(0))
    n = len(series.train)
    assert x.shape == (n, 6, 2)
    assert y.shape == (n, 3)
    back = y.reshape(n, 3, 1) * series.normalization.std[1] + series.normalization.mean[1]
    np.testing.assert_allclose(back, series.train.targets, rtol=1e-5, atol=1e-4)
    # The last input row and the first target row of the next window are the same measurement.
    np.testing.assert_array_equal(x[1:, -1, 1], y[:-1, 0])


@given(
    seed=st.integers(0, 2**31),
    offset=st.sampled_from([0.0, -40.0, 1e5, 2e7, -3e9, 1e12]),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_training_and_runtime_standardize_alike_to_the_last_bit(seed, offset, scale) -> None:
    rng = np.random.default_rng(seed)
    rows = offset + scale * rng.standard_normal((30, 2)).cumsum(axis=0)
    windows = Windows(
        rows=rows,
        filled=np.zeros(rows.shape, np.bool_),
        first=np.arange(23),
        input_steps=4,
        output_steps=3,
        input_columns=2,
        target_columns=(1,),
        times=np.arange(23).astype("datetime64[s]"),
        left_out={},
    )
    means = Normalization(mean=tuple(rows.mean(axis=0)), std=tuple(rows.std(axis=0)))
    dataset = SeriesDataset(
        inputs=("a", "b"), targets=("b",), input_steps=4, output_steps=3, step_minutes=1.0,
        train=windows, validation=windows, test=windows, normalization=means, ranges=(),
        missing="gap", rows=30, subset_rows=(30, 30, 30), runs=1, gaps=0, missing_rows=0,
        filled_values=0, repeated_rows=0, key="rows",
    )  # fmt: skip
    trained, targets = SeriesSource(dataset, io_of(dataset)).subset("train")
    shipped = Forecaster(LINEAR, io_of(dataset))
    assert trained.dtype == targets.dtype == np.float32
    np.testing.assert_array_equal(trained, shipped.inputs(windows.inputs))
    # nothing is rounded before the mean is taken off
    np.testing.assert_allclose(trained, (windows.inputs - means.mean) / means.std, atol=1e-6)
    back = targets.reshape(-1, 3, 1).astype(np.float64) * means.std[1] + means.mean[1]
    np.testing.assert_allclose(back, windows.targets, rtol=0, atol=1e-6 * np.ptp(rows))


def test_a_network_learns_a_series(series: SeriesDataset) -> None:
    source = SeriesSource(series, io_of(series))
    problem = Problem(input_shape=(6, 2), outputs=3, naive=(11, 11, 11))
    graph = build("linear", {}, problem=problem, rng=np.random.default_rng(0))
    settings = TrainSpec(epochs=20, batch_size=32, learning_rate=0.02)
    trained = train(graph, source, settings, loss="mae")
    x, y = source.validation()
    naive = np.abs(x[:, -1, 1:] - y).mean()
    assert -trained.history[trained.best_epoch].score < 0.9 * naive


def test_without_torch_the_import_names_the_extra() -> None:
    code = """
import sys
sys.modules["torch"] = None  # as if it were not installed
try:
    import motefit.train
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MissingExtraError training needs the package 'torch'")
    assert "pip install 'motefit[train]'" in done.stdout


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.data
def test_real_words_become_features(real_data: Path, tmp_path: Path) -> None:
    data = SpeechData(words=("up", "down"), split="published")
    dataset = load_speech(real_data / "speech", data, rate_hz=16_000, seconds=1.0)
    source = SpeechSource(
        dataset, FrontEnd(), augment=AugmentSpec(noise_probability=1.0), cache=tmp_path
    )
    x, y = source.epoch(0, rng=np.random.default_rng(0))
    assert x.shape == (len(dataset.train), 49, 10)
    assert np.isfinite(x).all()
    assert set(y) == {0, 1}
