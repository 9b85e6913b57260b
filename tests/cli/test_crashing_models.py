"""Commands on a model that crashes LiteRT: a message and exit code 2, and motefit lives."""

from dataclasses import replace

import numpy as np
import pytest
from model_edits import crashing, rewritten

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
