"""Latency of rows with words compared with TensorFlow, and its section of the page."""

import copy
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.recipes.catalog import find_recipe
from motefit.recipes.published import published_names
from motefit.reproduce.latency_runs import (
    PROTOCOLS,
    answer_of,
    kept,
    merged,
    models_of,
    references,
    savings,
    time_rows,
)
from motefit.reproduce.page import page
from motefit.reproduce.plan import digest, is_done
from motefit.reproduce.reproduce import reproduce
from motefit.reproduce.results import collect
from motefit.runtime.bundle import sha256, write_bundle
from motefit.spec.card import Card
from motefit.spec.errors import RecipeError
from motefit.spec.files import write_sealed
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.precision import export

TOOL = Path(__file__).resolve().parents[2] / "tools" / "tensorflow_env.py"
RUN, OTHER = "2026-01-02T03:04:05+00:00", "2026-01-02T09:00:00+00:00"
MACHINE = {
    "processor": "a processor", "cores": 4, "system": "Linux 6", "load": 0.5, "versions": "v",
}  # fmt: skip
SHIPPED = {"R2.final": "rebuilt-hash", "yes-no": "answer-hash", "R4.final": "other-hash"}


def times(total: float, *, low: float) -> dict[str, dict[str, float]]:
    """Build what a side of a row stores for each protocol."""
    plain = {"inference_ms": total / 4, "total_ms": total, "total_p25_ms": low}
    spread = {"frontend_ms": 1.0, "frontend_std_ms": 0.0, "inference_std_ms": 0.1}
    spread = {**plain, **spread, "total_std_ms": 0.25}
    return {"motefit": spread, "2020": plain, "2024": spread}


def entry(name: str, *, run: str = RUN, **sides: tuple[float, float]) -> dict:
    """Build a stored row from (figure, 25th percentile) by side."""
    figures = {side: times(total, low=low) for side, (total, low) in sides.items()}
    found = {p: {side: figures[side][p] for side in figures} for p in PROTOCOLS}
    models = models_of(name, SHIPPED)
    return {"run": run, "answer": answer_of(name), "models": models, **found}


@pytest.fixture
def latency():
    """Store R2's row and its reference in one run, R4's in another, without an answer."""
    facts = {
        "machine": MACHINE, "tensorflow": "TensorFlow 2", "threads": 1, "resolver": "xnnpack",
        "pause_s": 0.1, "pipelines": 4, "seconds": 60.0,
    }  # fmt: skip
    rows = {
        "R2.final": {"tensorflow": (4.0, 3.0), "rebuilt": (1.0, 0.5), "answer": (0.5, 0.36)},
        "R2.reference": {"tensorflow": (10.0, 9.0)},
        "R4.final": {"tensorflow": (8.0, 8.0), "rebuilt": (1.0, 1.0)},
    }
    run = {"R4.final": OTHER}
    return {
        "runs": {RUN: facts, OTHER: facts},
        "rows": {n: entry(n, run=run.get(n, RUN), **sides) for n, sides in rows.items()},
    }


def stored_run(name: str) -> dict:
    """Build a run as in ``results.json``."""
    accuracy = {"n": 200, "correct": 198, "low": 0.9, "high": 1.0}
    return {
        "facts": {"accuracy": 0.99, "size.tflite_bytes": 9000.0, "size.zip_bytes": 6000.0},
        "evidence": {"accuracy": accuracy, "baselines": {}},
        "model_sha256": SHIPPED[name],
        "provenance": {"machine": "a machine"},
        "seconds": 12.0,
        "reads": [{"at": "2020-01-01T00:00:00+00:00", "part": "test", "purpose": "final"}],
        "recipe": digest(name),
    }


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """The table before anything has run."""
    return collect(tmp_path_factory.mktemp("empty"), {})


@pytest.fixture
def stored(nothing, latency):
    """A table without runs on disk, with R2's two sides and their latencies."""
    table = copy.deepcopy(nothing)
    for name in ("R2.final", "R4.final"):
        table["rows"][name]["run"] = stored_run(name)
    table["answers"]["yes-no"] = stored_run("yes-no")
    return {**table, "latency": latency}


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ("R0.only-alpha", "go-stop"),
        ("R2.final", "yes-no"),
        ("R3.words.cnn", "eight-words"),
        ("R3.words.b", "eight-words-budgets-R3-b"),
        ("R4.narrowing", "up-down"),
        ("R4.up-stop", "up-stop"),
        ("R1.climate.w0.05", ""),
    ],
)
def test_a_row_is_answered_by_the_bundle_for_its_words(row, answer):
    assert answer_of(row) == answer


