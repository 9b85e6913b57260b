"""``reproduce``: selection, training, certificates and results."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.data.synth.climate import synthesize_climate
from motefit.recipes.catalog import find_recipe
from motefit.recipes.published import published_names, published_row, published_targets
from motefit.reproduce.page import page
from motefit.reproduce.plan import data_of, is_done, is_started, plan
from motefit.reproduce.reproduce import ReproduceResult, reproduce
from motefit.reproduce.results import collect
from motefit.reproduce.training import RowJob, train_rows
from motefit.runtime.bundle import load_bundle
from motefit.spec.errors import DataError, ModelFileError, RecipeError

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROW = "R3.climate.3-mlp-w0.03"
PATIENCE_S = 1200


def climate(folder: Path, *, days: int) -> Path:
    """Make a data folder with a synthetic series."""
    (folder / "climate").mkdir(parents=True)
    rng = np.random.default_rng(0)
    synthesize_climate(folder / "climate" / "series.csv", days=days, rng=rng)
    return folder


def run(data: Path, out: Path, **options) -> tuple[ReproduceResult, list[str]]:
    """Reproduce one row; return its result and the output."""
    said: list[str] = []
    options = {"only": [ROW], "workers": 1, **options}
    return reproduce(data, out, out / "results", tell=said.append, **options), said


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return climate(tmp_path_factory.mktemp("data"), days=20)


@pytest.fixture(scope="module")
def reproduced(data, tmp_path_factory):
    """A finished row; tests must not change its folder."""
    return run(data, tmp_path_factory.mktemp("runs"))[0]


@pytest.fixture
def runs(reproduced, tmp_path):
    """A copy of the finished row's folder."""
    return shutil.copytree(reproduced.page.parents[1], tmp_path / "runs")


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """The table before anything is trained."""
    return collect(tmp_path_factory.mktemp("empty"), {})


def test_everything_is_the_default():
    chosen = plan()
    assert set(chosen.targets) == set(published_targets())
    left = set(published_names()) - set(chosen.rows)
    assert left == {n for n in published_names() if published_row(n)[1].on_request}
    assert {"climate-6", "eight-words", "up-stop"} < set(chosen.answers)


@pytest.mark.parametrize(
    ("only", "rows", "targets", "answers"),
    [
        (["R1.climate"], 20, ("R1.climate.a", "R1.climate.b"), ("climate-6",)),
        (["R1.climate.a"], 1, ("R1.climate.a",), ("climate-6",)),
        (["climate-6"], 1, ("R1.climate.a", "R1.climate.b"), ("climate-6",)),
        (["R1.climate.w0.05"], 1, (), ()),
        (["R4.grid", "R2.final"], 2, (), ()),
        (["R4.final", "R4.grid", "R2.final"], 3, (), ()),
        (["R2"], 1, ("R2",), ("yes-no",)),
        (["R3.climate.b", "R2"], 2, ("R2", "R3.climate.b"), ("yes-no", "climate-9")),
    ],
)
def test_names_and_their_beginnings_select(only, rows, targets, answers):
    chosen = plan(only)
    assert len(chosen.rows) == rows
    assert chosen.targets == targets
    assert chosen.answers == answers


@pytest.mark.parametrize("only", ["R1.clim", "R9", "R1.climate.w0.0"])
def test_an_unknown_name_is_reported(only):
    with pytest.raises(RecipeError, match="there is no published row"):
        plan([only])


def test_missing_data_are_reported(tmp_path):
    with pytest.raises(DataError, match="no folder speech/"):
        data_of(find_recipe("R4.final"), tmp_path)
    with pytest.raises(DataError, match="must contain one CSV file, it contains 0"):
        data_of(find_recipe(ROW), tmp_path)


def test_the_page_in_the_documentation_matches_its_json():
    table = json.loads((DOCS / "results.json").read_text(encoding="utf-8"))
    assert (DOCS / "results.md").read_text(encoding="utf-8") == page(table), "motefit reproduce"


def test_the_page_names_all_rows_and_budgets_before_training(nothing):
    text = page(nothing)
    for name in published_names():
        assert f"| `{name.split('.', 1)[1]}`" in text or f"{name.split('.', 2)[-1]}`" in text
    for name in published_targets():
        assert f"\n### Budget {name}\n" in text
    assert "Trained so far: 0 of" in text
    for name in published_targets():
        section = text.split(f"\n### Budget {name}\n")[1].split("\n#")[0]
        assert section.count("not trained") == 2
    assert f"{len(published_targets())} not trained yet." in text


def fake(accuracy: float) -> dict:
    """Build a stored run with 200 clips."""
    return {
        "facts": {"accuracy": accuracy, "size.tflite_bytes": 9000.0, "latency.total_ms": 0.5},
        "evidence": {
            "accuracy": {"n": 200, "correct": round(200 * accuracy), "low": 0.9, "high": 1.0},
            "baselines": {},
        },
        "model_sha256": "m",
        "provenance": {"machine": "a machine"},
        "seconds": 12.0,
        "reads": [{"at": "2020-01-01T00:00:00+00:00", "part": "test", "purpose": "final"}],
        "recipe": "r",
    }


def test_the_page_marks_missed_bounds(nothing):
    table = copy.deepcopy(nothing)
    table["rows"]["R4.final"]["run"] = fake(0.985)
    text = page(table).split("### Budget R4\n")[1].split("###")[0]
    assert "| **98.50 % (90.0 to 100.0, n = 200)** |" in text
    assert "| 9 000 B |" in text
    table["rows"]["R4.final"]["run"] = fake(0.995)
    assert "| 99.50 % (90.0 to 100.0, n = 200) |" in page(table)


