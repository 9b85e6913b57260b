"""Device commands on unusable models: a message, exit code 2, and nothing is written."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as official
from model_edits import custom_operation, newer_operation, rewritten

from motefit.runtime import load_bundle
from motefit.runtime.bundle import sha256, write_bundle
from motefit.tflite.archive import pack

COMMANDS = {
    "kws": ["kws", "{model}", "{clip}"],
    "listen": ["listen", "{model}", "--input", "{clip}"],
    "check": ["check", "{model}", "--data", "{data}", "--out", "{out}"],
    "latency": ["latency", "{model}"],
    "bench": ["bench", "{model}", "--rounds", "4"],
    "export": ["export", "{model}", "--frontend", "in-graph", "--out", "{out}"],
}


def altered(path: Path, change: Callable[[official.ModelT], None]) -> None:
    """Return a complete bundle, card included, of a model with another operation."""
    bundle = load_bundle(path)
    model = rewritten(bundle.model, change)
    write_bundle(path, model, replace(bundle.card, model_sha256=sha256(model)))


def lacking_an_operation(path: Path) -> None:
    altered(path, custom_operation)


def of_a_newer_runtime(path: Path) -> None:
    altered(path, newer_operation)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def with_a_truncated_model(path: Path) -> None:
    bundle = load_bundle(path)
    model = bundle.model[: len(bundle.model) // 2]
    write_bundle(path, model, replace(bundle.card, model_sha256=sha256(model)))


def with_the_card_of_another(path: Path) -> None:
    bundle = load_bundle(path)
    card = replace(bundle.card, model_sha256="0" * 64)
    path.write_bytes(pack({"model.tflite": bundle.model, "card.json": card.to_json().encode()}))


def with_a_card_of_other_words(path: Path) -> None:
    bundle = load_bundle(path)
    card = json.loads(bundle.card.to_json())
    card["io"]["labels"] = ["a", "b", "c"]
    text = json.dumps(card).encode()
    path.write_bytes(pack({"model.tflite": bundle.model, "card.json": text}))


def with_a_card_of_another_window(path: Path) -> None:
    bundle = load_bundle(path)
    card = json.loads(bundle.card.to_json())
    card["io"]["input_steps"] += 1
    text = json.dumps(card).encode()
    path.write_bytes(pack({"model.tflite": bundle.model, "card.json": text}))


def absent(path: Path) -> None:
    path.unlink()


def text(path: Path) -> None:
    path.write_text("no model " * 40)


LACKS = "lacks an operation of the model: update LiteRT"
DAMAGES = {
    lacking_an_operation: f"FancyOp.*{LACKS}|operators that motefit does not support: FancyOp",
    of_a_newer_runtime: f"'CONV_2D' version '99'.*{LACKS}",
    truncated: "model.zip is damaged: .*copy it again",
    with_a_truncated_model: "(not a valid Flatbuffer|damaged .tflite file).*copy or export",
    with_the_card_of_another: "model.zip: refused: .*changed after",
    with_a_card_of_other_words: "belong to another model|the model knows a, b, c",
    absent: "cannot read the model .*No such file",
    text: "is not a TensorFlow Lite model; give",
}


@pytest.fixture(scope="module", params=DAMAGES, ids=lambda damage: damage.__name__)
def damaged(request, tones_run, tmp_path_factory) -> tuple[Path, str]:
    """A damaged bundle, and the message it must cause."""
    model = tmp_path_factory.mktemp("damaged") / "model.zip"
    model.write_bytes(tones_run.bundle.read_bytes())
    request.param(model)
    return model, DAMAGES[request.param]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_keyword_model(refused, tones_run, tmp_path, damaged, name):
    model, said = damaged
    clip, out = next((tones_run.data / "low").iterdir()), tmp_path / "out"
    names = {"model": model, "clip": clip, "data": tones_run.data, "out": out}
    told = refused(*(word.format(**names) for word in COMMANDS[name]))
    assert re.search(said, told), told
    assert not out.is_file()


FORECASTER = {
    of_a_newer_runtime: f"'FULLY_CONNECTED' version '99'.*{LACKS}",
    truncated: DAMAGES[truncated],
    with_the_card_of_another: DAMAGES[with_the_card_of_another],
    with_a_card_of_another_window: "they belong to another model",
    absent: DAMAGES[absent],
}


@pytest.mark.parametrize(
    ("damage", "said"), FORECASTER.items(), ids=lambda v: getattr(v, "__name__", "")
)
def test_a_forecaster(refused, climate_run, tmp_path, damage, said):
    model = tmp_path / "model.zip"
    model.write_bytes(climate_run.bundle.read_bytes())
    damage(model)
    told = refused("forecast", model, climate_run.data)
    assert re.search(said, told), told
