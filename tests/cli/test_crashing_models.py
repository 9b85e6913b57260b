"""Commands on a model that crashes LiteRT or never ends: a message and exit code 2."""

from dataclasses import replace

import numpy as np
import pytest
from model_edits import crashing, rewritten
from odd_models import endless, endless_below

from motefit.data.synth.sound import write_wav
from motefit.runtime import load_bundle
from motefit.runtime.bundle import sha256, write_bundle
from motefit.runtime.zoo import find_model

COMMANDS = (
    ("kws", "yes-no.zip", "clip.wav"),
    ("listen", "yes-no.zip", "--input", "clip.wav"),
    ("check", "yes-no.zip"),
    ("forecast", "climate-6.zip", "series.csv"),
    ("bench", "climate-6.zip"),
    ("shrink", "yes-no.tflite"),
    ("inspect", "climate-6.tflite", "--parity", "random"),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashing")
    for name in ("yes-no", "climate-6"):
        bundle = load_bundle(find_model(name))
        model = rewritten(bundle.model, crashing)
        card = replace(bundle.card, model_sha256=sha256(model))
        write_bundle(folder / f"{name}.zip", model, card)
        (folder / f"{name}.tflite").write_bytes(model)
    write_wav(folder / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    return folder


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_commands(refused, files, words):
    said = refused(*(files / word if "." in word else word for word in words))
    assert "this model crashes LiteRT (signal 6 while allocating)" in said


ENDLESS = (
    ("inspect", "endless.tflite", "--parity", "random"),
    ("shrink", "endless.tflite"),
    ("bench", "endless.tflite"),
    ("kws", "loop.zip", "clip.wav"),
    ("latency", "endless.tflite"),
)


@pytest.mark.proof
@pytest.mark.parametrize("words", ENDLESS, ids=lambda words: words[0])
def test_a_loop_without_an_end_is_refused(motefit_process, tmp_path, words):
    """``loop`` ends with the gate's inputs, zeros and noise, and does not with silence."""
    (tmp_path / "endless.tflite").write_bytes(endless())
    model = endless_below(-3.0, (49, 40), 2)
    card = replace(load_bundle(find_model("yes-no")).card, model_sha256=sha256(model))
    write_bundle(tmp_path / "loop.zip", model, card)
    write_wav(tmp_path / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    done = motefit_process(*(tmp_path / word if "." in word else word for word in words))
    assert done.returncode == 2, done.stderr
    assert "LiteRT did not finish with this model in 5 s while running" in done.stderr
