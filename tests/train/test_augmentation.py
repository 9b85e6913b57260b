"""Augmentation does what its settings say, on any clip, and the same under a seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.augment import AugmentSpec
from motefit.spec.errors import DataError
from motefit.train.augmentation import (
    ROOMS,
    SPEEDS,
    Noise,
    Player,
    Rooms,
    augment_clips,
    augments_clips,
    generated_noise,
    mask_features,
)

RATE = 8000
ALL = AugmentSpec(
    speed_percent=10, shift_ms=100, gain_db=6, noise_probability=0.8, noise_snr_db=(0, 20),
    time_masks=2, time_mask_frames=8, frequency_masks=2, frequency_mask_bins=3,
)  # fmt: skip


def clips(seed: int, n: int = 6, samples: int = 1600) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.uniform(-1, 1, (n, samples)) * rng.uniform(100, 30000, (n, 1))).astype(np.int16)


def augmented(pcm: np.ndarray, seed: int = 0, noise: Noise | None = None, **knobs) -> np.ndarray:
    spec = AugmentSpec(**knobs)
    return augment_clips(pcm, spec, rate_hz=RATE, noise=noise, rng=np.random.default_rng(seed))


def bed(samples: int = 1600, recorded: np.ndarray | None = None) -> Noise:
    empty = np.zeros(0, np.int16)
    given_noise = empty if recorded is None else recorded
    return Noise(given_noise, samples, rng=np.random.default_rng(7))


@given(seed=st.integers(0, 2**31))
def test_all_zero_settings_leave_everything_as_it_is(seed: int) -> None:
    pcm = clips(seed)
    nothing = AugmentSpec()
    assert not augments_clips(nothing)
    out = augmented(pcm, seed)
    np.testing.assert_array_equal(out, pcm.astype(np.float32) / 32768)
    np.testing.assert_array_equal(augmented(out, seed), out)
    features = np.random.default_rng(seed).normal(size=(3, 9, 5)).astype(np.float32)
    rng = np.random.default_rng(seed)
    np.testing.assert_array_equal(mask_features(features, nothing, rng=rng), features)


@given(seed=st.integers(0, 2**31), low=st.floats(-10, 40), spread=st.floats(0, 10))
def test_the_signal_to_noise_ratio_is_met(seed: int, low: float, spread: float) -> None:
    pcm = clips(seed)
    out = augmented(
        pcm, seed, bed(), noise_probability=1.0, noise_snr_db=(low, low + spread)
    ).astype(np.float64)
    clean = pcm / 32768
    added = out - clean
    ratio = 10 * np.log10((clean**2).mean(1) / (added**2).mean(1))
    assert np.all(ratio > low - 0.1)
    assert np.all(ratio < low + spread + 0.1)


@given(seed=st.integers(0, 2**31), shift_ms=st.floats(0, 300))
def test_a_shift_moves_the_clip_and_fills_with_zeros(seed: int, shift_ms: float) -> None:
    quiet, middle = 800, 400
    pcm = np.zeros((4, 2 * quiet + middle), np.int16)
    pcm[:, quiet : quiet + middle] = clips(seed, 4, middle) | 1
    out = augmented(pcm, seed, shift_ms=min(shift_ms, 100))
    np.testing.assert_allclose((out**2).sum(1), ((pcm / 32768.0) ** 2).sum(1), rtol=1e-4)
    moved = (out != 0).argmax(1) - quiet
    assert np.all(np.abs(moved) <= round(min(shift_ms, 100) * RATE / 1000))
    for clip, line, by in zip(pcm, out, moved, strict=True):
        np.testing.assert_array_equal(np.roll(clip, by) / np.float32(32768), line)
    wide = augmented(pcm, seed, shift_ms=10_000)
    assert wide.shape == pcm.shape
    assert np.isfinite(wide).all()


@given(seed=st.integers(0, 2**31), percent=st.floats(1, 30))
def test_speed_moves_what_is_heard_towards_or_away_from_the_middle(
    seed: int, percent: float
) -> None:
    pcm = np.zeros((30, 1001), np.int16)
    pcm[:, 500], pcm[:, 800] = 30_000, 20_000
    out = augmented(pcm, seed, speed_percent=percent)
    np.testing.assert_allclose(out[:, 500], 30_000 / 32768, rtol=1e-5)  # the middle stays
    late = 501 + out[:, 501:].argmax(1)
    speeds = 300 / (late - 500)
    assert np.all(np.abs(speeds - 1) <= percent / 100 + 0.01)
    assert np.ptp(late) > 0


def test_a_tone_changes_its_pitch_by_the_speed_and_the_middle_speed_changes_nothing() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)
    player = Player(RATE, most=0.2)
    for index, speed in ((0, 0.8), (SPEEDS - 1, 1.2)):
        heard = player.play(tone, speed=index)
        assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(100 * speed, abs=1)
        assert (np.abs(heard[: RATE // 20]).max() == 0) == (speed > 1)  # a fast word begins late
    same = player.play(tone, speed=SPEEDS // 2)
    np.testing.assert_allclose(same[:-1], tone[:-1], atol=1e-6)


def test_interpolation_is_linear_between_the_samples() -> None:
    ramp = np.arange(-300, 301).astype(np.int16)
    heard = Player(601, most=0.1).play(ramp, speed=0)
    np.testing.assert_allclose(heard, 0.9 * ramp, atol=1e-3)


def test_shifts_go_both_ways_and_use_their_range() -> None:
    pcm = np.zeros((500, 400), np.int16)
    pcm[:, 200] = 1000
    moved = augmented(pcm, shift_ms=5).argmax(1) - 200
    assert (moved.min(), moved.max()) == (-40, 40)


@given(seed=st.integers(0, 2**31), gain_db=st.floats(0.1, 30))
def test_gain_stays_in_its_range(seed: int, gain_db: float) -> None:
    pcm = clips(seed)
    out = augmented(pcm, seed, gain_db=gain_db)
    power = (out.astype(np.float64) ** 2).mean(1) / ((pcm / 32768) ** 2).mean(1)
    decibels = 10 * np.log10(power)
    assert np.all(np.abs(decibels) <= gain_db + 1e-3)
    assert np.ptp(decibels) > 0


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_silence_gives_no_nan_and_stays_silent(dtype: type) -> None:
    silent = np.zeros((5, 1600), dtype)
    knobs = {"shift_ms": 20, "gain_db": 6, "noise_probability": 1.0}
    assert not augmented(silent, 0, bed(), **knobs).any()
    mute = bed(recorded=np.zeros(4000, dtype))
    loud = clips(0)
    np.testing.assert_array_equal(
        augmented(loud, 0, mute, noise_probability=1.0), augmented(loud, 0)
    )


def test_recorded_noise_is_used_everywhere_and_a_short_one_is_repeated() -> None:
    ramp = np.arange(1, 4001).astype(np.float32)
    tone = np.full((300, 1600), 0.5, np.float32)
    spec = {"noise_probability": 1.0, "noise_snr_db": (20, 20)}
    added = augmented(tone, 0, bed(recorded=ramp), **spec) - tone
    begins = added[:, 0] / (added[:, -1] - added[:, 0]) * 1599
    assert begins.min() < 100
    assert begins.max() > 2300
    short = augmented(tone[:1], 0, bed(recorded=np.array([3, -3], np.int16)), **spec)
    np.testing.assert_allclose(np.abs(short - 0.5), 0.05, rtol=1e-4)


def test_the_share_of_noisy_clips_is_the_probability() -> None:
    pcm = np.tile(clips(0, 1, 100), (2000, 1))
    changed = augmented(pcm, 0, bed(100), noise_probability=0.3) != pcm / np.float32(32768)
    assert 0.27 < changed.any(1).mean() < 0.33


def test_generated_noise_is_white_then_pink() -> None:
    noise = generated_noise(1 << 16, rng=np.random.default_rng(0))
    for part, expected in zip(np.split(noise, 2), (0.0, -3.0), strict=True):
        power = np.abs(np.fft.rfft(part)) ** 2
        octaves = [power[2**k : 2 ** (k + 1)].mean() for k in range(6, 13)]
        slope = np.polyfit(range(7), 10 * np.log10(octaves), 1)[0]
        assert slope == pytest.approx(expected, abs=0.4)
        assert part.std() == pytest.approx(0.1, rel=0.01)


@given(
    seed=st.integers(0, 2**31),
    frames=st.integers(1, 30),
    bins=st.integers(1, 12),
    longest=st.integers(0, 40),
)
def test_masks_are_bounded_and_zero(seed: int, frames: int, bins: int, longest: int) -> None:
    ones = np.ones((8, frames, bins), np.float32)
    rng = np.random.default_rng(seed)
    in_time = mask_features(ones, AugmentSpec(time_masks=1, time_mask_frames=longest), rng=rng)
    spec = AugmentSpec(frequency_masks=1, frequency_mask_bins=longest)
    in_frequency = mask_features(ones, spec, rng=rng)
    assert ones.all()
    for out, axis in ((in_time, 1), (in_frequency, 2)):
        assert out.shape == ones.shape
        assert np.all((out == 0) | (out == 1))
        lines = out.take(0, axis=3 - axis)
        np.testing.assert_array_equal(out, np.expand_dims(lines, 3 - axis) * ones)
        hidden = (lines == 0).sum(1)
        assert hidden.max() <= min(longest, out.shape[axis] // 2)
        edges = np.abs(np.diff(np.pad(lines, ((0, 0), (1, 1)), constant_values=1), axis=1))
        assert np.all(edges.sum(1) <= 2)


def test_masks_reach_every_place_and_every_length() -> None:
    ones = np.ones((4000, 20, 6), np.float32)
    spec = AugmentSpec(time_masks=1, time_mask_frames=4)
    out = mask_features(ones, spec, rng=np.random.default_rng(0))[:, :, 0]
    assert set((out == 0).sum(1)) == {0, 1, 2, 3, 4}
    assert np.all((out == 0).any(0))


def test_a_room_adds_what_decays_and_keeps_the_power() -> None:
    rng = np.random.default_rng(0)
    rooms = Rooms(8000, rate_hz=8000, decay_s=(0.2, 0.2), rng=rng)
    click = np.zeros(8000, np.float32)
    click[100] = 1
    heard = np.array([rooms.reverberate(click, room=i) for i in range(ROOMS)])
    power = np.square(heard).mean(axis=0)
    assert np.all(power[:100] < 1e-10)
    assert power.sum() == pytest.approx(1, rel=1e-4)
    assert power[100] > 0.4
    early, late = power[110:310].mean(), power[1510:1710].mean()  # 1400 samples later
    assert 10 * np.log10(early / late) == pytest.approx(60 * 1400 / 1600, abs=1.5)


def test_the_share_of_clips_in_rooms_is_the_probability() -> None:
    pcm = clips(0, n=400)
    rooms = Rooms(1600, rate_hz=8000, decay_s=(0.1, 0.3), rng=np.random.default_rng(1))
    knobs = {"rate_hz": 8000, "noise": None, "rooms": rooms}
    spec = AugmentSpec(room_probability=0.25)
    out = augment_clips(pcm, spec, rng=np.random.default_rng(0), **knobs)
    changed = (np.abs(out - pcm / np.float32(32768)) > 1e-6).any(axis=1)
    assert 0.18 < changed.mean() < 0.32
    with pytest.raises(ValueError, match="rooms=Rooms"):
        augment_clips(pcm, spec, rate_hz=8000, noise=None, rng=np.random.default_rng(0))


def test_equal_seeds_are_equal_and_others_are_not() -> None:
    pcm = clips(1)
    runs = [
        augment_clips(pcm, ALL, rate_hz=RATE, noise=bed(), rng=np.random.default_rng(seed))
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="pass noise"):
        augmented(clips(0), noise_probability=0.5)
    with pytest.raises(DataError, match="float64"):
        augmented(np.zeros((2, 10)))
