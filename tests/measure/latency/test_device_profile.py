"""Device profiles: the same bytes everywhere, factors between machines."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.measure.claims import read_claims
from motefit.measure.latency.device_profile import (
    NETWORKS,
    DeviceProfile,
    LatencyScale,
    measure_profile,
    reference_models,
)
from motefit.measure.machine import Machine
from motefit.runtime.bundle import sha256
from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import DataError, RecipeError
from motefit.tflite.model import ModelFile

# Profiles made anywhere compare only while these stay; a change needs a new schema version.
HASHES = {
    "conv-int8": "e316319960634f279192692173ae3619b43cbc795a0187db87578b5a2bf553b7",
    "conv-float32": "a555ea665af5ccb44435db1ddcf5b6364783c15208a0a0ca9e1f8d3f1d2351af",
    "dense-float32": "4d0c7906d7f121b50075f369c27ceee482fc4b7d6c1d3231abb828c2e7d0d035",
}
factors = st.floats(1e-3, 1e3)


def profile(**changes):
    made = DeviceProfile(
        machine=Machine(processor="p", architecture="a", bits=64, cores=4, system="s"),
        rounds=10,
        reference_p25_ms=0.1,
        frontend_p25_ms=0.2,
        inference_p25_ms=dict(zip(NETWORKS, (0.3, 0.4, 0.01), strict=True)),
        models_sha256=HASHES,
    )
    return dataclasses.replace(made, **changes)


def test_the_networks_are_the_same_bytes_everywhere():
    assert {name: sha256(model) for name, model in reference_models().items()} == HASHES


@pytest.mark.parametrize(
    ("name", "precision"),
    [("conv-int8", "int8"), ("conv-float32", "float32"), ("dense-float32", "float32")],
)
def test_the_networks_are_what_their_names_say_and_run(name, precision):
    model = reference_models()[name]
    assert read_claims(ModelFile(data=model)).precision == precision
    interpreter = Interpreter(model)
    shape = (1, *interpreter.input_shape)
    outputs = interpreter.run(np.random.default_rng(0).standard_normal(shape))
    assert np.ptp(outputs) > 0


def test_a_measured_profile_survives_its_file(tmp_path):
    made = measure_profile(rounds=8, warm_up_rounds=0)
    assert made.models_sha256 == HASHES
    assert made.rounds == 8
    path = tmp_path / "device.json"
    made.save(path)
    assert DeviceProfile.load(path) == made
    assert made.scale(made) == LatencyScale(frontend=1.0, inference=1.0)


def test_the_builtin_kernels_have_a_profile_of_their_own():
    made = measure_profile(rounds=4, warm_up_rounds=0, xnnpack=False)
    assert made.resolver == "builtin"
    with pytest.raises(RecipeError, match="are not comparable"):
        made.scale(profile())


@given(frontend=factors, ratios=st.tuples(factors, factors, factors))
def test_factors_are_the_ratio_and_the_geometric_mean_of_ratios(frontend, ratios):
    here = profile()
    times = {
        name: ratio * here.inference_p25_ms[name]
        for name, ratio in zip(NETWORKS, ratios, strict=True)
    }
    there = profile(frontend_p25_ms=frontend * here.frontend_p25_ms, inference_p25_ms=times)
    found = there.scale(here)
    assert found.frontend == pytest.approx(frontend)
    assert found.inference == pytest.approx(math.prod(ratios) ** (1 / 3))
    back = here.scale(there)
    assert back.inference * found.inference == pytest.approx(1.0)


def test_other_workloads_do_not_compare():
    other = profile(models_sha256={**HASHES, "conv-int8": "0" * 64})
    with pytest.raises(RecipeError, match="differ in workloads"):
        profile().scale(other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frontend_p25": 1.0}, "unknown key 'frontend_p25' .did you mean 'frontend_p25_ms'"),
        ({"frontend_p25_ms": 0.0}, "must be positive"),
        ({"schema_version": 2}, "schema version 2 is not supported"),
        ({"inference_p25_ms": {"conv-int8": 1.0}}, "times and hashes of"),
        ({"resolver": "gpu"}, "allowed: 'xnnpack', 'builtin'"),
        ({"rounds": None}, "rounds"),
    ],
    ids=["unknown-key", "zero", "version", "networks", "resolver", "type"],
)
def test_a_damaged_profile_is_named(change, said):
    text = json.dumps({**json.loads(profile().to_json()), **change})
    with pytest.raises(RecipeError, match=said):
        DeviceProfile.from_json(text)


def test_text_that_is_no_profile(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for name, said in (("a.json", "not valid JSON"), ("b.json", "cannot read the device profile")):
        with pytest.raises(RecipeError, match=said):
            DeviceProfile.load(tmp_path / name)
    with pytest.raises(RecipeError, match="expected a table"):
        DeviceProfile.from_json("[]")


@pytest.mark.parametrize(("frontend", "inference"), [(0.0, 1.0), (1.0, -2.0)])
def test_a_factor_is_positive(frontend, inference):
    with pytest.raises(RecipeError, match="must be positive"):
        LatencyScale(frontend=frontend, inference=inference)


def test_too_few_rounds():
    with pytest.raises(DataError, match="at least 4 rounds"):
        measure_profile(rounds=3)