def test_the_reference_of_a_saving_is_a_row():
    assert references() == {"R2.reference": "R2.final"}
    assert set(references()) < set(published_names())


def test_savings_compare_median_totals_in_one_run(latency):
    assert savings(latency, "R2.final", "R2.reference") == pytest.approx(
        {"tensorflow": 60.0, "rebuilt": 90.0, "answer": 95.0}
    )


def test_there_is_no_saving_across_runs_or_without_a_reference(latency):
    assert savings(latency, "R4.final", "R2.reference") == {}
    latency["rows"].pop("R2.reference")
    assert savings(latency, "R2.final", "R2.reference") == {}


def test_figures_are_kept_with_their_models(latency):
    assert kept(latency, SHIPPED) == latency
    assert kept({}, SHIPPED) == {"runs": {}, "rows": {}}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"R2.final": "another"}, {"R2.reference", "R4.final"}),
        ({"yes-no": "another"}, {"R2.reference", "R4.final"}),
        ({"up-down": "new"}, {"R2.final", "R2.reference"}),
    ],
    ids=["rebuilt", "answer", "new answer"],
)
def test_figures_of_other_models_and_runs_without_rows_are_dropped(latency, change, left):
    found = kept(latency, {**SHIPPED, **change})
    assert set(found["rows"]) == left
    assert set(found["runs"]) == {row["run"] for row in found["rows"].values()}


def test_a_new_run_replaces_only_its_rows(latency):
    new = {"runs": {"later": {}}, "rows": {"R4.final": {"run": "later"}}}
    found = merged(latency, new)
    assert found["rows"]["R4.final"] == {"run": "later"}
    assert found["rows"]["R2.final"] == latency["rows"]["R2.final"]
    assert set(found["runs"]) == {RUN, OTHER, "later"}
    assert merged({}, {}) == {"runs": {}, "rows": {}}


def test_the_certificate_of_a_saving_names_its_reference(stored, tmp_path):
    target = collect(tmp_path, stored)["targets"]["R2"]
    assert target["saved"]["reference"] == "R2.reference"
    assert (target["saved"]["run"], target["saved"]["protocol"]) == (RUN, "2024")
    for side, percent in (("rebuilt", 90.0), ("answer", 95.0)):
        lines = {line["metric"]: line for line in target["certificates"][side]["lines"]}
        assert lines["latency.saving_percent"]["value"] == pytest.approx(percent)
        assert lines["latency.saving_percent"]["verdict"] == "pass"


def test_an_unmeasured_saving_does_not_pass_whatever_was_stored(stored, tmp_path):
    stored.pop("latency")
    stored["rows"]["R2.final"]["run"]["facts"]["latency.saving_percent"] = 99.0
    stored["targets"]["R2"]["timed"] = {"rebuilt": {"latency.saving_percent": 78.4}}
    table = collect(tmp_path, stored)
    target = table["targets"]["R2"]
    lines = {line["metric"]: line for line in target["certificates"]["rebuilt"]["lines"]}
    assert lines["latency.saving_percent"]["verdict"] == "not measured"
    assert not target["certificates"]["answer"]["met"]
    text = page(table).split("### Budget R2\n")[1].split("\n#")[0]
    assert "| Latency saved | > 40.0 % | 66.8 % | - | - |" in text
    assert "The saving is not measured: `motefit reproduce --reference PYTHON`." in text
    assert "not all measured" in text


def section(table: dict) -> str:
    return page(table).split("\n## Latency beside TensorFlow\n")[1].split("\n## ")[0]


def test_the_page_has_the_figures_of_each_side_and_their_ratios(stored, tmp_path):
    text = section(collect(tmp_path, stored))
    cells = "4.00 | 1.00 | 0.50 | 0.125 | 0.120"
    spread = "4.00 ± 0.25 | 1.00 ± 0.25 | 0.50 ± 0.25 | 0.125 | 0.120"
    tables = dict(part.split("\n", 1) for part in text.split("\n### By the protocol ")[1:])
    assert list(tables) == list(PROTOCOLS)
    for protocol, rows in tables.items():
        shown = cells if protocol == "2020" else spread
        assert f"| `R2.final` (`yes-no`) | - | {shown} |\n" in rows
        assert f"| `R0.only-alpha` (`go-stop`) | - |{' - |' * 5}\n" in rows
    assert "| `R4.final` (`up-down`) | 25.800 ms | 8.00 | 1.00 | - | - | - |" in tables["2020"]
    assert "| `R2.reference` (`yes-no`) | - | 10.00 | - | - | - | - |" in tables["2020"]
    assert "Run of 2026-01-02 03:04 UTC: a processor, 4 cores, Linux 6, load 0.5" in text
    assert "TensorFlow 2; 1 thread, xnnpack; 4 pipelines, pauses of 0.1 s, 60 s in all" in text
    assert "R1.climate" not in text
    assert "was busy" not in text
    stored["latency"]["runs"][OTHER] = {
        **stored["latency"]["runs"][OTHER], "machine": {**MACHINE, "load": 8.0},
    }  # fmt: skip
    assert section(collect(tmp_path, stored)).count("The machine was busy") == 1


