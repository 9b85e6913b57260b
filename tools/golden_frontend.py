"""Golden vectors of the front end, computed by TensorFlow: ``tests/golden/frontend.npz``.

``python tools/tensorflow_env.py tools/golden_frontend.py [--out FILE]`` writes the file again.
Change settings here only with a reason in the commit message.

It contains ``pcm`` (int16, one signal for all settings, whatever their rate), ``settings`` (JSON
texts, the fields of a FrontEnd and ``frames``: the indices of the frames that were kept), and per
setting i ``spectrogram_i`` (kept frames, bins), ``log_mel_i`` (kept frames, mel bins) and
``mfcc_i`` (kept frames, coefficients), float32.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "frontend.npz"
KEPT_FRAMES = 6
SAMPLES = 16_000
SEED = 20_260_101
LEAST_WEIGHT = 0.2
"""TensorFlow computes its mel filters in float32, wrong by up to 1.5e-5: a band whose weights sum
to less has a logarithm that is wrong by 1e-4 from this alone. Empty bands are kept."""

COMMON = {"rate_hz": 16_000, "lower_hz": 20.0, "upper_hz": 4000.0, "coefficients": 10}
PUBLISHED = [
    # rows R0 to R4 of the published systems
    {**COMMON, "frame_length": 256, "frame_step": 256, "mel_bins": 40},
    {**COMMON, "frame_length": 512, "frame_step": 512, "mel_bins": 40},
    {**COMMON, "frame_length": 640, "frame_step": 320, "mel_bins": 40, "coefficients": 8},
    {
        "rate_hz": 8000, "frame_length": 320, "frame_step": 160, "mel_bins": 40,
        "lower_hz": 20.0, "upper_hz": 4000.0, "coefficients": 8,
    },
    {**COMMON, "frame_length": 512, "frame_step": 160, "mel_bins": 20, "upper_hz": 6000.0},
    {**COMMON, "frame_length": 640, "frame_step": 320, "mel_bins": 40},
    {**COMMON, "frame_length": 1024, "frame_step": 400, "mel_bins": 16},
    {**COMMON, "frame_length": 256, "frame_step": 128, "mel_bins": 10, "lower_hz": 40.0},
]  # fmt: skip


def signal(rng: np.random.Generator) -> np.ndarray:
    """Generate silence, then two chirps with harmonics, bursts and a noise floor; int16."""
    time = np.arange(SAMPLES) / SAMPLES
    voice = sum(
        np.sin(2 * np.pi * harmonic * (120 * time + 60 * time**2)) / harmonic
        for harmonic in range(1, 40)
    )
    envelope = np.clip(np.sin(2 * np.pi * 2.5 * time), 0, 1) * (time > 0.1)
    noise = rng.standard_normal(SAMPLES)
    burst = noise * (np.abs(time - 0.62) < 0.03)
    sound = 0.2 * voice * envelope + 0.15 * burst + 0.01 * noise
    sound[: SAMPLES // 20] = 0.0
    return np.round(32767 * np.clip(sound, -1, 1)).astype(np.int16)


def random_settings(rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Draw settings of any rate, frame (odd lengths too), step and band."""
    settings: list[dict[str, Any]] = []
    while len(settings) < count:
        rate = int(rng.choice([8000, 11_025, 16_000, 22_050, 44_100, 48_000]))
        length = int(rng.integers(64, 1500))
        mel_bins = int(rng.integers(5, 65))
        setting = {
            "rate_hz": rate,
            "frame_length": length,
            "frame_step": int(rng.integers(length // 8, 2 * length)),
            "mel_bins": mel_bins,
            "lower_hz": round(float(rng.uniform(0, rate / 16)), 1),
            "upper_hz": min(round(float(rng.uniform(rate / 5, rate / 2)), 1), rate / 2),
            "coefficients": int(rng.integers(1, mel_bins + 1)),
        }
        weights = mel_matrix(setting).sum(axis=0)
        if weights[weights > 0].min() >= LEAST_WEIGHT:
            settings.append(setting)
    return settings


def mel_matrix(setting: dict[str, Any]) -> np.ndarray:
    """Compute TensorFlow's mel filters, (bins, mel bins) float32."""
    matrix = tf.signal.linear_to_mel_weight_matrix(
        num_mel_bins=setting["mel_bins"],
        num_spectrogram_bins=setting["frame_length"] // 2 + 1,
        sample_rate=setting["rate_hz"],
        lower_edge_hertz=setting["lower_hz"],
        upper_edge_hertz=setting["upper_hz"],
    )
    return matrix.numpy()


def published_features(pcm: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Compute spectrogram, log-mel and MFCC with tf.signal, as the published scripts do."""
    length = setting["frame_length"]
    audio = tf.cast(pcm, tf.float32) / 32768.0
    stft = tf.signal.stft(audio, length, setting["frame_step"], fft_length=length)
    spectrogram = tf.abs(stft)
    log_mel = tf.math.log(tf.matmul(spectrogram, mel_matrix(setting)) + 1.0e-6)
    mfcc = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., : setting["coefficients"]]
    return spectrogram.numpy(), log_mel.numpy(), mfcc.numpy()


def make(target: Path) -> None:
    """Compute everything and replace the file."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    pcm = signal(rng)
    arrays, texts = {"pcm": pcm}, []
    for index, setting in enumerate([*PUBLISHED, *random_settings(rng, 20)]):
        spectrogram, log_mel, mfcc = published_features(pcm, setting)
        kept = np.unique(np.linspace(0, len(mfcc) - 1, KEPT_FRAMES).round().astype(int))
        seconds = SAMPLES / setting["rate_hz"]
        texts.append(json.dumps({**setting, "seconds": seconds, "frames": kept.tolist()}))
        arrays[f"log_mel_{index}"] = log_mel[kept]
        arrays[f"mfcc_{index}"] = mfcc[kept]
        if index % 4 == 0:
            arrays[f"spectrogram_{index}"] = spectrogram[kept]
    partial = target.with_suffix(".partial.npz")
    np.savez_compressed(partial, settings=np.array(texts), **arrays)
    partial.replace(target)
    print(f"{target}: {len(texts)} settings, {target.stat().st_size} bytes")


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GOLDEN)
    make(parser.parse_args().out)


if __name__ == "__main__":
    main()
