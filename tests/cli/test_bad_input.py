"""User mistakes: exit code 2 and a message, or exit code 1 where only the budget is not met."""

import json

import numpy as np
import pytest
import soundfile


def test_broken_audio_is_named_by_fit_and_listed_by_audit(
    refused, invoke, tones, tones_recipe, tmp_path
):
    clips = sorted((tones / "high").iterdir())[:7]
    for clip in clips:
        clip.write_bytes(b"")
    out = tmp_path / "run"
    said = refused("fit", tones_recipe, "--data", tones, "--out", out)
    assert "7 of 32 audio files cannot be used" in said
    assert not out.exists()
    listed = invoke("data", "audit", tones)
    assert listed.exit_code == 1
    assert [f"broken {clip}: " in listed.stdout for clip in clips] == [True] * 7


def test_stereo_at_another_rate_works(invoke, tones):
    rng = np.random.default_rng(0)
    sorted((tones / "low").iterdir())[3].unlink()
    soundfile.write(tones / "low" / "z_nohash_0.wav", rng.normal(0, 0.1, (44_100, 2)), 44_100)
    result = invoke("data", "audit", tones)
    assert result.exit_code == 0, result.output
    assert "test" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs", "epoch", "did you mean 'epochs'?"),
        ("[train]", "[trian]", "did you mean 'train'?"),
        ('"linear"', '"lineal"', "did you mean 'linear'?"),
        ('"forecasting"', '"forcasting"', "did you mean 'forecasting'?"),
        ("size.tflite_bytes", "size.tflight_bytes", "did you mean 'size.tflite_bytes'?"),
        ('"int8-weights"', '"int8-weight"', "did you mean 'int8-weights'?"),
        ('"< 2.0"', '"> 2.0"', "reverse the relation"),
        ("= \"forecasting\"", "=", "not valid TOML"),
        ("[model]", "[model]\nbais = true", "did you mean 'bias'?"),
        ("seeds = [0]", "seeds = [-1]", "seeds"),
    ],
)  # fmt: skip
def test_a_typo_in_the_recipe(refused, climate_recipe, tmp_path, old, new, said):
    text = climate_recipe.read_text()
    assert old in text
    climate_recipe.write_text(text.replace(old, new))
    told = refused("fit", climate_recipe, "--out", tmp_path / "run")
    assert said in told
    assert "tiny-climate" in told or "line" in told


def test_a_typo_in_the_name_of_a_recipe(refused):
    assert "did you mean 'quickstart'?" in refused("fit", "quikstart")
    assert "no recipe file" in refused("fit", "mine/quickstart.toml")
    assert "give a recipe; motefit recipes lists" in refused("fit")


def test_a_budget_that_no_candidate_can_meet(invoke, climate_recipe, climate_csv, tmp_path):
    climate_recipe.write_text(climate_recipe.read_text().replace("< 1100 B", "< 200 B"))
    result = invoke("fit", climate_recipe, "--data", climate_csv, "--out", tmp_path / "run",
                    "--json")  # fmt: skip
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["met"], found["rejected"]) == (False, {"size.tflite_bytes": 1})
    assert "200 B" in found["nearest_miss"]["reason"]
