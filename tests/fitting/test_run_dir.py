"""The folder of a run."""

import json
from pathlib import Path

import pytest

from motefit.fitting.run_dir import RunDir
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.files import read_sealed, write_sealed
from motefit.spec.recipe import Recipe

TEXT = 'task = "forecasting"\n[model]\nfamily = "linear"\n'


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.loads(TEXT, name="mine")


@pytest.fixture
def other() -> Recipe:
    return Recipe.loads(TEXT + "[train]\nepochs = 9\n", name="mine")


@pytest.fixture
def folder(tmp_path: Path, recipe: Recipe) -> RunDir:
    """Start a run."""
    folder = RunDir(tmp_path / "run")
    folder.claim(recipe, overwrite=False)
    folder.start(recipe, tmp_path / "data", data_sha256="d", overwrite=False)
    return folder


def test_claiming_leaves_no_folder(tmp_path, recipe):
    folder = RunDir(tmp_path / "a" / "b")
    folder.claim(recipe, overwrite=False)
    assert not list(tmp_path.iterdir())
    assert not folder.started


def test_a_started_run_returns_its_recipe_and_data(folder, recipe, tmp_path):
    assert folder.started
    assert folder.stored() == (recipe, tmp_path / "data")


def test_synthetic_data_are_none(tmp_path, recipe):
    folder = RunDir(tmp_path)
    folder.start(recipe, None, data_sha256="d", overwrite=False)
    assert folder.stored() == (recipe, None)


def test_a_relative_data_path_is_kept_absolute(tmp_path, recipe, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunDir(Path("run"))
    folder.claim(recipe, overwrite=False)
    folder.start(recipe, Path("data"), data_sha256="d", overwrite=False)
    assert folder.stored()[1] == tmp_path / "data"


def test_the_same_run_continues_unchanged(folder, recipe):
    before = {p: p.stat().st_mtime_ns for p in folder.path.iterdir()}
    folder.claim(recipe, overwrite=False)
    folder.start(recipe, Path("elsewhere"), data_sha256="d", overwrite=False)
    assert {p: p.stat().st_mtime_ns for p in folder.path.iterdir()} == before


def test_another_recipe_or_other_data_are_refused(folder, recipe, other):
    with pytest.raises(RecipeError, match=r"\(train.epochs: given 9, stored 30\); .*--overwrite"):
        folder.claim(other, overwrite=False)
    with pytest.raises(RecipeError, match="other data"):
        folder.start(recipe, None, data_sha256="e", overwrite=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("linear", "mlp"), r'\(model.family: given "linear", stored "mlp"\)'),
        (TEXT + '[train]\nepochs = 9\nloss = "mse"\nbatch_size = 8\nrefit = true\n', "and 1 more"),
        (TEXT + "[model]\n", "damaged or was written by another version"),
        (f"# edited\n{TEXT}", "edited or written by another version"),
    ],
)
def test_a_refusal_names_the_keys_that_differ(folder, recipe, text, said):
    folder.recipe_path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        folder.claim(recipe, overwrite=False)


def test_overwriting_removes_the_run_and_nothing_else(folder, other):
    for part in ("candidates", "trainings", "rounds"):
        (folder.path / part / "key").mkdir(parents=True)
        (folder.path / part / "key" / "model.tflite").write_bytes(b"x")
    kinds = (folder.bundle_path, folder.report_path, folder.certificate_path)
    for path in (*(kind("mine") for kind in kinds), folder.path / "study.db"):
        path.write_text("old")
    folder.log_read("test", "why")
    (folder.path / "notes.txt").write_text("mine")
    folder.claim(other, overwrite=True)
    assert folder.bundle_path("mine").exists()
    folder.start(other, None, data_sha256="e", overwrite=True)
    assert {p.name for p in folder.path.iterdir()} == {"recipe.toml", "run.json", "notes.txt"}
    assert folder.stored() == (other, None)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_files_is_refused(tmp_path, recipe, overwrite):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(RecipeError, match="has other files"):
        RunDir(tmp_path).claim(recipe, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_a_file_or_unwritable_folder_is_reported(tmp_path, recipe):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        RunDir(tmp_path / "file").claim(recipe, overwrite=True)
    with pytest.raises(OutputError, match="--out"):
        RunDir(tmp_path / "file" / "run").claim(recipe, overwrite=False)


def test_reads_are_appended(folder):
    folder.log_read("train", "training")
    folder.log_read("test", "final")
    lines = [json.loads(line) for line in folder.reads_path.read_text().splitlines()]
    assert [(line["part"], line["purpose"]) for line in lines] == [
        ("train", "training"),
        ("test", "final"),
    ]
    assert all(line["at"].endswith("+00:00") for line in lines)


def test_an_unwritable_log_is_reported(folder):
    folder.reads_path.mkdir()
    with pytest.raises(OutputError, match=r"reads\.jsonl"):
        folder.log_read("train", "training")


@pytest.mark.parametrize("name", ["../victim", "/victim", "..", ""])
def test_names_that_lead_out_of_the_folder_are_not_followed(folder, recipe, name):
    victim = folder.path.parent / "victim.zip"
    victim.write_text("precious")
    state = read_sealed(folder.state_path)
    assert state is not None
    write_sealed(folder.state_path, {**state, "name": name})
    assert not folder.started
    with pytest.raises(RecipeError):
        folder.stored()
    with pytest.raises(RecipeError):
        folder.claim(recipe, overwrite=True)
    assert victim.read_text() == "precious"
