"""Data of the small recipes, and their finished runs, made once for all processes of the tests."""

import fcntl
import os
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.data.synth.climate import synthesize_climate

RATE_HZ = 8000
TONES_HZ = {"high": 1500.0, "low": 400.0}
CLIPS = 16


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run with its recipe and data, and the result as it prints."""

    folder: Path
    recipe: Path
    data: Path
    printed: str = ""

    @property
    def bundle(self) -> Path:
        return self.folder / f"{self.recipe.stem}.zip"


def write_climate(path: Path) -> Path:
    """Write 30 synthetic days."""
    synthesize_climate(path, days=30, rng=np.random.default_rng(0), gaps=1)
    return path


def write_wav(path: Path, samples: np.ndarray, *, rate_hz: int = RATE_HZ) -> Path:
    """Write samples (n,) or (n, channels) int16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def tone(word: str, *, rng: np.random.Generator, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Synthesize one second of a word's tone in noise, int16 (rate_hz,)."""
    phase = 2 * np.pi * TONES_HZ[word] * rng.uniform(0.95, 1.05) * np.arange(rate_hz) / rate_hz
    clip = rng.uniform(0.1, 0.5) * np.sin(phase) + rng.normal(0, 0.02, rate_hz)
    return np.asarray(np.clip(clip, -1, 1) * 32767, np.int16)


def make_tones(folder: Path) -> Path:
    """Write the words of TONES_HZ as folders."""
    rng = np.random.default_rng(1)
    for word in TONES_HZ:
        for clip in range(CLIPS):
            write_wav(folder / word / f"s{clip:02d}_nohash_0.wav", tone(word, rng=rng))
    return folder


def write_recipe(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def finished(factory: pytest.TempPathFactory, name: str, text: str, data: str) -> Run:
    """Return a finished run; the first process of the tests makes it, the others wait for it.

    Args:
        factory: of this process.
        name: stem of the recipe's file.
        text: of the recipe.
        data: name of its data, a .csv file or a folder of words.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    run = Run(folder=folder / "run", recipe=folder / f"{name}.toml", data=folder / data)
    printed = folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            write_recipe(run.recipe, text)
            (write_climate if run.data.suffix else make_tones)(run.data)
            result = motefit.fit(
                run.recipe, data=run.data, out=run.folder, workers=1, progress="quiet"
            )
            printed.write_text(str(result), encoding="utf-8")
    return replace(run, printed=printed.read_text(encoding="utf-8"))
