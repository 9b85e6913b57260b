"""``motefit study`` on a real study, and the dashboard as a browser sees it."""

import csv
import fcntl
import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from motefit.runtime import load_bundle

STUDY = """
description = "a study"
task = "forecasting"
[data]
input_steps = 4
output_steps = 2
[model]
family = "mlp"
units = [4]
[train]
epochs = 4
batch_size = 256
[compress]
precision = "int8-weights"
[budget]
mae."T (degC)" = "< 3.0"
size.tflite_bytes = "< 1200 B"
objective = "mae.rh (%)"
[budgets.smaller]
size.tflite_bytes = "< 1000 B"
objective = "size.tflite_bytes"
[search]
strategy = "tpe"
max_candidates = 6
round_candidates = 3
rungs = [0.5]
finalists = 3
repeats = 2
[search.space]
"model.units" = [[2], [4], [8], [64]]
"train.learning_rate" = {low = 1e-3, high = 0.05, log = true}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory, invoke, climate_run) -> Path:
    folder = tmp_path_factory.mktemp("study")
    recipe = folder / "searched.toml"
    recipe.write_text(STUDY)
    done = invoke(
        "fit", recipe, "--data", climate_run.data, "--out", folder / "runs" / "one",
        "--workers", 1, "--progress", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events.count("screened") == 2
    return folder / "runs" / "one"


def test_every_budget_has_a_bundle_that_meets_it(study):
    main = load_bundle(study / "searched.zip")
    small = load_bundle(study / "searched-smaller.zip")
    assert len(main.model) < 1200
    assert len(small.model) < 1000
    for name in ("certificate.json", "searched-smaller.certificate.json"):
        assert json.loads((study / name).read_text())["met"] is True
    assert (study / "searched-smaller.report.html").is_file()
    assert small.card.recipe["name"] == "searched-smaller"


def test_the_card_has_search_and_spread(study):
    card = load_bundle(study / "searched.zip").card
    assert card.evidence["search"]["strategy"] == "tpe"
    assert card.evidence["search"]["trained"] + card.evidence["search"]["stopped"] == 6
    seeds = card.evidence["seeds"]
    assert seeds["n"] == len(seeds["seeds"]) == 2
    for part in ("validation", "test"):
        moments = seeds[part]["mae.rh (%)"]
        assert moments["min"] <= moments["mean"] <= moments["max"]
    assert seeds["test"]["mae.rh (%)"]["min"] <= card.facts["mae.rh (%)"]


def test_the_test_set_was_opened_once(study):
    lines = [json.loads(line)["part"] for line in (study / "reads.jsonl").read_text().splitlines()]
    assert lines.count("test") == 1


def test_list_names_the_study_and_its_best(study, invoke):
    result = invoke("study", "list", study.parent)
    assert result.exit_code == 0
    assert "searched-" in result.stdout
    assert "trained" in result.stdout
    (row,) = json.loads(invoke("study", "list", study, "--json").stdout)
    assert row["candidates"]["trained"] + row["candidates"]["stopped"] == 6
    assert row["best"]["status"] == "trained"
    assert row["date"] in result.stdout


def test_show_lists_every_candidate_best_first(study, invoke):
    found = json.loads(invoke("study", "show", study, "--json").stdout)
    assert found["records"][0] == found["best"]
    assert {r["status"] for r in found["records"]} >= {"trained", "stopped"}
    trained = [r for r in found["records"] if r["status"] == "trained"]
    assert found["records"][: len(trained)] == trained
    errors = [r["facts"]["mae.rh (%)"] for r in trained if max(r["violations"].values()) <= 0]
    assert errors == sorted(errors)  # the objective, of those within the bounds
    printed = invoke("study", "show", study, "--top", 2).stdout
    assert "more: --top" in printed
    titles, first = printed.splitlines()[1:3]
    assert titles.split()[:3] == ["candidate", "state", "epochs"]
    assert "zip bytes" in titles
    assert f"{found['best']['facts']['size.zip_bytes']:,.0f}".replace(",", " ") in first


def test_a_storage_by_its_url(study, invoke):
    url = f"sqlite:///{study / 'study.db'}"
    assert "searched-" in invoke("study", "show", url).stdout


def test_compare_puts_studies_side_by_side(study, invoke):
    result = invoke("study", "compare", study, study)
    assert result.stdout.count("searched-") == 2
    assert "stopped at a rung" in result.stdout
    assert "mae.rh (%)" in result.stdout


def test_export_writes_one_row_per_candidate(study, invoke, tmp_path):
    shown = json.loads(invoke("study", "show", study, "--json").stdout)["records"]
    assert invoke("study", "export", study, "--out", tmp_path / "x.csv").exit_code == 0
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert len(rows) == len(shown)
    assert {"round", "status", "model.units", "train.learning_rate", "mae.rh (%)"} <= rows[0].keys()
    invoke("study", "export", study, "--out", tmp_path / "x.json")
    assert len(json.loads((tmp_path / "x.json").read_text())["candidates"]) == len(shown)


def test_sources_without_a_study_are_reported(study, refused, tmp_path):
    assert "has no study" in refused("study", "list", tmp_path)
    assert "cannot be used" in refused("study", "list", "sqlite:////nowhere/x.db")
    assert ".csv or .json" in refused("study", "export", study, "--out", tmp_path / "x.txt")
    assert "choose one by its name (--name)" in refused("study", "show", study, "--name", "nobody")
    assert "0 storages" in refused("dashboard", tmp_path)


def test_a_second_process_is_refused(study, command, environment):
    descriptor = os.open(study, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = subprocess.run(
            [*command, "fit", "--resume", str(study)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(descriptor)
    assert done.returncode == 2
    assert "another process is working in" in done.stderr


@pytest.mark.slow
def test_the_dashboard_serves_the_study(study, command, environment):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*command, "dashboard", str(study), "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 1200
        while True:
            try:
                url = f"http://127.0.0.1:{port}/api/studies"
                with urllib.request.urlopen(url, timeout=300) as answer:
                    studies = json.loads(answer.read())
                break
            except OSError:
                assert time.monotonic() < end, "the dashboard does not answer"
                assert process.poll() is None
                time.sleep(0.2)
    finally:
        process.terminate()
        process.wait(timeout=1200)
    names = json.dumps(studies)
    assert "searched-" in names
