"""``motefit inspect --parity``: layer by layer against LiteRT's builtin kernels."""

import json
import math

import numpy as np
import pytest

from motefit.graph.execute import float32
from motefit.runtime.bundle import load_bundle
from motefit.runtime.interpreter import Interpreter


def parity(invoke, *arguments, code=0):
    result = invoke("inspect", *arguments, "--json")
    assert result.exit_code == code
    return json.loads(result.stdout)["parity"]


def test_random_inputs(invoke, climate_run):
    found = parity(invoke, climate_run.bundle, "--parity", "random")
    assert "first" not in found
    assert found["examples"] == 64
    assert [layer["operator"] for layer in found["layers"]] == ["FULLY_CONNECTED"]
    shown = invoke("inspect", climate_run.bundle, "--parity", "random").stdout
    assert "all layers agree on 64 examples" in shown
    assert "FULLY_CONNECTED" in shown


def test_an_array_of_inputs(invoke, refused, climate_run, tmp_path):
    path = tmp_path / "inputs.npy"
    size = math.prod(Interpreter(load_bundle(climate_run.bundle).model).input_shape)
    np.save(path, np.ones((5, size)))
    assert parity(invoke, climate_run.bundle, "--parity", path)["examples"] == 5
    np.save(path, np.ones((5, size + 1)))
    assert f"takes (n, {size})" in refused("inspect", climate_run.bundle, "--parity", path)
    path.write_bytes(b"no array")
    assert str(path) in refused("inspect", climate_run.bundle, "--parity", path)


def test_the_data_of_the_task(invoke, climate_run):
    found = parity(invoke, climate_run.bundle, "--parity", climate_run.data)
    assert "first" not in found
    assert found["examples"] == 64


def test_data_of_a_task_need_a_card(refused, climate_run, tmp_path):
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(load_bundle(climate_run.bundle).model)
    told = refused("inspect", bare, "--parity", climate_run.data)
    assert "no card" in told


def test_exit_code_where_a_layer_differs(invoke, climate_run, monkeypatch):
    honest = float32.step

    def step(op, graph, tensors):
        return {name: array + 1 for name, array in honest(op, graph, tensors).items()}

    monkeypatch.setattr(float32, "step", step)
    found = parity(invoke, climate_run.bundle, "--parity", "random", code=1)
    assert found["first"].endswith("FULLY_CONNECTED")


@pytest.mark.parametrize("key", ["claims", "arena", "problem"])
def test_other_errors(invoke, climate_run, key):
    found = json.loads(invoke("inspect", climate_run.bundle, "--json").stdout)
    assert key in found
    assert found["problem"] == ""
    assert found["claims"]["weights"][0]["operator"] == "FULLY_CONNECTED"
