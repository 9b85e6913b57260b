"""``motefit kws``, ``forecast``, ``inspect`` and ``recipes``."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

from motefit.runtime import Forecaster, load_bundle, write_bundle
from motefit.spec.recipe import Recipe


def lost(line: str) -> str:
    """Remove the temperature from a row of the climate file."""
    return line.split(",", maxsplit=1)[0] + ",-9999,50,1000"


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


def test_classifications_as_json(invoke, tones_run):
    clip = clips(tones_run, "high")[0]
    (row,) = json.loads(invoke("kws", tones_run.bundle, clip, "--json").stdout)
    assert row["file"] == str(clip)
    assert row["label"] == "high"
    assert 0.5 < row["probability"] <= 1


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".wav"])
def test_other_formats_rates_and_channels(invoke, tones_run, tmp_path, suffix):
    samples, rate_hz = soundfile.read(clips(tones_run, "low")[0])
    stereo = np.repeat(np.stack([samples, samples], axis=1), 2, axis=0)
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, stereo, 2 * rate_hz)
    assert invoke("kws", tones_run.bundle, path).stdout.startswith("low")


def test_a_folder_without_audio(refused, tones_run, tmp_path):
    assert "has no audio files" in refused("kws", tones_run.bundle, tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_file_that_is_not_audio(refused, tones_run, tmp_path, content):
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    assert str(path) in refused("kws", tones_run.bundle, path)


def test_a_model_of_the_other_task(refused, tones_run, climate_run):
    assert "is a model for forecasting" in refused("kws", climate_run.bundle, tones_run.data)
    said = refused("forecast", tones_run.bundle, climate_run.data)
    assert "is a model for keyword-spotting" in said


def test_a_forecast_follows_the_last_rows(invoke, climate_run):
    result = invoke("forecast", climate_run.bundle, climate_run.data, "--json")
    rows = json.loads(result.stdout)
    lines = climate_run.data.read_text().splitlines()[-4:]
    last = datetime.strptime(lines[-1].split(",")[0], "%d.%m.%Y %H:%M:%S")  # noqa: DTZ007
    times = [datetime.fromisoformat(row["time"]) for row in rows]
    assert times == [last + timedelta(minutes=10), last + timedelta(minutes=20)]
    window = np.array([[float(v) for v in line.split(",")[1:3]] for line in lines])
    expected = Forecaster.load(climate_run.bundle).predict(window)
    found = [[row["T (degC)"], row["rh (%)"]] for row in rows]
    np.testing.assert_array_equal(found, expected)
    assert {row["input_end"] for row in rows} == {str(last)}
    assert {(row["zone"], row["filled_inputs"]) for row in rows} == {("", 0)}


def test_a_forecast_in_words(invoke, climate_run):
    origin, head, *rows = invoke(
        "forecast", climate_run.bundle, climate_run.data
    ).stdout.splitlines()
    assert re.fullmatch(
        r"input ends \S+ \S+, the newest row; times as in the file, which states no zone", origin
    )
    assert [name.strip() for name in head.split("  ")[-2:]] == ["T (degC)", "rh (%)"]
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(
            lambda rows: rows[:3],
            "has 2 such rows up to there, after a gap, a missing value or the start of the file; "
            "no earlier row can be used either",
            id="few rows",
        ),
        pytest.param(lambda rows: [*rows[:-3], *rows[-2:]], "has 2 such rows up to", id="gap"),
        pytest.param(
            lambda rows: [*rows[:-2], lost(rows[-2]), rows[-1]], "has 1 such rows", id="sentinel"
        ),
        pytest.param(
            lambda rows: [rows[0].replace("T (degC)", "T"), *rows[1:]],
            "no column 'T (degC)'",
            id="column",
        ),
        pytest.param(lambda rows: [*rows, rows[-2]], "twice", id="repeated row"),
        pytest.param(lambda rows: rows[:0], "the file is empty", id="empty"),
    ],
)
def test_an_unusable_series(refused, climate_run, tmp_path, damage, said):
    path = tmp_path / "series.csv"
    path.write_text("\n".join(damage(climate_run.data.read_text().splitlines())) + "\n")
    assert said in refused("forecast", climate_run.bundle, path)


@pytest.fixture
def stale(climate_run, tmp_path) -> tuple[Path, Path, str]:
    """A file whose three newest rows lack a value, the file without them, and its last time."""
    lines = climate_run.data.read_text().splitlines()
    marked, shorter = tmp_path / "marked.csv", tmp_path / "shorter.csv"
    marked.write_text("\n".join([*lines[:-3], *map(lost, lines[-3:])]) + "\n")
    shorter.write_text("\n".join(lines[:-3]) + "\n")
    last = datetime.strptime(lines[-4].split(",")[0], "%d.%m.%Y %H:%M:%S")  # noqa: DTZ007
    return marked, shorter, str(last)


def test_stale_rows_are_refused_and_the_last_usable_one_is_named(refused, climate_run, stale):
    marked, _, last = stale
    said = refused("forecast", climate_run.bundle, marked)
    assert "a value is missing there (empty, NaN or a sentinel)" in said
    assert (
        f"the last usable row is {last}: give newer rows, or forecast from that one with "
        f'at (--at "{last}") or stale_ok (--stale-ok)'
    ) in said


def test_a_forecast_from_a_row_equals_that_of_a_file_ending_there(invoke, climate_run, stale):
    marked, shorter, last = stale
    wanted = json.loads(invoke("forecast", climate_run.bundle, shorter, "--json").stdout)
    whole = climate_run.data
    for options in ([marked, "--stale-ok"], [marked, "--at", last], [whole, "--at", last]):
        found = invoke("forecast", climate_run.bundle, *options, "--json")
        assert json.loads(found.stdout) == wanted
        said = invoke("forecast", climate_run.bundle, *options).stdout
        assert said.startswith(f"input ends {last}, not at the newest row, ")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2009-01-20 00:05:00", "no row has the time '2009-01-20 00:05:00'; the rows go from 2009"),
        ("yesterday", "at (--at) 'yesterday' is not a time in ISO 8601 nor in '%d.%m.%Y %H:%M:%S'"),
        ("2009-01-20T00:00:00+01:00", "has a zone, but the times of"),
        ("2009-01-01 00:20:00", "has 2 such rows up to there"),
    ],
)
def test_a_time_that_no_forecast_starts_from(refused, climate_run, at, said):
    assert said in refused("forecast", climate_run.bundle, climate_run.data, "--at", at)


def test_a_forecast_keeps_the_zone_of_the_row_it_starts_from(
    invoke, refused, climate_run, tmp_path
):
    """Four rows before and four after the clock goes back; 02:50 occurs twice."""
    card = load_bundle(climate_run.bundle).card
    recipe = {**card.recipe, "data": {**card.recipe["data"], "time_format": ""}}
    bundle = tmp_path / "zoned.zip"
    write_bundle(bundle, load_bundle(climate_run.bundle).model, replace(card, recipe=recipe))
    utc = [datetime(2024, 10, 27, 0, 20, tzinfo=UTC) + timedelta(minutes=10 * i) for i in range(12)]
    zoned = [t.astimezone(timezone(timedelta(hours=2 if t.hour < 1 else 1))) for t in utc]
    path = tmp_path / "zoned.csv"
    path.write_text(
        "\n".join(
            [
                "Date Time,T (degC),rh (%)",
                *(f"{t.isoformat()},{i},{50 + i}" for i, t in enumerate(zoned)),
            ]
        )
    )
    rows = json.loads(invoke("forecast", bundle, path, "--json").stdout)
    assert [row["time"] for row in rows] == [
        "2024-10-27 03:20:00+01:00", "2024-10-27 03:30:00+01:00",
    ]  # fmt: skip
    assert {row["zone"] for row in rows} == {"+01:00"}
    said = refused("forecast", bundle, path, "--at", "2024-10-27 02:50:00")
    assert "2 rows have the time" in said
    assert 'as at (--at): "2024-10-27 02:50:00+02:00"' in said
    for at in ("2024-10-27 02:50:00+02:00", "2024-10-27T00:50:00Z"):
        first = invoke("forecast", bundle, path, "--at", at).stdout.splitlines()
        assert first[0] == (
            "input ends 2024-10-27 02:50:00+02:00, not at the newest row, 2024-10-27 04:10:00+02:00"
        )
        assert first[2].startswith("2024-10-27 03:00:00+02:00")


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


def test_a_forecast_as_csv(invoke, climate_run):
    written = invoke("forecast", climate_run.bundle, climate_run.data, "--format", "csv").stdout
    names, *rows = csv.reader(io.StringIO(written))
    assert names == ["time", "T (degC)", "rh (%)"]
    told = json.loads(
        invoke("forecast", climate_run.bundle, climate_run.data, "--format", "json").stdout
    )
    for row, step in zip(rows, told, strict=True):
        assert datetime.fromisoformat(row[0]) == datetime.fromisoformat(step["time"])
        assert [float(text) for text in row[1:]] == [step[name] for name in names[1:]]


def test_a_new_file_is_scored_on_its_last_tenth_or_whole(invoke, climate_run, tmp_path):
    """A new file of one run: 4 rows in, 2 out."""
    lines = climate_run.data.read_text().splitlines()
    path = tmp_path / "later.csv"
    path.write_text("\n".join([lines[0], *lines[1:401]]))
    common = ("check", climate_run.bundle, "--data", path, "--out", tmp_path / "checked")
    part = invoke(*common).stdout
    assert "scored on the last 10 % of each gap-free run, 35 windows; --all" in part
    whole = json.loads(invoke(*common, "--all", "--json").stdout)
    assert whole["scope"].startswith("the whole file, 395 windows")


def test_all_data_of_words_cannot_be_scored(refused, tones_run, tmp_path):
    said = refused("check", tones_run.bundle, "--data", tones_run.data, "--all",
                   "--out", tmp_path / "checked")  # fmt: skip
    assert "leave --all out" in said


def test_a_forecast_for_a_station_of_several(invoke, refused, climate_run, tmp_path):
    loaded = load_bundle(climate_run.bundle)
    recipe = {**loaded.card.recipe, "data": {**loaded.card.recipe["data"], "group": "station"}}
    bundle = tmp_path / "grouped.zip"
    write_bundle(bundle, loaded.model, replace(loaded.card, recipe=recipe))
    lines = climate_run.data.read_text().splitlines()[:9]
    path = tmp_path / "stations.csv"
    rows = [f"{line},{name}" for line in lines[1:] for name in ("roof", "yard")]
    path.write_text("\n".join([f"{lines[0]},station", *rows]))
    said = refused("forecast", bundle, path)
    assert "name one as group (--group): roof, yard" in said
    assert "no group 'yrad' (did you mean 'yard'?)" in refused(
        "forecast", bundle, path, "--group", "yrad"
    )
    plain = tmp_path / "plain.csv"
    plain.write_text("\n".join(lines))
    own = invoke("forecast", bundle, path, "--group", "yard", "--format", "csv").stdout
    assert own == invoke("forecast", climate_run.bundle, plain, "--format", "csv").stdout