def test_a_stored_run_is_used_until_its_recipe_changes(nothing, tmp_path):
    stored = copy.deepcopy(nothing)
    stored["rows"]["R4.final"]["run"] = fake(0.995) | {"recipe": "another"}
    assert collect(tmp_path, stored)["rows"]["R4.final"]["run"] is None


@pytest.mark.slow
class TestRun:
    """A run on a synthetic series."""

    def test_the_row_is_trained_measured_and_written(self, reproduced):
        assert reproduced.plan.rows == (ROW,)
        assert not reproduced.failed
        row = reproduced.table["rows"][ROW]["run"]
        bundle = load_bundle(reproduced.page.parents[1] / ROW / f"{ROW}.zip")
        assert row["facts"] == bundle.card.facts
        assert row["seconds"] > 0
        assert set(row["evidence"]["baselines"]) == {"persistence", "least squares"}
        assert reproduced.page.read_text(encoding="utf-8") == page(reproduced.table)
        stored = json.loads(reproduced.page.with_suffix(".json").read_text(encoding="utf-8"))
        assert stored == reproduced.table

    def test_the_test_set_was_opened_once_and_last(self, reproduced):
        parts = [read["part"] for read in reproduced.table["rows"][ROW]["run"]["reads"]]
        assert parts == ["train", "validation", "test"]

    def test_the_winners_budget_is_certified_from_the_stored_facts(self, reproduced):
        target = reproduced.table["targets"]["R3.climate.a"]
        facts = reproduced.table["rows"][ROW]["run"]["facts"]
        lines = {line["metric"]: line for line in target["certificates"]["rebuilt"]["lines"]}
        assert set(lines) == {"mae.T (degC)", "mae.rh (%)", "size.zip_bytes"}
        assert all(line["value"] == facts[name] for name, line in lines.items())
        assert "answer" not in target["certificates"]

    def test_finished_rows_are_not_trained_again(self, data, runs):
        before = {p: p.stat().st_mtime_ns for p in (runs / ROW).rglob("*")}
        result, said = run(data, runs)
        assert said == ["1 of 1 runs are done, 0 to train"]
        assert {p: p.stat().st_mtime_ns for p in (runs / ROW).rglob("*")} == before
        assert result.table["rows"][ROW]["run"]["facts"]

    def test_known_rows_stay_without_their_runs(self, reproduced, runs):
        shutil.rmtree(runs / ROW)
        found = collect(runs, reproduced.table)
        assert found == reproduced.table

    def test_a_changed_recipe_is_missing_again(self, runs):
        recipe = find_recipe(ROW)
        assert is_done(runs / ROW, recipe)
        assert not is_started(runs / ROW, recipe.with_values({"train.epochs": 1}))
        assert is_done(runs / ROW, recipe.with_values({"search.repeats": 2}))

    def test_a_second_opening_of_the_test_set_is_refused(self, runs):
        with (runs / ROW / "reads.jsonl").open("a", encoding="utf-8") as log:
            log.write('{"at": "2020-01-01T00:00:00+00:00", "part": "test", "purpose": "again"}\n')
        with pytest.raises(ModelFileError, match="opened 2 times"):
            collect(runs, {})

    @pytest.mark.proof
    def test_a_failing_row_does_not_affect_the_others(self, data, tmp_path):
        said: list[str] = []
        series = data / "climate" / "series.csv"
        jobs = [
            RowJob(name=ROW, data=place, folder=tmp_path / name, overwrite=True, workers=1)
            for name, place in (("bad", data / "nothing.csv"), ("good", series))
        ]
        failed = train_rows(jobs, side_by_side=2, tell=said.append)
        assert list(failed) == [ROW]
        assert "nothing.csv" in failed[ROW]
        assert is_done(tmp_path / "good", find_recipe(ROW))
        assert len(said) == 4

    @pytest.mark.proof
    def test_ctrl_c_stops_all_and_resume_gives_the_same_bytes(self, tmp_path):
        data = climate(tmp_path / "data", days=250)
        command = [sys.executable, "-c", "from motefit.cli import main; main()", "reproduce"]
        command += ["--only", ROW, "--data", str(data), "--workers", "1"]
        source = str(Path(motefit.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": source}
        stopped = tmp_path / "stopped"
        process = subprocess.Popen(
            [*command, "--out", str(stopped), "--results", str(tmp_path / "results")],
            env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + PATIENCE_S
        while not list(stopped.glob(f"{ROW}/trainings/*/training.checkpoint")):
            assert time.monotonic() < end, "waited in vain"
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
        assert "Traceback" not in said
        assert is_started(stopped / ROW, find_recipe(ROW))
        assert not is_done(stopped / ROW, find_recipe(ROW))
        epochs = len(
            (next(stopped.glob(f"{ROW}/trainings/*/history.jsonl"))).read_text().split("\n")
        )
        assert epochs > 1
        whole, _ = run(data, tmp_path / "whole")
        resumed, said_again = run(data, stopped, resume=True)
        assert said_again[0] == "0 of 1 runs are done, 1 to train"
        facts = [r.table["rows"][ROW]["run"]["model_sha256"] for r in (whole, resumed)]
        assert facts[0] == facts[1]
