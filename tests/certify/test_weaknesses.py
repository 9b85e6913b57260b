"""Weaknesses of a model that meets its budget: in the verdict, the certificate and the report."""

from pathlib import Path

import numpy as np
import pytest
from small_runs import RATE_HZ, write_recipe, write_wav

import motefit
from motefit.certify.check import check
from motefit.certify.verdict_table import MOST_RESERVATIONS, verdict_words
from motefit.recipes.catalog import find_recipe
from motefit.spec.budget import Budget
from motefit.spec.certificate import Certificate, certify
from motefit.spec.errors import RecipeError

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
            write_wav(folder / word / f"s{clip:03d}_nohash_0.wav", samples)
    return folder


def fitted(recipe: Path, data: Path, out: Path) -> tuple[str, Certificate]:
    """Fit; return what the result prints, and its certificate as it was written."""
    result = motefit.fit(recipe, data=data, out=out, workers=1, progress="quiet")
    assert result.met
    return str(result), Certificate.from_json((out / "certificate.json").read_text())


@pytest.mark.slow
def test_a_forecaster_that_is_worse_than_persistence(climate_csv, tmp_path):
    recipe = write_recipe(tmp_path / "poor.toml", POOR.format(more=""))
    printed, certificate = fitted(recipe, climate_csv, tmp_path / "run")
    assert "budget met, but no better than persistence (T (degC) " in printed
    found = certificate.weaknesses
    assert {weakness.baseline for weakness in found} == {"persistence", "least squares"}
    assert {weakness.metric for weakness in found} == {"mae.T (degC)", "mae.rh (%)"}
    assert all(weakness.value > weakness.baseline_value for weakness in found)
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Budget met, but no better than persistence" in report
    assert "<li>No better than persistence (T (degC) " in report
    bundle = tmp_path / "run" / "poor.zip"
    checked = check(bundle, climate_csv)
    assert checked.met
    assert checked.certificate.weaknesses == found
    more = 'skill."T (degC)" = "> 5 %"\nobjective = "skill.T (degC)"'
    strict = find_recipe(write_recipe(tmp_path / "strict.toml", POOR.format(more=more)))
    checked = check(bundle, climate_csv, recipe=strict)
    assert not checked.met
    (line,) = (it for it in checked.certificate.lines if it.metric == "skill.T (degC)")
    assert (line.verdict, line.bound) == ("fail", "> 5.00 %")
    assert line.value < 0
    assert checked.certificate.objective_value == line.value
    assert "budget not met, and no better than persistence" in str(checked)


def test_a_word_that_is_never_recognized_is_named(rare, tmp_path):
    recipe = write_recipe(tmp_path / "rare.toml", RARE.format(train="", more=""))
    printed, certificate = fitted(recipe, rare, tmp_path / "run")
    assert "budget met, but " in printed
    assert "never recognizes 'high' (none of its 2 test clips)" in printed
    assert "no better than always saying 'low'" in printed
    assert 'balance = "sampling"' in printed
    claims = {(weakness.claim, weakness.word) for weakness in certificate.weaknesses}
    assert claims == {("no better than", "low"), ("never recognizes", "high")}
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Budget met, but no better than always saying &#39;low&#39; (and 1 more)" in report


@pytest.mark.proof
def test_with_balanced_sampling_it_is_recognized(rare, tmp_path):
    train, more = 'balance = "sampling"', 'recall.high = "> 0"\nobjective = "balanced_accuracy"'
    recipe = write_recipe(tmp_path / "rare.toml", RARE.format(train=train, more=more))
    printed, certificate = fitted(recipe, rare, tmp_path / "run")
    assert "never recognizes" not in printed
    assert certificate.objective_value > 0.5


def test_a_bound_on_an_unknown_word_is_refused_before_training(rare, tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", RARE.format(train="", more='recall.hihg = "> 5 %"'))
    with pytest.raises(RecipeError, match=r"recall.hihg is not .*did you mean 'recall.high'\?"):
        motefit.fit(recipe, data=rare, out=tmp_path / "run", progress="quiet")
    assert not list(tmp_path.glob("run/candidates/*"))


def test_a_list_of_reservations_is_cut_off():
    recall = {f"w{number}": 0.0 for number in range(9)}
    certificate = certify({}, Budget(), evidence={"accuracy": {"recall": recall}})
    words = verdict_words(certificate)
    assert words.startswith("budget met, but never recognizes 'w0'; ")
    assert words.endswith(f"; and {9 - MOST_RESERVATIONS} more")
