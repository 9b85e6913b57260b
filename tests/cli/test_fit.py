"""``motefit fit`` from recipe to bundle."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import motefit
from motefit.runtime import load_bundle
from motefit.tflite.inspect import inspect


def test_forecasting_ends_in_a_bundle_whose_budget_is_met(climate_run):
    names = {path.name for path in climate_run.folder.iterdir()}
    assert names == {
        "candidates", "certificate.json", "measured.json", "reads.jsonl", "recipe.toml",
        "report.html", "rounds", "run.json", "study.db", "tiny-climate.zip", "trainings",
    }  # fmt: skip
    bundle = load_bundle(climate_run.bundle)
    assert bundle.card.facts["size.tflite_bytes"] == len(bundle.model) < 1100
    certificate = json.loads((climate_run.folder / "certificate.json").read_text())
    assert certificate["model_sha256"] == bundle.card.model_sha256
    assert "budget met" in climate_run.printed
    assert str(climate_run.bundle) in climate_run.printed


def test_baselines_are_rows_of_the_result(climate_run):
    for column in ("T (degC)", "rh (%)"):
        for baseline in ("persistence", "least squares"):
            assert f"mae.{column}, {baseline}" in climate_run.printed


def test_the_report_of_a_run_is_made_again_from_what_is_stored(tones_run, tmp_path):
    page = tmp_path / "page.html"
    motefit.make_report(tones_run.folder, out=page)
    assert page.read_bytes() == (tones_run.folder / "report.html").read_bytes()
    stored = json.loads((tones_run.folder / "measured.json").read_text())
    (bundle,) = stored["bundles"].values()
    hardest = bundle["details"]["hardest"]["clips"]
    text = page.read_text(encoding="utf-8")
    assert text.count("<audio") == len(hardest) > 0
    assert [c["status"] for c in bundle["rows"]].count("chosen") == 1
    assert all(len(c["curve"]) == c["epochs"] for c in bundle["rows"] if c["status"] == "trained")
    motefit.make_report(tones_run.folder, out=page, sound=False)
    assert "<audio" not in page.read_text(encoding="utf-8")


def test_the_noise_of_quantization_is_stored_and_shown_by_layer(tones_run):
    stored = json.loads((tones_run.folder / "measured.json").read_text())
    (bundle,) = stored["bundles"].values()
    noise = bundle["details"]["noise"]
    layers = [op.name for op in inspect(load_bundle(tones_run.bundle).model).ops]
    assert all(layers[layer["place"]] == layer["operator"] for layer in noise["layers"])
    page = (tones_run.folder / "report.html").read_text(encoding="utf-8")
    numbers = [noise["input_db"]] + [layer["total_db"] for layer in noise["layers"]]
    for number in numbers:
        assert f'<td class="n">{number:.1f}</td>' in page
    assert "noise" not in load_bundle(tones_run.bundle).card.evidence


def test_report_names_the_verdict_and_the_baselines(climate_run):
    page = (climate_run.folder / "report.html").read_text(encoding="utf-8")
    assert "least squares" in page
    assert load_bundle(climate_run.bundle).card.model_sha256[:12] in page


def test_bundle_begins_with_the_model_and_its_card(climate_run):
    with zipfile.ZipFile(climate_run.bundle) as archive:
        assert archive.namelist() == ["model.tflite", "card.json"]


def test_reads_of_the_test_set_are_logged(climate_run):
    lines = (climate_run.folder / "reads.jsonl").read_text().splitlines()
    parts = [json.loads(line)["part"] for line in lines]
    assert parts == ["train", "validation", "test"]


def test_json_is_one_document_and_nothing_else(tones_run):
    result = json.loads(tones_run.printed)
    assert result["met"] is True
    assert result["facts"]["accuracy"] >= 0.75
    assert Path(result["bundle"]) == tones_run.bundle
    assert result["certificate"]["accuracy"]["n"] > 0


def test_a_keyword_model_knows_its_labels_sorted(tones_run):
    assert load_bundle(tones_run.bundle).card.io.labels == ("high", "low")


def test_the_same_run_again_trains_nothing_and_gives_the_same_model(climate_run, invoke, tmp_path):
    folder = Path(shutil.copytree(climate_run.folder, tmp_path / "run"))
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("[ct]*/*/*")}
    assert stamps
    again = invoke("fit", climate_run.recipe, "--data", climate_run.data, "--out", folder)
    assert again.exit_code == 0
    after = load_bundle(folder / climate_run.bundle.name)
    assert after.model == load_bundle(climate_run.bundle).model
    assert {p: p.stat().st_mtime_ns for p in folder.glob("[ct]*/*/*")} == stamps


@pytest.mark.slow
def test_the_better_of_two_candidates_that_miss_the_budget_is_shipped_with_exit_code_1(
    invoke, tmp_path, climate_recipe, climate_csv
):
    text = climate_recipe.read_text().replace("seeds = [0]", "seeds = [3, 7]")
    climate_recipe.write_text(text.replace('"< 2.0"', '"< 0.001"'))
    out = tmp_path / "run"
    result = invoke("fit", climate_recipe, "--data", climate_csv, "--out", out, "--workers", 2)
    assert result.exit_code == 1
    assert "screened: 2 to train, 0 rejected" in result.stderr
    assert "FAIL" in result.stdout
    assert "budget not met" in result.stdout
    results = [json.loads(p.read_text()) for p in out.glob("candidates/*/result.json")]
    assert len({r["model_sha256"] for r in results}) == 2
    best = min(results, key=lambda r: r["facts"]["mae.T (degC)"])
    assert load_bundle(out / "tiny-climate.zip").card.model_sha256 == best["model_sha256"]


@pytest.mark.slow
def test_compression_steps_are_trained_and_shipped(invoke, tmp_path, tones_run):
    text = tones_run.recipe.read_text().replace(
        "[budget]",
        '[[compress.steps]]\nname = "quantization-aware"\nepochs = 3\n[budget]',
    )
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(text)
    out = tmp_path / "run"
    result = invoke("fit", recipe, "--data", tones_run.data, "--out", out, "--keep-names", "--json")
    assert result.exit_code == 0, result.output
    assert "dense0" in {t.name for t in inspect(load_bundle(out / "tuned.zip").model).tensors}
    (stored,) = (out / "candidates").glob("*/result.json")
    epochs = [report["epoch"] for report in json.loads(stored.read_text())["history"]]
    assert epochs == list(range(12 + 3))
    assert not list(out.rglob("*.checkpoint"))


@pytest.mark.proof
@pytest.mark.slow
def test_synthetic_words_need_no_download(invoke, tmp_path):
    recipe = tmp_path / "spoken.toml"
    recipe.write_text(
        """
        task = "keyword-spotting"
        [data]
        words = ["go", "stop"]
        synthetic_clips = 20
        split = "speaker"
        [frontend]
        coefficients = 0
        mel_bins = 20
        [model]
        family = "tcnet"
        width = 8
        [train]
        epochs = 4
        batch_size = 8
        learning_rate = 0.02
        [budget]
        accuracy = "> 50 %"
        """
    )
    result = invoke("fit", recipe, "--out", tmp_path / "run", "--json")
    assert result.exit_code in {0, 1}, result.output
    facts = json.loads(result.stdout)
    assert facts["evidence"]["data"]["shared_speakers"] == 0
    assert facts["facts"]["size.tflite_bytes"] < 10_000


@pytest.mark.proof
@pytest.mark.data
def test_climate_6_beats_persistence_and_least_squares(motefit_process, real_data, tmp_path):
    """The shipped recipe with a fifth of its epochs and one of its seeds."""
    text = motefit_process("recipes", "climate-6").stdout
    assert "epochs = 30" in text
    recipe = tmp_path / "climate-6.toml"
    text = re.sub(r"seeds = .*", "seeds = [0]", text.replace("epochs = 30", "epochs = 6"))
    recipe.write_text(text)
    data = real_data / "climate" / "jena_10min_2009_2020_2021.csv"
    done = motefit_process("fit", recipe, "--data", data, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    facts = found["facts"]
    assert facts["size.tflite_bytes"] < 1100
    assert facts["size.zip_bytes"] < 700
    for column in ("T (degC)", "rh (%)"):
        for baseline in ("persistence", "least squares"):
            assert facts[f"mae.{column}"] < found["evidence"]["baselines"][baseline]["mae"][column]
    again = motefit_process("check", found["bundle"], "--data", data)
    assert again.returncode == 0, again.stderr
    assert "reproduced exactly" in again.stdout


@pytest.mark.slow
@pytest.mark.data
def test_two_real_words_are_told_apart_after_three_epochs(invoke, real_data, tmp_path):
    """Chance is 50 % of about 200 clips; 80 % is eight standard deviations above it."""
    recipe = tmp_path / "short.toml"
    recipe.write_text(
        """
        task = "keyword-spotting"
        [data]
        words = ["up", "down"]
        split = "published"
        [frontend]
        coefficients = 0
        upper_hz = 7600
        frame_length = 512
        frame_step = 512
        mel_bins = 24
        [model]
        family = "tcnet"
        width = 16
        blocks = 2
        [train]
        epochs = 3
        batch_size = 32
        learning_rate = 0.02
        [budget]
        accuracy = ">= 80 %"
        size.tflite_bytes = "< 25 KB"
        latency.total_ms = "< 8 ms"
        """
    )
    data = real_data / "speech"
    done = invoke("fit", recipe, "--data", data, "--out", tmp_path / "run", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["certificate"]["accuracy"]["n"] < 200
    assert any("test set has" in note for note in found["evidence"]["data"]["notes"])
    again = invoke("check", found["bundle"], "--data", data, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["facts"]["accuracy"] == found["facts"]["accuracy"]
