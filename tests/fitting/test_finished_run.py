"""A finished run answers from its stored results: nothing is measured again or changed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import motefit
from motefit.fitting import fit, release
from motefit.fitting.measured_run import stored_reports
from motefit.fitting.run_dir import AGAIN, RunDir
from motefit.runtime import load_bundle
from motefit.spec.errors import ModelFileError, OutputError, RecipeError
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


def fitted(recipe: Path, data: Path, out: Path, **options: bool) -> motefit.FitResult:
    return motefit.fit(recipe, data=data, out=out, workers=1, progress="quiet", **options)


def resumed(folder: Path) -> motefit.FitResult:
    return motefit.resume(folder, workers=1, progress="quiet")


class Silent(motefit.Listener):
    """Fails if anything is measured."""

    def measuring(self, what: str) -> None:
        pytest.fail(f"measuring {what}")


@pytest.mark.parametrize("how", ["fit", "resume"])
def test_it_reports_already_done_and_its_previous_output(copied, climate_run, how):
    before = state(copied)
    if how == "fit":
        again = motefit.fit(
            climate_run.recipe, data=climate_run.data, out=copied, progress=Silent()
        )
    else:
        again = motefit.resume(copied, progress=Silent())
    assert (again.met, again.already_done) == (True, True)
    assert str(again).startswith(f"already done: {copied}")
    first = unpathed(climate_run.printed, climate_run.folder)
    assert unpathed(str(again), copied) == first
    assert state(copied) == before
    assert len(openings(copied)) == 1


def test_a_run_that_missed_its_budget_misses_it_again(tmp_path, climate_recipe, climate_csv):
    climate_recipe.write_text(climate_recipe.read_text().replace('"< 2.0"', '"< 0.001"'))
    out = tmp_path / "run"
    first = fitted(climate_recipe, climate_csv, out)
    before = state(out)
    again = fitted(climate_recipe, climate_csv, out)
    assert (first.met, again.met) == (False, False)
    assert (first.already_done, again.already_done) == (False, True)
    assert unpathed(str(again), out) == unpathed(str(first), out)
    assert "budget not met" in str(again)
    assert (again.screened, again.rejected) == (first.screened, first.rejected) == (1, {})
    assert state(out) == before


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize(
    "damage", ["missing", "flipped", pytest.param("cut", marks=pytest.mark.proof)]
)
def test_a_lost_output_is_named_and_written_again(copied, name, damage, caplog):
    before = contents(copied)
    path = copied / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flipped" else content[:-1])
    assert resumed(copied).already_done
    assert contents(copied) == before
    [said] = [r.getMessage() for r in caplog.records if r.name.startswith("motefit")]
    assert said.startswith("missing or damaged, written again from the finished files: ")
    assert said.endswith(name)
    assert len(openings(copied)) == 1


@pytest.mark.slow
def test_a_lost_bundle_without_its_candidate_is_trained_and_measured_again(copied, climate_run):
    (copied / "tiny-climate.zip").unlink()
    for model in copied.glob("candidates/*/model.tflite"):
        model.write_bytes(model.read_bytes()[:-1] + b"\x55")
    assert not resumed(copied).already_done
    assert load_bundle(copied / "tiny-climate.zip").model == load_bundle(climate_run.bundle).model
    first, second = openings(copied)
    assert second == first + AGAIN


@pytest.mark.slow
def test_an_interruption_between_measuring_and_writing_does_not_reopen_the_test_set(
    climate_run, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        # a folder in place of the bundle: the first output cannot be written
        patch.setattr(fit, "release", _damaged(out))
        with pytest.raises(OutputError):
            fitted(climate_run.recipe, climate_run.data, out)
    (out / "tiny-climate.zip").rmdir()
    assert not (out / "certificate.json").exists()
    assert fitted(climate_run.recipe, climate_run.data, out).met
    assert len(openings(out)) == 1
    assert load_bundle(out / "tiny-climate.zip").model == load_bundle(climate_run.bundle).model


def _damaged(out: Path):
    def deliver(*arguments, **options):
        (out / "tiny-climate.zip").mkdir()
        return release.release(*arguments, **options)

    return deliver


@pytest.mark.slow
@pytest.mark.parametrize("damage", [None, pytest.param(b"{}", marks=pytest.mark.proof), b"[1"])
def test_a_lost_measurement_is_repeated_and_reported(copied, damage):
    (copied / "measured.json").unlink()
    if damage is not None:
        (copied / "measured.json").write_bytes(damage)
    assert not resumed(copied).already_done
    first, second = openings(copied)
    assert second == first + AGAIN
    assert resumed(copied).already_done
    assert len(openings(copied)) == 2


def test_how_the_times_are_distributed_is_for_the_report_only(copied):
    (bundle,) = read_sealed(copied / "measured.json")["bundles"].values()
    times = bundle["details"]["latency"]
    assert set(times) == set(bundle["card"]["evidence"]["latency"]) == {"xnnpack", "builtin"}
    assert all(values == sorted(values) and len(values) == 100 for values in times.values())
    assert "percentiles" not in str(bundle["card"])


@pytest.mark.slow
def test_a_measurement_by_an_older_version_is_repeated(copied):
    """It did not store the bundle's hash, and a repacked bundle may have another size."""
    path = copied / "measured.json"
    bundles = read_sealed(path)["bundles"]
    for bundle in bundles.values():
        del bundle["bundle_sha256"]
    write_sealed(path, {"bundles": bundles})
    assert not resumed(copied).already_done
    first, second = openings(copied)
    assert second == first + AGAIN
    assert resumed(copied).already_done


