"""A finished run answers from its stored results: nothing is measured again or changed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from motefit.fitting import fit, release
from motefit.fitting.run_dir import AGAIN
from motefit.runtime import load_bundle
from motefit.spec.files import read_sealed, write_sealed

OUTPUTS = ("tiny-climate.zip", "certificate.json", "report.html")


@pytest.fixture
def copied(climate_run, tmp_path) -> Path:
    """A copy of a finished run that a test may damage."""
    return Path(shutil.copytree(climate_run.folder, tmp_path / "run"))


def state(folder: Path) -> Mapping[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def contents(folder: Path) -> Mapping[str, bytes]:
    return {name: content for name, (_, content) in state(folder).items()}


def openings(folder: Path) -> list[str]:
    lines = map(json.loads, (folder / "reads.jsonl").read_text().splitlines())
    return [line["purpose"] for line in lines if line["part"] == "test"]


def unpathed(printed: str, folder: Path) -> str:
    """Return the output without the notice of a finished run and without paths."""
    lines = [line for line in printed.splitlines() if not line.startswith("already done")]
    return "\n".join(lines).replace(str(folder), "RUN")


@pytest.mark.parametrize("how", ["fit", "resume"])
def test_it_reports_already_done_and_its_previous_output(copied, climate_run, invoke, how):
    before = state(copied)
    if how == "fit":
        again = invoke("fit", climate_run.recipe, "--data", climate_run.data, "--out", copied)
    else:
        again = invoke("fit", "--resume", copied)
    assert again.exit_code == 0
    assert again.stdout.startswith(f"already done: {copied}")
    first = unpathed(climate_run.printed, climate_run.folder)
    assert unpathed(again.stdout, copied) == first
    assert state(copied) == before
    assert len(openings(copied)) == 1
    assert "measuring" not in again.stderr


def test_a_run_that_missed_its_budget_exits_with_1_again(
    invoke, tmp_path, climate_recipe, climate_csv
):
    climate_recipe.write_text(climate_recipe.read_text().replace('"< 2.0"', '"< 0.001"'))
    out = tmp_path / "run"
    fit_it = ("fit", climate_recipe, "--data", climate_csv, "--out", out)
    first = invoke(*fit_it)
    before = state(out)
    again = invoke(*fit_it)
    assert (first.exit_code, again.exit_code) == (1, 1)
    assert unpathed(again.stdout, out) == unpathed(first.stdout, out)
    assert "budget not met" in again.stdout
    assert state(out) == before


def test_json_is_the_same_except_for_one_key(tones_run, invoke, tmp_path):
    folder = Path(shutil.copytree(tones_run.folder, tmp_path / "run"))
    again = invoke("fit", "--resume", folder, "--json")
    table = json.loads(again.stdout.replace(str(folder), str(tones_run.folder)))
    first = json.loads(tones_run.printed)
    assert (first.pop("already_done"), table.pop("already_done")) == (False, True)
    assert table == first


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize(
    "damage", ["missing", "flipped", pytest.param("cut", marks=pytest.mark.proof)]
)
def test_a_lost_output_is_named_and_written_again(
    copied, climate_run, invoke, name, damage, caplog
):
    before = contents(copied)
    path = copied / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:-1])
    again = invoke("fit", "--resume", copied)
    assert again.exit_code == 0
    assert contents(copied) == before
    [said] = [r.getMessage() for r in caplog.records if r.name.startswith("motefit")]
    assert said.startswith("missing or damaged, written again from the finished files: ")
    assert said.endswith(name)
    assert len(openings(copied)) == 1


def test_the_notice_is_a_line_on_standard_error(copied, motefit_process):
    (copied / "certificate.json").unlink()
    done = motefit_process("fit", "--resume", copied, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["already_done"] is True
    assert f"missing or damaged, written again from the finished files: {copied}" in done.stderr


@pytest.mark.slow
def test_a_lost_bundle_without_its_candidate_is_trained_and_measured_again(
    copied, climate_run, invoke
):
    (copied / "tiny-climate.zip").unlink()
    for model in copied.glob("candidates/*/model.tflite"):
        model.write_bytes(model.read_bytes()[:-1] + b"\x55")
    again = invoke("fit", "--resume", copied)
    assert again.exit_code == 0
    assert not again.stdout.startswith("already done")
    assert load_bundle(copied / "tiny-climate.zip").model == load_bundle(climate_run.bundle).model
    first, second = openings(copied)
    assert second == first + AGAIN


@pytest.mark.slow
def test_an_interruption_between_measuring_and_writing_does_not_reopen_the_test_set(
    climate_run, invoke, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    fit_it = ("fit", climate_run.recipe, "--data", climate_run.data, "--out", out)
    with monkeypatch.context() as patch:
        # a folder in place of the bundle: the first output cannot be written
        patch.setattr(fit, "release", _damaged(out))
        assert invoke(*fit_it).exit_code == 2
    (out / "tiny-climate.zip").rmdir()
    assert not (out / "certificate.json").exists()
    assert invoke(*fit_it).exit_code == 0
    assert len(openings(out)) == 1
    assert load_bundle(out / "tiny-climate.zip").model == load_bundle(climate_run.bundle).model


def _damaged(out: Path):
    def deliver(*arguments, **options):
        (out / "tiny-climate.zip").mkdir()
        return release.release(*arguments, **options)

    return deliver


@pytest.mark.slow
@pytest.mark.parametrize("damage", [None, b"{}", b"[1"])
def test_a_lost_measurement_is_repeated_and_reported(copied, invoke, damage):
    (copied / "measured.json").unlink()
    if damage is not None:
        (copied / "measured.json").write_bytes(damage)
    again = invoke("fit", "--resume", copied)
    assert again.exit_code == 0
    first, second = openings(copied)
    assert second == first + AGAIN
    assert invoke("fit", "--resume", copied).stdout.startswith("already done")
    assert len(openings(copied)) == 2


@pytest.mark.slow
def test_how_the_times_are_distributed_is_for_the_report_only(copied):
    (bundle,) = read_sealed(copied / "measured.json")["bundles"].values()
    times = bundle["details"]["latency"]
    assert set(times) == set(bundle["card"]["evidence"]["latency"]) == {"xnnpack", "builtin"}
    assert all(values == sorted(values) and len(values) == 100 for values in times.values())
    assert "percentiles" not in str(bundle["card"])


@pytest.mark.slow
def test_a_measurement_by_an_older_version_is_repeated(copied, invoke):
    """It did not store the bundle's hash, and a repacked bundle may have another size."""
    path = copied / "measured.json"
    bundles = read_sealed(path)["bundles"]
    for bundle in bundles.values():
        del bundle["bundle_sha256"]
    write_sealed(path, {"bundles": bundles})
    assert invoke("fit", "--resume", copied).exit_code == 0
    first, second = openings(copied)
    assert second == first + AGAIN
    assert invoke("fit", "--resume", copied).stdout.startswith("already done")


@pytest.mark.slow
def test_overwrite_replaces_it(copied, climate_run, invoke):
    before = state(copied)
    again = invoke(
        "fit", climate_run.recipe, "--data", climate_run.data, "--out", copied, "--overwrite"
    )
    assert again.exit_code == 0
    assert not again.stdout.startswith("already done")
    assert len(openings(copied)) == 1
    after = state(copied)
    assert all(after[name][0] != before[name][0] for name in ("measured.json", *OUTPUTS))


def test_other_data_are_still_refused(copied, climate_run, refused, tmp_path):
    lines = climate_run.data.read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines[:-100]) + "\n")
    before = state(copied)
    assert "other data" in refused("fit", climate_run.recipe, "--data", other, "--out", copied)
    assert state(copied) == before


def test_a_changed_recipe_is_refused(copied, refused):
    path = copied / "recipe.toml"
    path.write_text(path.read_text().replace("epochs = 3", "epochs = 2"))
    assert "recipe.toml is damaged or was changed" in refused("fit", "--resume", copied)
