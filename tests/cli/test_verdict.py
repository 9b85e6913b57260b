"""Weaknesses of a model that meets its budget, in the terminal, certificate and report."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from motefit.certify.verdict_table import MOST_RESERVATIONS, verdict_words
from motefit.spec.budget import Budget
from motefit.spec.certificate import certify

POOR = """
task = "forecasting"
[data]
input_steps = 4
output_steps = 2
[model]
family = "mlp"
units = [4]
[train]
epochs = 1
learning_rate = 1e-6
[budget]
mae."T (degC)" = "< 1000"
{more}
[search]
repeats = 1
"""
RARE = """
task = "keyword-spotting"
[data]
train_percent = 60
validation_percent = 15
[frontend]
rate_hz = 8000
seconds = 0.4
frame_length = 256
frame_step = 128
mel_bins = 16
coefficients = 8
[model]
family = "dscnn"
width = 8
blocks = 1
[train]
epochs = 6
batch_size = 16
{train}
[budget]
accuracy = ">= 50 %"
{more}
[search]
repeats = 1
"""
RATE_HZ = 8000
CLIPS = {"low": 200, "high": 8}
PITCH_HZ = {"low": 500.0, "high": 700.0}


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 clips of one word and 8 of another that sounds similar."""
    folder = tmp_path_factory.mktemp("rare")
    rng = np.random.default_rng(0)
    time = np.arange(int(0.4 * RATE_HZ)) / RATE_HZ
    for word, clips in CLIPS.items():
        for clip in range(clips):
            pitch = PITCH_HZ[word] * 2 ** rng.normal(0, 0.35)
            sound = np.sin(2 * np.pi * pitch * time) + 0.5 * rng.normal(0, 1, len(time))
            samples = 6000 * rng.uniform(0.1, 1) * sound
            path = folder / word / f"s{clip:03d}_nohash_0.wav"
            path.parent.mkdir(exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE_HZ)
                file.writeframes(samples.astype("<i2").tobytes())
    return folder


def write_recipe(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def fitted(invoke, recipe: Path, data: Path, out: Path, code: int = 0):
    result = invoke("fit", recipe, "--data", data, "--out", out, "--workers", 1)
    assert result.exit_code == code, result.output
    return result, json.loads((out / "certificate.json").read_text())


def test_a_forecaster_that_is_worse_than_persistence(invoke, climate_csv, tmp_path):
    recipe = write_recipe(tmp_path / "poor.toml", POOR.format(more=""))
    result, certificate = fitted(invoke, recipe, climate_csv, tmp_path / "run")
    assert "budget met, but no better than persistence (T (degC) " in result.stdout
    assert certificate["met"] is True
    found = certificate["weaknesses"]
    assert {weakness["baseline"] for weakness in found} == {"persistence", "least squares"}
    assert {weakness["metric"] for weakness in found} == {"mae.T (degC)", "mae.rh (%)"}
    assert all(weakness["value"] > weakness["baseline_value"] for weakness in found)
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Budget met, but no better than persistence" in report
    assert "<li>No better than persistence (T (degC) " in report
    bundle = tmp_path / "run" / "poor.zip"
    checked = invoke("check", bundle, "--data", climate_csv, "--json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["certificate"]["weaknesses"] == found
    more = 'skill."T (degC)" = "> 5 %"\nobjective = "skill.T (degC)"'
    strict = write_recipe(tmp_path / "strict.toml", POOR.format(more=more))
    out = tmp_path / "checked"
    checked = invoke("check", bundle, "--data", climate_csv, "--recipe", strict, "--out", out)
    assert checked.exit_code == 1, checked.output
    certificate = json.loads((out / "certificate.json").read_text())
    line = next(line for line in certificate["lines"] if line["metric"] == "skill.T (degC)")
    assert (line["verdict"], line["bound"]) == ("fail", "> 5.00 %")
    assert line["value"] < 0
    assert certificate["objective_value"] == line["value"]
    assert "budget not met, and no better than persistence" in checked.stdout


def test_a_word_that_is_never_recognized_is_named(invoke, rare, tmp_path):
    recipe = write_recipe(tmp_path / "rare.toml", RARE.format(train="", more=""))
    result, certificate = fitted(invoke, recipe, rare, tmp_path / "run")
    assert "budget met, but " in result.stdout
    assert "never recognizes 'high' (none of its 2 test clips)" in result.stdout
    assert "no better than always saying 'low'" in result.stdout
    assert 'balance = "sampling"' in result.stdout
    claims = {(w["claim"], w["word"]) for w in certificate["weaknesses"]}
    assert claims == {("no better than", "low"), ("never recognizes", "high")}
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Budget met, but no better than always saying &#39;low&#39; (and 1 more)" in report


def test_with_balanced_sampling_it_is_recognized(invoke, rare, tmp_path):
    train, more = 'balance = "sampling"', 'recall.high = "> 0"\nobjective = "balanced_accuracy"'
    recipe = write_recipe(tmp_path / "rare.toml", RARE.format(train=train, more=more))
    result, certificate = fitted(invoke, recipe, rare, tmp_path / "run")
    assert "never recognizes" not in result.stdout
    assert certificate["objective_value"] > 0.5


def test_a_bound_on_an_unknown_word_is_refused_before_training(refused, rare, tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", RARE.format(train="", more='recall.hihg = "> 5 %"'))
    said = refused("fit", recipe, "--data", rare, "--out", tmp_path / "run")
    assert "recall.hihg is not measured here (did you mean 'recall.high'?)" in said
    assert not list(tmp_path.glob("run/candidates/*"))


def test_a_list_of_reservations_is_cut_off():
    recall = {f"w{number}": 0.0 for number in range(9)}
    certificate = certify({}, Budget(), evidence={"accuracy": {"recall": recall}})
    words = verdict_words(certificate)
    assert words.startswith("budget met, but never recognizes 'w0'; ")
    assert words.endswith(f"; and {9 - MOST_RESERVATIONS} more")
