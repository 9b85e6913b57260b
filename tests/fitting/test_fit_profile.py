"""The profile of a device determines what a run trains for it."""

import dataclasses

import pytest

import motefit
from motefit.measure.latency.device_profile import DeviceProfile, measure_profile
from motefit.spec.errors import MotefitError


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The profile of this machine."""
    path = tmp_path_factory.mktemp("profile") / "here.json"
    measure_profile().save(path)
    return path


@pytest.fixture
def recipe(climate_recipe):
    """A bound of 5 ms on a forecast: a hundred times what it takes here."""
    text = climate_recipe.read_text()
    climate_recipe.write_text(text.replace("[budget]", '[budget]\nlatency.total_ms = "< 5 ms"'))
    return climate_recipe


def slower(profile, times: float, path):
    """Write the profile of a device that is slower than this machine by a factor."""
    here = DeviceProfile.load(profile)
    dataclasses.replace(
        here,
        frontend_p25_ms=times * here.frontend_p25_ms,
        inference_p25_ms={k: times * v for k, v in here.inference_p25_ms.items()},
    ).save(path)
    return path


def fitted(recipe, data, out, profile) -> motefit.FitResult:
    return motefit.fit(recipe, data=data, out=out, profile=profile, workers=1, progress="quiet")


def test_on_a_slow_device_nothing_is_trained(recipe, climate_csv, profile, tmp_path):
    device, out = slower(profile, 1e5, tmp_path / "slow.json"), tmp_path / "run"
    result = fitted(recipe, climate_csv, out, device)
    assert not result.met
    assert result.rejected == {"latency.total_ms": 1}
    assert "latency.total_ms is" in result.nearest_miss.reason
    assert not (out / "candidates").exists()


def test_on_a_device_like_this_one_it_is_trained(recipe, climate_csv, profile, tmp_path):
    result = fitted(recipe, climate_csv, tmp_path / "run", profile)
    assert (result.met, result.rejected) == (True, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the device profile"),
        ("{", "not valid JSON"),
        ("{}", "device.json: the key 'machine' is missing"),
    ],
    ids=["absent", "text", "empty"],
)
def test_an_unusable_profile(recipe, climate_csv, tmp_path, content, said):
    path, out = tmp_path / "device.json", tmp_path / "run"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MotefitError, match=said):
        fitted(recipe, climate_csv, out, path)
    assert not (out / "candidates").exists()
