"""Texts from files never command the terminal, whichever command prints them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_edits import rewritten

from motefit.data.synth.sound import write_wav
from motefit.runtime import load_bundle
from motefit.runtime.bundle import sha256, write_bundle
from motefit.runtime.zoo import find_model

CLIPBOARD, TITLE, RIGHT_TO_LEFT = "\x1b]52;c;aGk=\x07", "\x9b2J\x9d0;x\x9c", "\u202e"
HOSTILE = f"a{CLIPBOARD}{TITLE}{RIGHT_TO_LEFT}b"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A bundle, model and clip whose names, labels and tensors are hostile."""
    folder = tmp_path_factory.mktemp("hostile") / HOSTILE
    folder.mkdir()

    def renamed(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.name = HOSTILE.encode()
        model.description = HOSTILE.encode()

    bundle = load_bundle(find_model("yes-no"))
    model = rewritten(bundle.model, renamed)
    labels = tuple(f"{label}{HOSTILE}" for label in bundle.card.io.labels)
    io = replace(bundle.card.io, labels=labels)
    card = replace(bundle.card, io=io, model_sha256=sha256(model))
    write_bundle(folder / "m.zip", model, card)
    (folder / "m.tflite").write_bytes(model)
    write_wav(folder / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    (folder / "no.wav").write_bytes(HOSTILE.encode())
    (folder / "series.csv").write_text(f"time,{HOSTILE}\n2024-01-01,1\n")
    return folder


COMMANDS = (
    ("kws", "m.zip", "clip.wav"),
    ("kws", "m.zip", "clip.wav", "--json"),
    ("kws", "m.zip", "no.wav"),
    ("listen", "m.zip", "--input", "absent.wav"),
    ("check", "m.zip", "--data", "absent"),
    ("forecast", "climate-6", "series.csv"),
    ("inspect", "m.tflite"),
    ("inspect", "m.tflite", "--json"),
    ("shrink", "m.tflite"),
    ("latency", "m.tflite"),
    ("bench", "absent.tflite"),
    ("export", "absent.zip"),
    ("data", "audit", "absent"),
    ("fit", "absent.toml"),
    ("study", "absent"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: f"{words[0]}-{words[-1]}")
def test_commands_print_no_control_characters(invoke, files, words):
    given = [str(files / word) if Path(word).suffix or word == "absent" else word for word in words]
    result = invoke(*given)
    said = result.stdout + result.stderr
    assert result.exit_code in {0, 1, 2}, said
    assert said
    assert not OBEYED.search(said), repr(said)


def test_a_name_that_is_not_utf_8_is_printed(invoke, files):
    path = files / "\udcff.wav"
    path.write_bytes((files / "clip.wav").read_bytes())
    for option in ([], ["--json"]):
        result = invoke("kws", str(files / "m.zip"), str(path), *option)
        assert result.exit_code == 0, result.stderr