def test_the_verdict_is_by_25th_percentiles(stored, tmp_path):
    table = collect(tmp_path, stored)
    most = "the largest ratio is 0.120 (`R2.final`), 0.020 too much.\n"
    assert f"- 2024: **missed** in 1 of 1 rows; {most}" in section(table)
    sides = table["latency"]["rows"]["R2.final"]["2024"]
    sides["answer"]["total_p25_ms"] = 0.3
    most = "the largest ratio is 0.100 (`R2.final`)"
    assert f"- 2024: **met** in all 1 rows; {most}.\n" in section(table)
    assert "- 2020: **missed**" in section(table)
    assert "protocol 2024, at most a tenth of the reference in TensorFlow: **met** in all" in head(
        table
    )


def test_missing_measurements_are_reported_as_such(nothing):
    text = section(nothing)
    assert "Not measured yet" in text
    assert "- 2020: not measured.\n" in text
    rows = re.findall(r"^\| `R.*$", text, re.MULTILINE)
    assert len(rows) > 20
    assert all(row.split(" | ", 2)[2] == " | ".join("-" * 5) + " |" for row in rows)


def head(table: dict) -> str:
    return page(table).split("\n## In short\n")[1].split("\n## ")[0]


def test_the_head_compares_accuracy_and_zip(stored, tmp_path):
    run = stored["answers"]["yes-no"]
    run["facts"]["accuracy"], run["evidence"]["accuracy"]["correct"] = 0.995, 199
    text = head(collect(tmp_path, stored))
    compared = "6 000 B | 1.36 | 1.00 | 99.50 % | +0.50 points | +0.50 points |"
    assert f"| `yes-no` | R2 | {compared}" in text
    assert (
        "in a zip of at most 8 KB: **met**. Zips are 1.36 of the published and 1.00 of the rebuilt."
        " Accuracy: +0.50 points against published, +0.50 points against rebuilt.\n"
    ) in text
    assert "13 not trained yet." in text
    assert "Climate" not in text
    assert "Eight" not in text


def test_the_head_names_pairs_of_words_with_too_many_errors_or_bytes(stored, tmp_path):
    stored["answers"]["yes-no"]["facts"]["size.zip_bytes"] = 9000.0
    text = head(collect(tmp_path, stored))
    assert "**missed** by `yes-no` (2 errors in 200 clips, zip 9 000 B)." in text


@pytest.mark.parametrize(
    ("accuracy", "size", "said"),
    [
        (0.96, 23 * 1024.0, "**met**"),
        (0.95, 23 * 1024.0, "**missed** by `eight-words` (accuracy 95.00 %)"),
        (0.96, 24 * 1024.0, "**missed** by `eight-words` (zip 24.00 KB)"),
    ],
    ids=["met", "accuracy", "zip"],
)
def test_the_head_has_a_verdict_on_eight_words(stored, tmp_path, accuracy, size, said):
    facts = {"accuracy": accuracy, "size.zip_bytes": size}
    run = stored_run("yes-no") | {"facts": facts, "recipe": digest("eight-words")}
    stored["answers"]["eight-words"] = run
    assert f"- Eight words, `eight-words`: at least 95.5 % in a zip of at most 23 KB: {said}." in (
        head(collect(tmp_path, stored))
    )


def climate(name: str, t: float, *, zipped: float) -> dict:
    """Build a stored forecaster of six steps."""
    facts = {"mae.T (degC)": t, "mae.rh (%)": 2.0 * t, "size.zip_bytes": zipped}
    run = stored_run("R2.final") | {"facts": facts, "recipe": digest(name)}
    return run | {"evidence": {"baselines": {}}}


@pytest.mark.parametrize(
    ("rebuilt", "zipped", "said"),
    [
        (0.4, 800.0, "**met**. Zips are 0.50 of the published and 1.00 of the rebuilt."),
        (0.4, 900.0, "**missed** by `climate-6` (zip 0.56 of the published)."),
        (0.2, 800.0, "**missed** by `climate-6` (T +50.0 %, rh +50.0 %)."),
    ],
    ids=["met", "zip", "error"],
)
def test_the_head_has_a_verdict_on_forecasts(stored, tmp_path, rebuilt, zipped, said):
    stored["rows"]["R1.climate.w0.05"]["run"] = climate("R1.climate.w0.05", rebuilt, zipped=zipped)
    stored["answers"]["climate-6"] = climate("climate-6", 0.3, zipped=zipped)
    text = head(collect(tmp_path, stored))
    assert f"both errors below the rebuilt network's: {said}" in text
    change = f"{100 * (0.3 / rebuilt - 1):+.1f} %"
    assert f"Errors against rebuilt: T {change}, rh {change}.\n" in text


