"""Runs that nothing can meet, folders that are not theirs, and trainings that fail."""

import pytest

import motefit
from motefit.fitting.fit import NothingTrainedError
from motefit.spec.errors import MotefitError, OutputError, RecipeError


@pytest.fixture
def fit_climate(climate_recipe, climate_csv, tmp_path):
    """Fit the small forecaster after a change of its recipe."""

    def run(old: str = "", new: str = "", **options: object) -> motefit.FitResult:
        text = climate_recipe.read_text()
        assert old in text
        climate_recipe.write_text(text.replace(old, new))
        given = {"out": tmp_path / "run", "workers": 1, "progress": "quiet", **options}
        return motefit.fit(climate_recipe, data=climate_csv, **given)

    return run


def test_a_budget_that_no_candidate_can_meet(fit_climate, tmp_path):
    result = fit_climate("< 1100 B", "< 200 B")
    assert (result.met, result.releases, result.screened) == (False, {}, 1)
    with pytest.raises(NothingTrainedError, match="no candidate can meet the budget"):
        _ = result.main
    assert result.rejected == {"size.tflite_bytes": 1}
    assert "200 B" in result.nearest_miss.reason
    head, missed, nearest = str(result).splitlines()
    assert head == "no candidate can meet the budget (1 screened, none trained)"
    assert missed == "missed by 1: size.tflite_bytes"
    assert nearest.startswith("nearest: seed 0: size.tflite_bytes is")
    assert "bound < 200 B" in nearest
    assert not (tmp_path / "run").exists()


def test_a_board_that_no_candidate_fits_stops_a_run_before_training(fit_climate, tmp_path):
    lines = '[budget]\nestimate.pico_ms = "< 1 us"\nflash_bytes = "< 64 KB"'
    result = fit_climate("[budget]", lines)
    assert result.rejected == {"estimate.pico_ms": 1}
    assert not (tmp_path / "run").exists()


def test_an_impossible_budget_leaves_an_older_run_alone(fit_climate, climate_run):
    before = climate_run.bundle.read_bytes()
    result = fit_climate("< 1100 B", "< 200 B", out=climate_run.folder, overwrite=True)
    assert not result.met
    assert climate_run.bundle.read_bytes() == before


@pytest.mark.parametrize("out", ["/proc/motefit", "/dev/null/run"])
def test_a_folder_that_cannot_be_written(fit_climate, out):
    with pytest.raises(OutputError, match=f"{out}.*--out"):
        fit_climate(out=out)


def test_a_folder_that_is_a_file(fit_climate, tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        fit_climate()
    assert (tmp_path / "run").read_text() == "mine"


def test_a_folder_with_another_run(climate_run, tones_run):
    with pytest.raises(RecipeError, match=r"another recipe.*--overwrite"):
        motefit.fit(tones_run.recipe, data=tones_run.data, out=climate_run.folder, progress="quiet")


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_are_never_overwritten(fit_climate, tmp_path, overwrite):
    mine = tmp_path / "project"
    mine.mkdir()
    (mine / "recipe.toml").write_text("mine")
    with pytest.raises(RecipeError, match="has other files"):
        fit_climate(out=mine, overwrite=overwrite)
    assert [p.name for p in mine.iterdir()] == ["recipe.toml"]


@pytest.mark.slow
def test_a_device_that_torch_does_not_know(fit_climate):
    with pytest.raises(MotefitError, match="abacus"):
        fit_climate(device="abacus")


@pytest.mark.slow
def test_a_diverging_loss_is_reported(fit_climate, tmp_path):
    with pytest.raises(motefit.NothingTrainedError, match=r"no candidate finished.*learning_rate"):
        fit_climate("epochs = 3", 'epochs = 3\nloss = "mse"\nlearning_rate = 1e30')
    assert not list((tmp_path / "run").glob("*.zip"))
