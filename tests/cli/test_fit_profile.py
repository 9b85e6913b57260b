"""A device profile of ``motefit bench --profile`` determines what ``fit --profile`` trains."""

import dataclasses
import json

import pytest

from motefit.measure.latency.device_profile import DeviceProfile


@pytest.fixture(scope="module")
def profile(invoke, tmp_path_factory):
    """The profile of this machine."""
    path = tmp_path_factory.mktemp("profile") / "here.json"
    assert invoke("bench", "--profile", path).exit_code == 0
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


def test_on_a_slow_device_nothing_is_trained(invoke, recipe, climate_csv, profile, tmp_path):
    device, out = slower(profile, 1e5, tmp_path / "slow.json"), tmp_path / "run"
    done = invoke("fit", recipe, "--data", climate_csv, "--out", out, "--profile", device, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["rejected"] == {"latency.total_ms": 1}
    assert "latency.total_ms is" in told["nearest_miss"]["reason"]
    assert not (out / "candidates").exists()


def test_on_a_device_like_this_one_it_is_trained(invoke, recipe, climate_csv, profile, tmp_path):
    done = invoke(
        "fit", recipe, "--data", climate_csv, "--out", tmp_path / "run", "--workers", 1,
        "--profile", profile, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stdout
    assert json.loads(done.stdout)["rejected"] == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the device profile"),
        ("{", "not valid JSON"),
        ("{}", "device.json: the key 'machine' is missing"),
    ],
    ids=["absent", "text", "empty"],
)
def test_an_unusable_profile(refused, recipe, climate_csv, tmp_path, content, said):
    path, out = tmp_path / "device.json", tmp_path / "run"
    if content is not None:
        path.write_text(content)
    told = refused("fit", recipe, "--data", climate_csv, "--out", out, "--profile", path)
    assert said in told
    assert not (out / "candidates").exists()
