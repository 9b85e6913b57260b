"""``motefit check`` as a process: what it prints, and its exit codes."""

import json
import shutil
from dataclasses import replace

from motefit.runtime import load_bundle, write_bundle


def test_figures_are_reproduced_exactly_in_a_second_process(climate_run, motefit_process, tmp_path):
    done = motefit_process(
        "check", climate_run.bundle, "--data", climate_run.data, "--out", tmp_path, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["differences"], found["same_data"], found["met"]) == ([], True, True)
    assert found["model_sha256"] == load_bundle(climate_run.bundle).card.model_sha256
    assert found["report"] == str(tmp_path / "report.html")
    assert "INFO" not in done.stderr


def test_a_difference_is_exit_code_1_and_a_damaged_bundle_2(invoke, refused, climate_run, tmp_path):
    bundle = shutil.copy(climate_run.bundle, tmp_path / "model.zip")
    old = load_bundle(bundle)
    write_bundle(bundle, old.model, replace(old.card, facts={**old.card.facts, "macs": 1.0}))
    result = invoke("check", bundle, "--data", climate_run.data)
    assert result.exit_code == 1
    assert "differs macs: the card says 1, measured" in result.stdout
    bundle.write_bytes(bundle.read_bytes()[:-40])
    assert str(bundle) in refused("check", bundle, "--data", climate_run.data)
