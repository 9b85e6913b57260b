"""``motefit export --streaming``: from a bundle to one step of a stream."""

import json
from dataclasses import replace

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.runtime.bundle import sha256, write_bundle
from motefit.tflite.write.write import write


@pytest.fixture(scope="module")
def plain(tones_run, tmp_path_factory):
    """The run's bundle with another network that does not look ahead; its weights are random."""
    card = load_bundle(tones_run.bundle).card
    problem = Problem(input_shape=card.io.frontend.shape, outputs=2)
    options = {"width": 16, "blocks": 2, "kernels": (3,), "padding": "valid"}
    graph = fold(build("tcnet", options, problem=problem, rng=np.random.default_rng(0)))
    rng = np.random.default_rng(1)
    examples = rng.normal(size=(32, *graph.input_shape)).astype(np.float32)
    model = write(quantize(graph, calibrate(graph, examples)))
    path = tmp_path_factory.mktemp("streaming") / "plain.zip"
    return write_bundle(path, model, replace(card, model_sha256=sha256(model)))


@pytest.fixture(scope="module")
def exported(plain, tones_run, invoke):
    """Path of the new bundle, and what the command printed."""
    done = invoke("export", plain, "--streaming", "--data", tones_run.data, "--json")
    return plain.with_name("plain.stream.zip"), done


def test_the_new_bytes_are_measured_and_certified(exported, plain):
    path, done = exported
    told, new, old = json.loads(done.stdout), load_bundle(path), load_bundle(plain)
    assert new.card.io.input == "stream"
    assert new.card.facts["size.tflite_bytes"] == len(new.model) > len(old.model)
    assert told["plain_tflite_bytes"] == len(old.model)
    assert done.exit_code == (0 if told["met"] else 1)
    agreement = told["agreement"]
    assert agreement["equal"] == agreement["clips"] > 0
    assert agreement["same_label"] == agreement["clips"]
    assert new.card.evidence["streaming"]["agreement"] == agreement
    assert new.card.evidence["streaming"]["plain_model_sha256"] == old.card.model_sha256
    assert told["step_ms"] == 64
    assert set(told["latency"]) == {"window", "step"}


def test_every_command_takes_it(exported, plain, tones_run, invoke, tmp_path):
    path, _ = exported
    files = sorted(tones_run.data.rglob("*.wav"))[:6]
    heard = [json.loads(invoke("kws", it, *files, "--json").stdout) for it in (plain, path)]
    assert heard[0] == heard[1]
    done = invoke("check", path, "--data", tones_run.data, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["differences"] == []
    assert invoke("bench", path, "--rounds", "4").exit_code == 0
    assert isinstance(KeywordSpotter.load(path).io.labels, tuple)


def test_without_data_accuracy_is_not_reported(plain, invoke, tmp_path):
    path = tmp_path / "m.zip"
    done = invoke("export", plain, "--streaming", "--out", path)
    assert done.exit_code == 0
    assert "accuracy" not in load_bundle(path).card.facts
    assert "after a reset 64 of 64 clips have the same probabilities bit for bit" in done.stdout
    assert "\nstep " in done.stdout


def test_what_cannot_be_exported_is_refused(exported, plain, tones_run, refused, tmp_path):
    out = ("--out", tmp_path / "x.zip")
    assert "choose one form" in refused("export", plain, *out)
    assert "choose one form" in refused(
        "export", plain, "--streaming", "--frontend", "in-graph", *out
    )
    assert "this one takes stream" in refused("export", exported[0], "--streaming", *out)
    said = refused("export", tones_run.bundle, "--streaming", *out)
    assert "looks ahead in time" in said
    assert not (tmp_path / "x.zip").exists()
