"""A run from Python: fit, resume, check, inspect the study, and print everything."""

import pytest
from small_recipes import CLIMATE

import motefit


@pytest.fixture(scope="module")
def run(tmp_path_factory, count_reads):
    folder = tmp_path_factory.mktemp("run")
    motefit.synthesize(folder / "climate.csv", climate_days=30)
    recipe = motefit.Recipe.loads(CLIMATE.format(epochs=3), name="tiny")
    data, out = folder / "climate.csv", folder / "run"
    assert not motefit.can_resume(out)
    with count_reads() as reads:
        result = motefit.fit(recipe, data=data, out=out, workers=1, progress="quiet")
    assert set(reads.models.values()) == {1}  # every model that the run chose among
    return data, out, result


@pytest.mark.slow
def test_a_run_ends_in_a_bundle_with_its_verdict(run):
    _, out, result = run
    assert result.met
    assert result.main.bundle == out / "tiny.zip"
    text = str(result)
    assert text.splitlines()[0].split() == ["metric", "bound", "measured", "verdict"]
    assert f"bundle  {result.main.bundle}" in text
    assert "budget met" in result._repr_html_()
    assert "&lt; 2" in result._repr_html_()


def test_a_finished_run_returns_its_stored_verdict(run):
    _, out, result = run
    assert motefit.can_resume(out)
    again = motefit.resume(out, workers=1, progress="quiet")
    assert again.already_done
    assert again.main.card == result.main.card
    assert str(again).startswith("already done: ")


def test_the_card_is_confirmed(run, tmp_path):
    data, _, result = run
    checked = motefit.check(result.main.bundle, data=data, out=tmp_path, progress="quiet")
    assert checked.met
    assert checked.differences == ()
    assert "every size, accuracy and error of the card was reproduced exactly" in str(checked)


def test_the_bundle_forecasts(run):
    data, _, result = run
    found = motefit.forecast(result.main.bundle, data, stale_ok=True)
    assert found.values.shape == (2, len(found.targets))
    assert len(str(found).splitlines()) == 1 + 1 + 2


def test_the_study_prints(run):
    _, out, _ = run
    study = motefit.find_study(out)
    assert "trained" in str(motefit.studies_table([study]))
    assert "T (degC)" in str(motefit.trials_table(study))
    assert "epochs" in motefit.compare_studies([study])._repr_html_()
    with pytest.raises(motefit.RecipeError, match="choose one by its name"):
        motefit.find_study(out, name="another")
