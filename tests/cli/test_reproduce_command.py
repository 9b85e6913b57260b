"""``motefit reproduce`` and the published recipes, through the command line."""

import json

import pytest

from motefit.recipes.published import published_names, published_row
from motefit.spec.recipe import Recipe


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("MOTEFIT_DATA", raising=False)


def test_data_must_be_named(refused, tmp_path):
    assert "MOTEFIT_DATA" in refused("reproduce", "--out", tmp_path)


def test_an_unknown_row_is_reported_before_training(refused, tmp_path):
    arguments = ("--data", tmp_path, "--out", tmp_path / "runs", "--results", tmp_path / "docs")
    assert "did you mean 'R1.climate'" in refused("reproduce", "--only", "R1.climat", *arguments)
    assert not (tmp_path / "runs").exists()


def test_missing_data_are_reported_before_training(refused, tmp_path):
    arguments = ("--data", tmp_path, "--out", tmp_path / "runs", "--results", tmp_path / "docs")
    said = refused("reproduce", "--only", "R4.final", *arguments)
    assert "speech/" in said.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("python", ["python", "."], ids=["absent", "folder"])
def test_a_reference_that_is_not_python_is_reported_before_training(refused, tmp_path, python):
    arguments = ("--data", tmp_path, "--out", tmp_path / "runs", "--results", tmp_path / "docs")
    said = refused("reproduce", "--only", "R4.final", *arguments, "--reference", tmp_path / python)
    assert "--reference must name a Python with TensorFlow and SciPy" in said.splitlines()[-1]
    assert "tools/tensorflow_env.py" in said
    assert not (tmp_path / "runs").exists()


def test_published_recipes_are_listed(invoke):
    listed = json.loads(invoke("recipes", "--published", "--json").stdout)
    assert [item["name"] for item in listed] == list(published_names())
    assert all(item["description"] for item in listed)
    assert "motefit recipes --published" in invoke("recipes").stdout


@pytest.mark.parametrize("name", ["R0.only-alpha", "R4.narrowing"])
def test_a_published_recipe_is_printed_with_the_choices_its_report_leaves_open(invoke, name):
    printed = invoke("recipes", name).stdout
    assert Recipe.loads(printed, name=name).description
    for choice in published_row(name)[0].choices:
        assert f"# {choice}\n" in printed