def test_a_forecast_without_a_rebuilt_network_is_not_called_better(stored, tmp_path):
    stored["answers"]["climate-6"] = climate("climate-6", 0.3, zipped=700.0)
    text = head(collect(tmp_path, stored))
    assert "**missed** by `climate-6` (nothing rebuilt to compare with)" in text


def test_a_reference_is_tried_before_anything_is_trained(tmp_path):
    said: list[str] = []
    out = tmp_path / "runs"
    with pytest.raises(RecipeError, match=r"cannot start .*; --reference must name .*tf/bin/pip"):
        reproduce(
            tmp_path, out, tmp_path / "results", only=["R4.final"],
            reference=tmp_path / "python", tell=said.append,
        )  # fmt: skip
    assert not said
    assert not out.exists()


def test_rows_without_words_or_run_are_skipped(tmp_path):
    said: list[str] = []
    names = ["R1.climate.w0.05", "R2.final", "R2.reference"]
    assert time_rows(names, tmp_path, tmp_path / "python", tell=said.append) == {}
    assert said == ["latencies: none of the requested rows has words and a finished run"]


def finished(out: Path, name: str) -> str:
    """Make a folder look like a recipe's finished run, with an untrained network."""
    recipe = find_recipe(name)
    problem = Problem(input_shape=recipe.frontend.shape, outputs=len(recipe.data.words))
    rng = np.random.default_rng(0)
    graph = build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)
    model = export(graph, recipe.compress, examples=np.zeros((1, *graph.input_shape), np.float32))
    io = SpeechIO(
        labels=tuple(sorted(recipe.data.words)),
        frontend=recipe.frontend,
        normalization=Normalization(),
    )
    folder = out / name
    card = Card(task=recipe.task, io=io, model_sha256=sha256(model))
    write_bundle(folder / f"{name}.zip", model, card)
    (folder / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    state = {"name": name, "data": "", "data_sha256": ""}
    write_sealed(folder / "run.json", state)
    assert is_done(folder, recipe)
    return card.model_sha256


@pytest.fixture(scope="module")
def tensorflow():
    """Find the Python of the environment with TensorFlow, if there is one."""
    spec = importlib.util.spec_from_file_location("tensorflow_env", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    python = module.installed()
    if python is None:
        pytest.skip("TensorFlow's environment absent: python tools/tensorflow_env.py makes it")
    return python


@pytest.mark.slow
def test_rows_are_timed_against_tensorflow_in_one_run(tensorflow, tmp_path):
    said: list[str] = []
    names = ["R2.final", "R4.final", "yes-no"]
    hashes = {name: finished(tmp_path, name) for name in names}
    asked = ["R2.final", "R4.final", "R4.up-stop", "R3.climate.3-mlp"]
    found = time_rows(asked, tmp_path, tensorflow, pause_s=0, tell=said.append)
    assert said == [
        "latencies: 6 pipelines of 3 rows",
        "latencies: R2.final, R2.reference",
        "latencies: R4.final",
    ]
    ((run, facts),) = found["runs"].items()
    assert (facts["threads"], facts["pause_s"], facts["pipelines"]) == (1, 0, 6)
    assert "TensorFlow" in facts["tensorflow"]
    sides = {name: (row["run"], set(row["2020"])) for name, row in found["rows"].items()}
    assert sides == {
        "R2.final": (run, {"tensorflow", "rebuilt", "answer"}),
        "R4.final": (run, {"tensorflow", "rebuilt"}),
        "R2.reference": (run, {"tensorflow"}),
    }
    row = found["rows"]["R2.final"]
    assert row["models"] == {"rebuilt": hashes["R2.final"], "answer": hashes["yes-no"]}
    assert kept(found, hashes) == found
    for protocol in PROTOCOLS:
        for figures in row[protocol].values():
            assert 0 < figures["inference_ms"] < figures["total_ms"]
        assert row[protocol]["answer"]["total_p25_ms"] < row[protocol]["tensorflow"]["total_p25_ms"]
    percent = savings(found, "R2.final", "R2.reference")
    assert 0 < percent["tensorflow"] < percent["rebuilt"] < 100
    assert 0 < percent["answer"] < 100
