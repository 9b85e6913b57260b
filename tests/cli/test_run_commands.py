"""``motefit kws``, ``forecast``, ``inspect`` and ``recipes``."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.runtime import load_bundle
from motefit.spec.recipe import Recipe


def clips(run, word: str) -> list[Path]:
    return sorted((run.data / word).iterdir())


def test_files_and_folders_are_classified_in_order(invoke, tones_run):
    result = invoke("kws", tones_run.bundle, tones_run.data / "low", clips(tones_run, "high")[0])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [
        *map(str, clips(tones_run, "low")),
        str(clips(tones_run, "high")[0]),
    ]
    heard = [line.split()[0] for line in lines]
    assert np.mean([word == "low" for word in heard[:-1]]) >= 0.75
    assert heard[-1] == "high"


def test_a_model_of_the_other_task(refused, tones_run, climate_run):
    assert "is a model for forecasting" in refused("kws", climate_run.bundle, tones_run.data)
    said = refused("forecast", tones_run.bundle, climate_run.data)
    assert "is a model for keyword-spotting" in said


def test_inspect_shows_where_the_bytes_go(invoke, climate_run, tmp_path):
    result = invoke("inspect", climate_run.bundle, "--json")
    found = json.loads(result.stdout)
    model = load_bundle(climate_run.bundle).model
    assert sum(found["bytes_by_part"].values()) == found["size_bytes"] == len(model)
    bare = tmp_path / "model.tflite"
    bare.write_bytes(model)
    assert json.loads(invoke("inspect", bare, "--json").stdout) == found
    assert "where the bytes go" in invoke("inspect", bare).stdout


@pytest.mark.parametrize("content", [None, b"", b"\0\0\0\0TFL3", b"text that is no model"])
def test_inspect_of_a_file_that_is_not_a_model(refused, tmp_path, content):
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    assert refused("inspect", path)


def test_recipes_are_listed(invoke):
    names = {row["name"] for row in json.loads(invoke("recipes", "--json").stdout)}
    assert names >= {
        "quickstart", "up-down", "yes-no", "go-stop", "eight-words", "climate-3", "climate-6",
        "climate-9", "climate-6-linear", "climate-3-clock", "climate-6-clock", "climate-9-clock",
    }  # fmt: skip
    listed = invoke("recipes").stdout
    assert all(name in listed for name in names)


def test_every_recipe_round_trips_as_toml(invoke):
    for row in json.loads(invoke("recipes", "--json").stdout):
        name = row["name"]
        recipe = Recipe.loads(invoke("recipes", name).stdout, name=name)
        assert json.loads(invoke("recipes", name, "--json").stdout) == recipe.to_table()


def test_an_unknown_recipe(refused):
    assert "did you mean 'climate-6'?" in refused("recipes", "climate6")


@pytest.mark.parametrize("arguments", [["fit", "--nonsense"], ["nonsense"], ["check"]])
def test_usage_errors_are_exit_code_2(invoke, arguments):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_square_brackets_in_names_are_not_markup(refused, invoke, climate_run, tmp_path):
    folder = tmp_path / "[red]runs[/red]"
    folder.mkdir(parents=True)
    model = Path(shutil.copy(climate_run.bundle, folder / "m:smile:.zip"))
    assert str(folder) in refused("inspect", folder / "no.zip")
    assert f"{folder}/m:smile:.zip" in invoke("inspect", model).stdout


def test_a_forecast_as_json_text_and_csv(invoke, climate_run):
    given = ("forecast", climate_run.bundle, climate_run.data)
    found = motefit.forecast(climate_run.bundle, climate_run.data)
    rows = json.loads(invoke(*given, "--json").stdout)
    assert [[row["T (degC)"], row["rh (%)"]] for row in rows] == found.values.tolist()
    assert [row["time"] for row in rows] == [found.written(time) for time in found.times]
    end = found.written(found.input_end)
    assert {(r["input_end"], r["zone"], r["filled_inputs"]) for r in rows} == {(end, "", 0)}
    assert invoke(*given).stdout == f"{found}\n"
    assert invoke(*given, "--format", "csv").stdout == found.to_csv()


def test_a_forecast_takes_a_time_and_a_group(invoke, refused, climate_run):
    lines = climate_run.data.read_text().splitlines()[-4:]
    given = ("forecast", climate_run.bundle, climate_run.data, "--stale-ok")
    at = lines[0].split(",")[0]
    assert "not at the newest row" in invoke(*given, "--at", at).stdout
    assert "group" in refused(*given, "--group", "roof")
