"""A keyword spotter for two tones, of one dense layer, that needs no training."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from motefit.graph.builder import Builder
from motefit.runtime.bundle import sha256, write_bundle
from motefit.spec.card import Card
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

RATE_HZ = 8000
HERTZ = {"high": 2800.0, "low": 500.0}
FRONT_END = FrontEnd(
    kind="spectrogram", rate_hz=RATE_HZ, frame_length=256, frame_step=160, mel_bins=0,
    lower_hz=100.0, upper_hz=3800.0, coefficients=0,
)  # fmt: skip
ONE = Normalization(mean=(0.0,), std=(1.0,))
SPEECH = SpeechIO(labels=tuple(HERTZ), frontend=FRONT_END, normalization=ONE)


def bundle_of(path: Path, task: str, io: SpeechIO | SeriesIO, weight: np.ndarray) -> Path:
    """Write a bundle with one dense layer of these weights."""
    net = Builder((weight.shape[1],), rng=np.random.default_rng(0))
    net.dense(len(weight), bias=False)
    graph = net.build()
    (name,) = graph.constants
    model = write(graph.with_constants({name: weight.astype(np.float32)}))
    return write_bundle(path, model, Card(task=task, io=io, model_sha256=sha256(model)))


def tone_model(path: Path, *, frontend: FrontEnd = FRONT_END) -> Path:
    """Write a model that says "high" if the upper half of the spectrum is louder, else "low"."""
    frames, features = FRONT_END.shape
    row = np.tile(np.where(np.arange(features) < features // 2, -1.0, 1.0), frames) / frames
    io = replace(SPEECH, frontend=frontend)
    return bundle_of(path, "keyword-spotting", io, np.stack([row, -row]))


def tones(*words: tuple[float, str], seconds: float, level: float = 9000) -> np.ndarray:
    """Synthesize tones of 0.4 s over faint noise, each with its start in seconds; int16."""
    sound = np.random.default_rng(0).normal(0, 50, round(seconds * RATE_HZ))
    length = round(0.4 * RATE_HZ)
    for start, word in words:
        tone = np.sin(2 * np.pi * HERTZ[word] / RATE_HZ * np.arange(length))
        first = round(start * RATE_HZ)
        sound[first : first + length] += level * np.hanning(length) * tone
    return np.asarray(np.rint(sound), np.int16)
