"""Augmentation of audio and of features, in numpy: seeded, and fast enough for every epoch.

Clips are processed one by one: a clip's samples stay in the processor's cache, which takes half
the time of whole-array arithmetic on thousands of clips.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.signal.pcm import INT16_SCALE, require_samples
from motefit.spec.augment import AugmentSpec

Floats = NDArray[np.float32]

GENERATED_NOISE_CLIPS = 32
"""Length of generated noise, in clips: half white, half pink."""
SPEEDS = 21
"""Number of speeds to draw from; odd, so that the original speed is one of them."""
ROOMS = 64
"""Number of rooms to draw from."""
SILENT_POWER = 1e-12
"""Mean square (full scale 1) below which a clip or a piece of noise counts as silent: -120 dB."""


def augments_clips(spec: AugmentSpec) -> bool:
    """Return whether a setting changes the samples of clips."""
    return (
        spec.speed_percent > 0
        or spec.shift_ms > 0
        or spec.gain_db > 0
        or spec.noise_probability > 0
        or spec.room_probability > 0
    )


def augment_clips(
    pcm: np.ndarray,
    spec: AugmentSpec,
    *,
    rate_hz: int,
    noise: "Noise | None",
    rng: np.random.Generator,
    rooms: "Rooms | None" = None,
) -> Floats:
    """Apply random speed, shift, gain, room and background noise to every clip, in this order.

    A clip is played up to ``speed_percent`` faster or slower (Ko et al., "Audio augmentation for
    speech recognition", Interspeech 2015); it is shifted by up to ``shift_ms`` in either direction;
    zeros fill the gaps; its gain is uniform in decibels; with ``noise_probability`` a random piece
    of noise is added at a signal-to-noise ratio (mean powers over the whole clip, after shift and
    gain) uniform in decibels. No noise is added to a silent clip, which has no such ratio. Sums are
    not clipped.

    Args:
        pcm: (n, samples) int16, or float32 with full scale 1.0; not changed.
        spec: what to do; all zeros return the clips unchanged.
        rate_hz: of the samples.
        noise: to draw from; needed if ``noise_probability`` is positive.
        rng: the only source of randomness.
        rooms: to draw from; needed if ``room_probability`` is positive.

    Returns:
        float32 (n, samples), full scale 1.0.

    Raises:
        ValueError: if noise or rooms are needed but not given.
    """
    require_samples(pcm, dimensions=2)
    if spec.noise_probability > 0 and noise is None:
        raise ValueError("noise_probability is positive: pass noise=Noise(...)")
    out = np.empty(pcm.shape, np.float32)
    count, samples = len(pcm), pcm.shape[1]
    reach = min(round(spec.shift_ms * rate_hz / 1000), samples)
    shifts = rng.integers(-reach, reach, count, endpoint=True)
    decibels = rng.uniform(-spec.gain_db, spec.gain_db, count)
    gains = np.power(10.0, decibels / 20).astype(np.float32)
    if pcm.dtype == np.int16:
        gains *= INT16_SCALE
    noisy = np.less(rng.random(count), spec.noise_probability)
    ratios = rng.uniform(*spec.noise_snr_db, count)
    places = rng.random(count)
    player = None
    speeds = np.zeros(count, np.int64)
    if spec.speed_percent > 0:
        player = Player(samples, most=spec.speed_percent / 100)
        speeds = rng.integers(0, SPEEDS, count)
    drawn = _drawn_rooms(count, spec, rooms, rng)
    for i in range(count):
        clip = pcm[i] if player is None else player.play(pcm[i], speed=int(speeds[i]))
        _shift_scale(clip, out[i], int(shifts[i]), gains[i])
        if rooms is not None and drawn[i] >= 0:
            out[i] = rooms.reverberate(out[i], room=int(drawn[i]))
        if noise is not None and noisy[i]:
            noise.mix(out[i], place=float(places[i]), snr_db=float(ratios[i]))
    return out


def _drawn_rooms(
    count: int, spec: AugmentSpec, rooms: "Rooms | None", rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the room of each clip; -1 for none."""
    if spec.room_probability == 0:
        return np.full(count, -1)
    if rooms is None:
        raise ValueError("room_probability is positive: pass rooms=Rooms(...)")
    chosen = rng.integers(0, ROOMS, count)
    return np.where(np.less(rng.random(count), spec.room_probability), chosen, -1)


class Player:
    """Plays clips at other speeds, about their middle, by linear interpolation.

    Args:
        samples: of one clip.
        most: largest relative change of speed in either direction; there are :data:`SPEEDS` evenly
            spaced speeds, whose read positions are computed once.
    """

    def __init__(self, samples: int, *, most: float) -> None:
        middle = (samples - 1) / 2
        self._places = []
        for speed in np.linspace(1 - most, 1 + most, SPEEDS):
            places = (np.arange(samples) - middle) * speed + middle
            drawn = slice(*np.searchsorted(places, (0, samples - 1)))
            whole = places[drawn].astype(np.int32)
            self._places.append((drawn, whole, (places[drawn] - whole).astype(np.float32)))

    def play(self, clip: np.ndarray, *, speed: int) -> Floats:
        """Play a clip at one of the speeds.

        Args:
            clip: (samples,) int16 or float32.
            speed: index from 0, the slowest.

        Returns:
            float32 (samples,), in the clip's units; zeros where the recording has ended.
        """
        drawn, whole, rest = self._places[speed]
        clip = clip.astype(np.float32)
        out = np.zeros(len(clip), np.float32)
        out[drawn] = clip.take(whole) + np.diff(clip).take(whole) * rest
        return out


def _shift_scale(clip: np.ndarray, out: Floats, shift: int, gain: np.float32) -> None:
    size = len(clip)
    start, stop = max(shift, 0), min(size + shift, size)
    out[:start] = 0
    out[stop:] = 0
    np.multiply(clip[start - shift : stop - shift], gain, out=out[start:stop], dtype=np.float32)


class Noise:
    """Background noise that pieces are drawn from.

    Args:
        recorded: (m,) int16 or float32, all recordings end to end; if it is empty, noise is
            generated. A recording shorter than a clip is repeated.
        samples: of one clip.
        rng: for generated noise.
    """

    def __init__(self, recorded: np.ndarray, samples: int, *, rng: np.random.Generator) -> None:
        if len(recorded) == 0:
            recorded = generated_noise(samples * GENERATED_NOISE_CLIPS, rng=rng)
        if len(recorded) < samples:
            recorded = np.resize(recorded, samples)
        self._sound = recorded
        self._scale = INT16_SCALE if recorded.dtype == np.int16 else np.float32(1)
        self._samples = samples

    def mix(self, clip: Floats, *, place: float, snr_db: float) -> None:
        """Add noise to a clip, in place.

        Args:
            clip: (samples,) float32.
            place: 0..1, where in the noise the piece starts.
            snr_db: mean power of the clip over that of the noise, in decibels.
        """
        start = int(place * (len(self._sound) - self._samples + 1))
        piece = np.multiply(
            self._sound[start : start + self._samples], self._scale, dtype=np.float32
        )
        signal, noise = _power(clip), _power(piece)
        if signal > SILENT_POWER and noise > SILENT_POWER:
            piece *= np.float32(np.sqrt(signal / noise * 10 ** (-snr_db / 10)))
            clip += piece


class Rooms:
    """Rooms that clips are drawn in: direct sound, and noise that decays exponentially.

    The simplest model of late reverberation (Polack's): white noise whose level falls by 60 dB in
    the room's decay time, after a direct sound 0 to 12 dB above it.

    Args:
        samples: of one clip.
        rate_hz: of the samples.
        decay_s: shortest and longest decay time.
        rng: draws the :data:`ROOMS` rooms.
    """

    def __init__(
        self, samples: int, *, rate_hz: int, decay_s: tuple[float, float], rng: np.random.Generator
    ) -> None:
        self._samples = samples
        tail = min(samples, round(decay_s[1] * rate_hz))
        self._size = 1 << (samples + tail - 1).bit_length()
        self._responses = []
        for seconds in rng.uniform(*decay_s, ROOMS):
            falling = np.power(10.0, -3.0 / (seconds * rate_hz) * np.arange(tail))
            sound = rng.standard_normal(tail) * falling
            sound /= np.sqrt(np.square(sound).sum())
            direct = np.power(10.0, rng.uniform(0, 12) / 20)
            sound[0] += direct
            sound /= np.sqrt(np.square(sound).sum())
            self._responses.append(np.fft.rfft(sound.astype(np.float32), self._size))

    def reverberate(self, clip: Floats, *, room: int) -> Floats:
        """Return a clip (samples,) as it sounds in a room, float32."""
        spectrum = np.fft.rfft(clip, self._size) * self._responses[room]
        return np.fft.irfft(spectrum, self._size)[: self._samples].astype(np.float32)


def _power(x: Floats) -> float:
    return float(np.dot(x, x)) / len(x)


def generated_noise(samples: int, *, rng: np.random.Generator) -> Floats:
    """Generate white, then pink noise (-3 dB per octave), each of standard deviation 0.1.

    Returns:
        float32 (samples,).
    """
    half = samples // 2
    white = rng.standard_normal(samples - half, dtype=np.float32)
    spectrum = np.fft.rfft(rng.standard_normal(half, dtype=np.float32))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum), dtype=np.float32))
    spectrum[:1] = 0
    pink = np.fft.irfft(spectrum, half) if half > 1 else np.zeros(half)
    parts = [0.1 * part / max(float(np.std(part)), 1e-9) for part in (white, pink)]
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class _Masks:
    count: int
    longest: int
    axis: int


def mask_features(features: Floats, spec: AugmentSpec, *, rng: np.random.Generator) -> Floats:
    """Zero random stretches of frames and of features (SpecAugment, arXiv:1904.08779, 3.1).

    Lengths are uniform from 0 to the longest allowed, and never more than half of the axis.

    Args:
        features: (n, frames, features), normalized: 0 is the mean. Not changed.
        spec: number and longest length of the masks.
        rng: the only source of randomness.
    """
    out = features
    for masks in (
        _Masks(count=spec.time_masks, longest=spec.time_mask_frames, axis=1),
        _Masks(count=spec.frequency_masks, longest=spec.frequency_mask_bins, axis=2),
    ):
        size = features.shape[masks.axis]
        longest = min(masks.longest, size // 2)
        if masks.count == 0 or longest == 0:
            continue
        shape = (len(features), masks.count, 1)
        lengths = rng.integers(0, longest, shape, endpoint=True)
        starts = rng.integers(0, size - lengths, endpoint=True)
        index = np.arange(size)
        hidden = ((index >= starts) & (index < starts + lengths)).any(axis=1)
        keep = np.expand_dims(~hidden, 3 - masks.axis).astype(np.float32)
        out = out * keep
    return out
