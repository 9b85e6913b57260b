"""Features of clips, batches and streams."""

import copy
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.signal.features import BLOCK_SAMPLES, Features, features_of
from motefit.spec.errors import DataError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd

# Streams call BLAS with other numbers of rows than clips do: sums in another order. Features of
# noise are within 10, so this is a few units of float32.
STREAM = 5e-5

MFCC = FrontEnd(rate_hz=8000, frame_length=320, frame_step=160, coefficients=8)
LOG_MEL = FrontEnd(seconds=0.5, frame_length=255, frame_step=300, mel_bins=20, coefficients=0)
SPECTROGRAM = FrontEnd(
    kind="spectrogram", seconds=0.25, frame_length=100, frame_step=33, mel_bins=0, coefficients=0,
    lower_hz=0.0, upper_hz=8000.0,
)  # fmt: skip
FRONT_ENDS = [MFCC, LOG_MEL, SPECTROGRAM]


def noise(samples: int, *, seed: int = 0, gain: float = 0.1) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(samples)
    return (gain * values).astype(np.float32)


@st.composite
def front_ends(draw: st.DrawFn) -> FrontEnd:
    rate = draw(st.sampled_from([4000, 8000, 11_025, 16_000, 44_100]))
    length = draw(st.integers(2, 700))
    kind = draw(st.sampled_from(FEATURE_KINDS.names()))
    mel_bins = draw(st.integers(1, 48)) if kind == "mel" else 0
    lower = draw(st.floats(0, 500))
    upper = (
        draw(st.floats(lower + rate / length, rate / 2))
        if lower + rate / length < rate / 2
        else rate / 2
    )
    return FrontEnd(
        kind=kind,
        rate_hz=rate,
        seconds=draw(st.floats(700 / rate, 0.3)),
        frame_length=length,
        frame_step=draw(st.integers(max(length // 8, 1), 700)),
        mel_bins=mel_bins,
        lower_hz=lower,
        upper_hz=upper,
        coefficients=draw(st.integers(0, mel_bins)),
    )


@given(frontend=front_ends(), data=st.data())
def test_any_front_end_gives_its_shape_and_streams_what_it_batches(
    frontend: FrontEnd, data: st.DataObject
) -> None:
    features = Features(frontend)
    pcm = noise(frontend.clip_samples, seed=data.draw(st.integers(0, 99)))
    whole = features.clip(pcm)
    assert whole.shape == frontend.shape
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm)), max_size=12)))
    stream = features.stream()
    pieces = [stream.push(part) for part in np.split(pcm, cuts)]
    scale = max(float(np.abs(whole).max()), 1.0)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=STREAM * scale)


@pytest.mark.parametrize("frontend", FRONT_ENDS)
@pytest.mark.parametrize("chunk", [1, 7, 160, 1000, 100_000])
def test_stream_over_a_long_signal_in_equal_chunks(frontend: FrontEnd, chunk: int) -> None:
    features = features_of(frontend)
    pcm = noise(6 * 1000 + 123)
    stream = features.stream()
    pieces = [stream.push(pcm[i : i + chunk]) for i in range(0, len(pcm), chunk)]
    whole = features.whole(pcm)
    assert len(whole) == (len(pcm) - frontend.frame_length) // frontend.frame_step + 1
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=STREAM)
    stream.reset()
    np.testing.assert_allclose(stream.push(pcm), whole, rtol=0, atol=STREAM)


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_a_signal_longer_than_the_work_memory_is_computed_in_blocks(frontend: FrontEnd) -> None:
    """Its frames are those of its parts, on both sides of the limit and in a last partial block."""
    features = features_of(frontend)
    rows, step = features._spectrum.rows, frontend.frame_step
    assert max(rows, frontend.frames) * frontend.frame_length > BLOCK_SAMPLES // 2
    pcm = noise((2 * rows + 3) * step + frontend.frame_length)
    whole = features.whole(pcm)
    assert whole.shape == (2 * rows + 4, frontend.features)
    for first, count in ((0, rows), (0, rows + 1), (rows, rows), (2 * rows, 4)):
        samples = pcm[first * step : (first + count - 1) * step + frontend.frame_length]
        part = features.whole(samples)
        np.testing.assert_allclose(part, whole[first : first + count], rtol=0, atol=STREAM)


def test_stream_keeps_constant_memory_and_survives_a_bad_chunk() -> None:
    features = features_of(MFCC)
    stream, other = features.stream(), features.stream()
    chunk = noise(333)
    for _ in range(20):
        stream.push(chunk)
        other.push(chunk)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(200):
        stream.push(chunk)
        other.push(chunk)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept = 200 * 2 * chunk.nbytes  # what a stream that keeps its chunks would hold
    assert after - before < kept / 20
    with pytest.raises(DataError, match="NaN"):
        stream.push(np.full(50, np.nan, np.float32))
    np.testing.assert_array_equal(stream.push(chunk), other.push(chunk))


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_batch_equals_clip_bit_for_bit(frontend: FrontEnd) -> None:
    features = features_of(frontend)
    pcm = noise(5 * frontend.clip_samples).reshape(5, -1)
    batch = features.batch(pcm)
    np.testing.assert_array_equal(batch, np.stack([features.clip(row) for row in pcm]))
    assert features.batch(pcm[:0]).shape == (0, *frontend.shape)