def test_reports_need_the_run_but_not_its_candidates(copied, climate_run, tmp_path):
    folder = RunDir(copied)
    (whole,) = stored_reports(folder).values()
    assert whole.history
    assert [row["status"] for row in whole.candidates] == ["chosen"]
    shutil.rmtree(copied / "candidates")
    (bare,) = stored_reports(folder).values()
    assert (bare.card, bare.certificate) == (whole.card, whole.certificate)
    assert (bare.history, bare.candidates) == ((), ())
    (copied / "measured.json").unlink()
    (copied / "tiny-climate.zip").unlink()
    with pytest.raises(ModelFileError, match="the run is not finished; motefit fit --resume"):
        stored_reports(folder)
    with pytest.raises(RecipeError, match="has no run"):
        stored_reports(RunDir(tmp_path / "nowhere"))


@pytest.mark.slow
def test_overwrite_replaces_it(copied, climate_run):
    before = state(copied)
    assert not fitted(climate_run.recipe, climate_run.data, copied, overwrite=True).already_done
    assert len(openings(copied)) == 1
    after = state(copied)
    assert all(after[name][0] != before[name][0] for name in ("measured.json", *OUTPUTS))


def test_other_data_are_refused(copied, climate_run, tmp_path):
    lines = climate_run.data.read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines[:-100]) + "\n")
    before = state(copied)
    with pytest.raises(RecipeError, match=r"other data.*--overwrite"):
        fitted(climate_run.recipe, other, copied)
    assert state(copied) == before


def test_the_same_data_elsewhere_are_the_run_s(copied, climate_run, tmp_path):
    moved = Path(shutil.copy(climate_run.data, tmp_path / "moved.csv"))
    assert fitted(climate_run.recipe, moved, copied).already_done


def test_a_changed_recipe_is_refused(copied):
    path = copied / "recipe.toml"
    path.write_text(path.read_text().replace("epochs = 3", "epochs = 2"))
    with pytest.raises(RecipeError, match=r"recipe.toml is damaged or was changed"):
        resumed(copied)
    path.write_text("task = ")
    with pytest.raises(RecipeError, match=r"recipe.toml is damaged"):
        resumed(copied)


@pytest.mark.parametrize("damage", ["", "{}", "[1", '{"name": 1}'])
def test_a_folder_with_a_damaged_state_is_not_a_run(copied, damage):
    (copied / "run.json").write_text(damage)
    assert not motefit.can_resume(copied)
    with pytest.raises(RecipeError, match="has no run"):
        resumed(copied)
    with pytest.raises(RecipeError, match="has other files"):
        motefit.fit("climate-6", out=copied, progress="quiet")


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(RecipeError, match="has no run"):
            resumed(folder)
