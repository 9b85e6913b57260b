"""``bench`` and ``latency`` on models that are no single example in and out."""

import json

import pytest
from odd_models import counting, sixteen_bits, stateful, two_inputs

MODELS = {"two": two_inputs, "wide": sixteen_bits, "memory": stateful, "variable": counting}


@pytest.fixture
def folder(tmp_path):
    for name, make in MODELS.items():
        (tmp_path / f"{name}.tflite").write_bytes(make())
    return tmp_path


def test_bench_times_them_side_by_side(invoke, folder):
    models = [folder / f"{name}.tflite" for name in MODELS]
    done = invoke("bench", *models, "--rounds", "4", "--threads", "1", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["models"]
    assert [model["name"] for model in found] == [path.name for path in models]
    assert all(model["xnnpack"]["inference_ms"] > 0 for model in found)


def test_latency_takes_a_clip_through_a_model_with_states(invoke, refused, folder):
    protocol = ("--protocol", "2024", "--pause", "0")
    done = invoke("latency", folder / "memory.tflite", *protocol)
    assert done.exit_code == 0, done.output
    assert "49 steps per clip" in done.output
    said = refused("latency", folder / "two.tflite", *protocol)
    assert "motefit bench" in said