def test_short_clips_are_padded_at_the_end_and_long_ones_cropped() -> None:
    features = features_of(MFCC)
    pcm = noise(MFCC.clip_samples)
    short = pcm.copy()
    short[5000:] = 0
    features.clip(pcm)  # nothing of it may be left in the padding of the next
    np.testing.assert_array_equal(features.clip(pcm[:5000]), features.clip(short))
    np.testing.assert_array_equal(features.batch(pcm[None, :5000])[0], features.clip(short))
    longer = np.concatenate((pcm, noise(999, seed=1)))
    np.testing.assert_array_equal(features.clip(longer), features.clip(pcm))


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_silent_and_empty_clips_are_finite_and_equal(frontend: FrontEnd) -> None:
    features = features_of(frontend)
    silent = features.clip(np.zeros(frontend.clip_samples, np.int16))
    assert np.isfinite(silent).all()
    np.testing.assert_array_equal(silent, features.clip(np.zeros(0, np.float32)))
    np.testing.assert_array_equal(silent, np.tile(silent[0], (len(silent), 1)))


def test_silence_is_the_logarithm_of_the_offset() -> None:
    silent = features_of(LOG_MEL).clip(np.zeros(10, np.float32))
    np.testing.assert_allclose(silent, np.log(1e-6), rtol=1e-6)


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_int16_extremes(frontend: FrontEnd) -> None:
    features = features_of(frontend)
    square = np.where(np.arange(frontend.clip_samples) // 40 % 2, -32768, 32767).astype(np.int16)
    scaled = (square / 32768).astype(np.float32)
    assert scaled.min() == -1
    result = features.clip(square)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, features.clip(scaled))


def test_any_strides_of_input() -> None:
    features = features_of(MFCC)
    stereo = noise(2 * MFCC.clip_samples).reshape(-1, 2)
    left = stereo[:, 0]
    np.testing.assert_array_equal(features.clip(left), features.clip(left.copy()))
    np.testing.assert_array_equal(features.batch(stereo.T)[0], features.clip(left.copy()))
    np.testing.assert_array_equal(features.whole(left), features.whole(left.copy()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e25, -2e4])
def test_samples_that_are_no_numbers_are_refused(bad: float) -> None:
    features = features_of(MFCC)
    pcm = noise(MFCC.clip_samples)
    pcm[77] = bad
    with pytest.raises(DataError, match=r"must be finite.*8000 samples [01] are NaN.*32768"):
        features.clip(pcm)
    with pytest.raises(DataError, match="must be finite"):
        features.batch(pcm[None])


@pytest.mark.parametrize(
    ("pcm", "words"),
    [
        (np.zeros((10, 2), np.float32), r"\(samples,\).*\(10, 2\).*stereo"),
        (np.zeros(10), "float64.*astype"),
        (np.zeros(10, np.int32), "int32"),
        (np.zeros(10, ">i2"), ">i2|int16"),
        ([0.0, 1.0], "list"),
        (np.float32(1.0), "float32"),
    ],
)
def test_wrong_types_are_refused_in_words(pcm: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        features_of(MFCC).clip(pcm)


def test_batch_wants_two_dimensions() -> None:
    with pytest.raises(DataError, match=r"\(clips, samples\).*\(8000,\)"):
        features_of(MFCC).batch(noise(8000))
    with pytest.raises(DataError, match="float64"):
        features_of(MFCC).batch(np.zeros((0, 8000)))


def test_results_are_not_overwritten_by_later_calls() -> None:
    for frontend in FRONT_ENDS:
        features = features_of(frontend)
        first = features.clip(noise(frontend.clip_samples))
        kept = first.copy()
        features.clip(noise(frontend.clip_samples, seed=1))
        np.testing.assert_array_equal(first, kept)


def test_threads_may_share_it_and_processes_may_copy_it() -> None:
    features = features_of(MFCC)
    clips = [noise(MFCC.clip_samples, seed=seed) for seed in range(64)]
    expected = [features.clip(clip) for clip in clips]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(features.clip, clips), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    copied = copy.deepcopy(features)  # by way of __reduce__, as multiprocessing does
    np.testing.assert_array_equal(copied.clip(clips[0]), expected[0])


def test_one_clip_allocates_no_work_arrays() -> None:
    """A work array a call, or numpy's float64 transform, would cost more than the transform."""
    frontend = FrontEnd()
    features = features_of(frontend)
    pcm = noise(frontend.clip_samples)
    features.clip(pcm)
    tracemalloc.start()
    features.clip(pcm)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * frontend.frames * frontend.frame_length
