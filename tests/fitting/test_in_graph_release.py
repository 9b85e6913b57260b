"""A run that also releases its models with their front ends inside."""

import json
import shutil
from pathlib import Path

import pytest

import motefit
from motefit.certify.check import recipe_of
from motefit.exporting.in_graph import compare
from motefit.fitting.in_graph_release import stored_in_graph
from motefit.fitting.run_dir import RunDir
from motefit.runtime import load_bundle
from motefit.spec.errors import RecipeError
from motefit.tasks import TASKS

FORM = "tiny-tones.in-graph"


@pytest.fixture(scope="module")
def delivered(tones_run, tmp_path_factory):
    """A finished run that writes the other form; nothing is trained again."""
    folder = tmp_path_factory.mktemp("in-graph") / "run"
    shutil.copytree(tones_run.folder, folder)
    result = motefit.fit(
        tones_run.recipe, data=tones_run.data, out=folder, in_graph=True, progress="quiet"
    )
    return folder, result


def sets_read(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "reads.jsonl").read_text().splitlines()
    return [(row["part"], row["purpose"]) for row in map(json.loads, lines)]


def test_both_forms_are_delivered_and_proven_equal(delivered, tones_run):
    folder, result = delivered
    plain, inside = (load_bundle(folder / f"{name}.zip") for name in ("tiny-tones", FORM))
    assert plain.model == load_bundle(tones_run.bundle).model
    assert (plain.card.io.input, inside.card.io.input) == ("features", "audio")
    form = result.in_graph["tiny-tones"]
    assert form.bundle == folder / f"{FORM}.zip"
    assert form.plain_bytes == len(plain.model) < len(inside.model)
    assert set(form.latency) == {"plain", "in-graph", "in-graph, builtin kernels"}
    assert inside.card.evidence["in_graph"]["sound"] == "validation set"
    recipe = recipe_of(plain.card, folder)
    clips = TASKS.find(recipe.task).load(recipe, tones_run.data).validation.pcm
    again = compare(plain.model, inside.model, plain.card.io, clips)
    assert form.agreement.clips == again.clips == len(clips) > 0
    assert form.agreement.proven
    assert again.proven
    assert again.network_difference < 1e-6


def test_the_other_form_has_its_own_certificate_and_report(delivered):
    folder, result = delivered
    assert result.met
    certificate = motefit.Certificate.from_json((folder / f"{FORM}.certificate.json").read_text())
    assert certificate == result.in_graph["tiny-tones"].certificate
    assert certificate.model_sha256 == load_bundle(folder / f"{FORM}.zip").card.model_sha256
    assert certificate.met is False  # more than the recipe's 10 KB
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


def test_it_is_checked_like_any_bundle(delivered, tones_run, tmp_path):
    path = delivered[0] / f"{FORM}.zip"
    checked = motefit.check(path, data=tones_run.data, out=tmp_path, progress="quiet")
    assert checked.differences == ()


@pytest.fixture
def copied(delivered, tmp_path) -> Path:
    return Path(shutil.copytree(delivered[0], tmp_path / "run"))


def test_it_is_shown_by_resume_and_removed_by_overwrite(copied, tones_run, tmp_path):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    printed = str(motefit.resume(copied, in_graph=True, progress="quiet"))
    assert printed.startswith("already done")
    assert {path: path.read_bytes() for path in before} == before  # nothing is measured again
    assert "with its front end inside:" in printed
    assert "clips have the same label in both forms" in printed
    assert "certificate of this form: budget not met: size.tflite_bytes" in printed
    strict = tmp_path / "tiny-tones.toml"
    text = tones_run.recipe.read_text().replace("epochs = 12", "epochs = 1")
    strict.write_text(text.replace(">= 75 %", ">= 1 %"))
    given = {"data": tones_run.data, "out": copied, "workers": 1, "progress": "quiet"}
    assert motefit.fit(strict, overwrite=True, **given).met
    assert [path.name for path in copied.glob("*.in-graph*")] == []


@pytest.mark.parametrize("kind", ["certificate.json", "report.html", "zip"])
def test_a_form_that_lost_a_file_is_not_taken_as_stored(copied, kind):
    folder = RunDir(copied)
    assert stored_in_graph(folder, "tiny-tones") is not None
    path = copied / f"{FORM}.{kind}"
    if kind == "zip":
        path.write_bytes(path.read_bytes()[:-30])
    else:
        path.unlink()
    assert stored_in_graph(folder, "tiny-tones") is None


def test_a_form_of_another_model_is_not_taken_as_stored(copied):
    stated = copied / f"{FORM}.certificate.json"
    stated.write_text(stated.read_text().replace('"met": false', '"met": true', 1))
    assert stored_in_graph(RunDir(copied), "tiny-tones") is None


@pytest.mark.parametrize("which", ["climate", "prime"])
def test_what_has_no_such_form_is_refused_before_training(
    which, climate_recipe, climate_csv, tones_recipe, tones, tmp_path
):
    tones_recipe.write_text(
        tones_recipe.read_text().replace("frame_length = 256", "frame_length = 257")
    )
    recipe, data, said = {
        "climate": (climate_recipe, climate_csv, "a model for forecasting has no front end"),
        "prime": (tones_recipe, tones, "257 is a prime number"),
    }[which]
    with pytest.raises(RecipeError, match=said):
        motefit.fit(recipe, data=data, out=tmp_path / "run", in_graph=True, progress="quiet")
    assert not (tmp_path / "run").exists()
