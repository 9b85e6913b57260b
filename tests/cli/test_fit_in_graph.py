"""``motefit fit --frontend in-graph``: next to each bundle, the same model taking samples."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motefit.certify.check import recipe_of
from motefit.exporting.in_graph import compare, in_graph_file
from motefit.runtime import load_bundle
from motefit.tasks import TASKS

FORM = "tiny-tones.in-graph"


@pytest.fixture(scope="module")
def delivered(tones_run, invoke, tmp_path_factory):
    """A finished run that writes the other form; nothing is trained again."""
    folder = tmp_path_factory.mktemp("in-graph") / "run"
    shutil.copytree(tones_run.folder, folder)
    done = invoke(
        "fit", tones_run.recipe, "--data", tones_run.data, "--out", folder,
        "--frontend", "in-graph", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


def sets_read(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "reads.jsonl").read_text().splitlines()
    return [(row["part"], row["purpose"]) for row in map(json.loads, lines)]


def test_both_forms_are_delivered_and_proven_equal(delivered, tones_run):
    folder, told = delivered
    plain, inside = (load_bundle(folder / f"{name}.zip") for name in ("tiny-tones", FORM))
    assert plain.model == load_bundle(tones_run.bundle).model
    assert (plain.card.io.input, inside.card.io.input) == ("features", "audio")
    form = told["in_graph"]
    assert form["bundle"] == str(folder / f"{FORM}.zip")
    assert form["proven"] is True
    assert form["plain_tflite_bytes"] == len(plain.model) < len(inside.model)
    assert set(form["latency"]) == {"plain", "in-graph", "in-graph, builtin kernels"}
    assert inside.card.evidence["in_graph"]["sound"] == "validation set"
    recipe = recipe_of(plain.card, folder)
    clips = TASKS.find(recipe.task).load(recipe, tones_run.data).validation.pcm
    again = compare(plain.model, inside.model, plain.card.io, clips)
    assert form["agreement"]["clips"] == again.clips == len(clips) > 0
    assert again.proven
    assert again.network_difference < 1e-6


def test_the_other_form_has_its_own_certificate_and_report(delivered):
    folder, told = delivered
    assert told["met"] is True
    certificate = json.loads((folder / f"{FORM}.certificate.json").read_text())
    assert certificate == told["in_graph"]["certificate"]
    assert certificate["model_sha256"] == load_bundle(folder / f"{FORM}.zip").card.model_sha256
    assert certificate["met"] is False  # more than the recipe's 10 KB
    page = (folder / f"{FORM}.report.html").read_text()
    assert "Front end inside the model" in page
    assert "validation set" in page
    assert "Front end inside the model" not in (folder / "report.html").read_text()


def test_opened_sets_are_logged(delivered):
    read = sets_read(delivered[0])
    assert ("validation", f"agreement of {FORM} with tiny-tones") in read
    assert [row for row in read if row[0] == "test"][1:] == [
        ("test", f"final measurement of {FORM}")
    ]


def test_it_is_checked_like_any_bundle(delivered, invoke, tones_run, tmp_path):
    path = delivered[0] / f"{FORM}.zip"
    done = invoke("check", path, "--data", tones_run.data, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["differences"] == []


def test_it_is_printed_by_resume_and_removed_by_overwrite(delivered, tones_run, invoke, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(delivered[0], folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = invoke("fit", "--resume", folder, "--frontend", "in-graph")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("already done")
    assert {path: path.read_bytes() for path in before} == before  # nothing is measured again
    assert "with its front end inside:" in done.stdout
    assert "clips have the same label in both forms" in done.stdout
    assert "certificate of this form: budget not met: size.tflite_bytes" in done.stdout
    strict = tmp_path / "tiny-tones.toml"
    text = tones_run.recipe.read_text().replace("epochs = 12", "epochs = 1")
    strict.write_text(text.replace(">= 75 %", ">= 1 %"))
    options = ["--data", tones_run.data, "--out", folder, "--overwrite", "--workers", 1]
    assert invoke("fit", strict, *options).exit_code == 0
    assert [path.name for path in folder.glob("*.in-graph*")] == []


def test_a_forecaster_has_no_front_end(refused, climate_recipe, climate_csv, tmp_path):
    said = refused(
        "fit", climate_recipe, "--data", climate_csv, "--out", tmp_path / "run",
        "--frontend", "in-graph",
    )  # fmt: skip
    assert "a model for forecasting has no front end" in said
    assert not (tmp_path / "run").exists()


def test_a_frame_length_without_factors_is_refused_before_training(
    refused, tones, tones_recipe, tmp_path
):
    tones_recipe.write_text(
        tones_recipe.read_text().replace("frame_length = 256", "frame_length = 257")
    )
    said = refused(
        "fit", tones_recipe, "--data", tones, "--out", tmp_path / "run", "--frontend", "in-graph"
    )
    assert "257 is a prime number" in said
    assert not (tmp_path / "run").exists()


def test_unequal_models_are_not_proven_equal(delivered):
    folder, _ = delivered
    plain, inside = (load_bundle(folder / f"{name}.zip") for name in ("tiny-tones", FORM))
    io = plain.card.io
    noise = np.random.default_rng(0).normal(0, 0.1, (8, io.frontend.clip_samples))
    clips = noise.astype(np.float32)
    found = compare(plain.model, inside.model, io, clips)
    assert found.proven
    assert not replace(found, exceeding=found.features // 500).proven
    moved = replace(io.normalization, mean=tuple(value + 5 for value in io.normalization.mean))
    other = compare(plain.model, inside.model, replace(io, normalization=moved), clips)
    assert other.network_difference > 1e-4
    assert not other.proven


@pytest.mark.slow
@pytest.mark.data
def test_the_zoo_agrees_on_real_clips(real_data):
    path = Path(__file__).parents[2] / "zoo" / "up-down.zip"
    plain = load_bundle(path)
    recipe = recipe_of(plain.card, path)
    clips = TASKS.find(recipe.task).load(recipe, real_data / "speech").validation.pcm
    model, _ = in_graph_file(plain.model, plain.card.io)
    found = compare(plain.model, model, plain.card.io, clips)
    assert found.proven
    assert found.network_difference == 0
    assert found.same_label == found.clips == len(clips) > 150
    assert found.exceeding < 3e-4 * found.features
