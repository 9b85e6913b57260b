"""A run from recipe to bundle."""

import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import motefit
from motefit.runtime import load_bundle
from motefit.search.rounds import Proposal
from motefit.tflite.inspect import inspect

SPOKEN = """
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
SHORT = """
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
[search]
repeats = 1
"""


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


def test_a_keyword_model_knows_its_labels_sorted(tones_run):
    assert load_bundle(tones_run.bundle).card.io.labels == ("high", "low")


def test_the_card_says_how_it_was_made(climate_run):
    card = load_bundle(climate_run.bundle).card
    recipe, data = climate_run.recipe, climate_run.data
    assert card.provenance.command == f"motefit fit {recipe.stem}.toml --data {data.name}"
    assert card.provenance.seed == 0
    assert len(card.provenance.data_sha256) == 64


def fitted(recipe: Path, data: Path | None, out: Path, **options: object) -> motefit.FitResult:
    given = {"workers": 1, "progress": "quiet", **options}
    return motefit.fit(recipe, data=data, out=out, **given)


def test_a_run_without_its_measurement_trains_nothing_again(climate_run, tmp_path):
    folder = Path(shutil.copytree(climate_run.folder, tmp_path / "run"))
    (folder / "measured.json").unlink()
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("[ct]*/*/*")}
    assert stamps
    again = fitted(climate_run.recipe, climate_run.data, folder)
    assert (again.met, again.already_done) == (True, False)
    after = load_bundle(folder / climate_run.bundle.name)
    assert after.model == load_bundle(climate_run.bundle).model
    assert {p: p.stat().st_mtime_ns for p in folder.glob("[ct]*/*/*")} == stamps


class Screened(motefit.Listener):
    """Remembers the candidates of each round."""

    def __init__(self) -> None:
        self.to_train: list[bool] = []

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        assert number == 0
        self.to_train += [proposal.trains for proposal in proposals]


@pytest.mark.slow
def test_the_better_of_two_candidates_that_miss_the_budget_is_shipped(
    tmp_path, climate_recipe, climate_csv
):
    text = climate_recipe.read_text().replace("seeds = [0]", "seeds = [3, 7]")
    climate_recipe.write_text(text.replace('"< 2.0"', '"< 0.001"'))
    out, listener = tmp_path / "run", Screened()
    result = fitted(climate_recipe, climate_csv, out, workers=2, progress=listener)
    assert not result.met
    assert listener.to_train == [True, True]
    assert "FAIL" in str(result)
    assert "budget not met" in str(result)
    results = [json.loads(p.read_text()) for p in out.glob("candidates/*/result.json")]
    assert len({r["model_sha256"] for r in results}) == 2
    best = min(results, key=lambda r: r["facts"]["mae.T (degC)"])
    assert load_bundle(out / "tiny-climate.zip").card.model_sha256 == best["model_sha256"]


@pytest.mark.slow
def test_compression_steps_are_trained_and_shipped(tmp_path, tones_run):
    text = tones_run.recipe.read_text().replace(
        "[budget]",
        '[[compress.steps]]\nname = "quantization-aware"\nepochs = 3\n[budget]',
    )
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(text)
    out = tmp_path / "run"
    result = fitted(recipe, tones_run.data, out, keep_names=True)
    assert result.met
    assert "dense0" in {t.name for t in inspect(load_bundle(result.main.bundle).model).tensors}
    (stored,) = (out / "candidates").glob("*/result.json")
    epochs = [report["epoch"] for report in json.loads(stored.read_text())["history"]]
    assert epochs == list(range(12 + 3))
    assert not list(out.rglob("*.checkpoint"))


@pytest.mark.proof
@pytest.mark.slow
def test_synthetic_words_need_no_download(tmp_path):
    recipe = tmp_path / "spoken.toml"
    recipe.write_text(SPOKEN)
    card = fitted(recipe, None, tmp_path / "run").main.card
    assert card.evidence["data"]["shared_speakers"] == 0
    assert card.facts["size.tflite_bytes"] < 10_000


@pytest.mark.proof
@pytest.mark.data
def test_climate_6_beats_persistence_and_least_squares(real_data, tmp_path):
    """The shipped recipe with a fifth of its epochs and one of its seeds."""
    text = motefit.find_recipe("climate-6").to_toml()
    epochs = re.search(r"epochs = (\d+)", text)
    recipe = tmp_path / "climate-6.toml"
    text = text.replace(epochs[0], f"epochs = {int(epochs[1]) // 5}")
    text = re.sub(r"seeds = .*", "seeds = [0]", text)
    recipe.write_text(text)
    data = real_data / "climate" / "jena_10min_2009_2020_2021.csv"
    result = fitted(recipe, data, tmp_path / "run")
    assert result.met
    facts, evidence = result.main.card.facts, result.main.card.evidence
    assert facts["size.zip_bytes"] < facts["size.tflite_bytes"] < 1500
    for column in ("T (degC)", "rh (%)"):
        for baseline in ("persistence", "least squares"):
            assert facts[f"mae.{column}"] < evidence["baselines"][baseline]["mae"][column]
    assert motefit.check(result.main.bundle, data=data, progress="quiet").differences == ()


@pytest.mark.slow
@pytest.mark.data
def test_two_real_words_are_told_apart_after_three_epochs(real_data, tmp_path):
    """Chance is 50 % of about 200 clips; 80 % is eight standard deviations above it."""
    recipe, data = tmp_path / "short.toml", real_data / "speech"
    recipe.write_text(SHORT)
    result = fitted(recipe, data, tmp_path / "run")
    assert result.met
    assert result.main.certificate.accuracy.n < 200
    assert any("test set has" in note for note in result.main.card.evidence["data"]["notes"])
    again = motefit.check(result.main.bundle, data=data, progress="quiet")
    assert again.card.facts["accuracy"] == result.main.card.facts["accuracy"]
