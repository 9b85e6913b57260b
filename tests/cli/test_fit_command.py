"""``motefit fit`` as a command: its text, JSON, notices and exit codes."""

import json
import shutil
from pathlib import Path

import pytest

from motefit.runtime import load_bundle


@pytest.fixture
def copied(climate_run, tmp_path) -> Path:
    """A copy of a finished run that a test may damage."""
    return Path(shutil.copytree(climate_run.folder, tmp_path / "run"))


def test_a_run_prints_its_verdict_and_where_its_files_are(climate_run, copied, invoke):
    (copied / "measured.json").unlink()
    done = invoke("fit", climate_run.recipe, "--data", climate_run.data, "--out", copied)
    assert done.exit_code == 0, done.output
    assert "already done" not in done.stdout
    assert "budget met" in done.stdout
    assert f"bundle  {copied / climate_run.bundle.name}" in done.stdout
    assert "measuring: the chosen files on the test set" in done.stderr


def test_a_finished_run_prints_its_result_again(climate_run, invoke):
    again = invoke("fit", "--resume", climate_run.folder)
    assert again.exit_code == 0
    notice, *lines = again.stdout.splitlines()
    assert notice.startswith(f"already done: {climate_run.folder}")
    stated = [line.split() for line in climate_run.printed.splitlines()]
    assert [line.split() for line in lines] == stated
    assert "measuring" not in again.stderr


def test_json_is_one_document_with_the_verdict(tones_run, invoke):
    table = json.loads(invoke("fit", "--resume", tones_run.folder, "--json").stdout)
    assert (table["met"], table["already_done"]) == (True, True)
    card = load_bundle(tones_run.bundle).card
    assert (table["facts"], table["model_sha256"]) == (card.facts, card.model_sha256)
    assert table["certificate"]["accuracy"]["n"] > 0
    assert Path(table["bundle"]) == tones_run.bundle


def test_a_notice_is_a_line_on_standard_error(copied, motefit_process):
    (copied / "certificate.json").unlink()
    done = motefit_process("fit", "--resume", copied, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["already_done"] is True
    assert f"missing or damaged, written again from the finished files: {copied}" in done.stderr


def test_resume_takes_nothing_else(refused, climate_run):
    assert "--resume takes recipe and data from the run" in refused(
        "fit", "climate-6", "--resume", climate_run.folder
    )
