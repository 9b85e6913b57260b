"""``motefit export --frontend in-graph``: from a fitted bundle to one that takes samples."""

import json

import numpy as np
import pytest

from motefit.runtime import KeywordSpotter, load_bundle
from motefit.signal.wav import read_wav


@pytest.fixture(scope="module")
def exported(tones_run, invoke, tmp_path_factory):
    """Path of the new bundle, and what the command printed."""
    path = tmp_path_factory.mktemp("export") / "audio.zip"
    done = invoke(
        "export", tones_run.bundle, "--frontend", "in-graph", "--data", tones_run.data,
        "--out", path, "--json",
    )  # fmt: skip
    return path, done


def test_the_new_bytes_are_measured_and_certified(exported, tones_run):
    path, done = exported
    told, old = json.loads(done.stdout), load_bundle(tones_run.bundle)
    new = load_bundle(path)
    assert new.card.io.input == "audio"
    assert new.card.facts["size.tflite_bytes"] == len(new.model) > len(old.model)
    assert new.card.facts["accuracy"] == old.card.facts["accuracy"]
    assert new.card.facts["macs"] > 2 * old.card.facts["macs"]
    assert told["met"] is (len(new.model) < 10_000)
    assert done.exit_code == (0 if told["met"] else 1)
    agreement = told["agreement"]
    assert agreement["same_label"] == agreement["clips"] > 0
    assert agreement["feature_difference"] < 1e-3
    assert new.card.evidence["in_graph"]["agreement"] == agreement
    assert new.card.evidence["in_graph"]["plain_model_sha256"] == old.card.model_sha256


def test_clips_are_classified_as_before(exported, tones_run):
    before, after = KeywordSpotter.load(tones_run.bundle), KeywordSpotter.load(exported[0])
    files = sorted(tones_run.data.rglob("*.wav"))
    clips = np.stack([read_wav(file)[0] for file in files])
    old, new = (it.classify_batch(clips, 8000) for it in (before, after))
    np.testing.assert_array_equal(new.argmax(axis=1), old.argmax(axis=1))
    np.testing.assert_allclose(new, old, atol=0.05)


def test_check_reproduces_its_figures(exported, tones_run, invoke, tmp_path):
    done = invoke("check", exported[0], "--data", tones_run.data, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["differences"] == []


def test_without_data_accuracy_is_not_reported(tones_run, invoke, tmp_path):
    path = tmp_path / "m.zip"
    done = invoke("export", tones_run.bundle, "--frontend", "in-graph", "--out", path)
    assert done.exit_code == 0
    facts = load_bundle(path).card.facts
    assert "accuracy" not in facts
    assert {"size.tflite_bytes", "latency.total_ms", "macs"} <= set(facts)
    assert "64 of 64 clips have the same label in both forms" in done.stdout
    for form in ("plain", "in-graph", "in-graph, builtin kernels"):
        assert f"\n{form} " in done.stdout or done.stdout.startswith(form)


def test_what_cannot_be_exported_is_refused(exported, climate_run, refused, tmp_path):
    out = ("--out", tmp_path / "x.zip")
    said = refused("export", exported[0], "--frontend", "in-graph", *out)
    assert "already has its front end inside" in said
    said = refused("export", climate_run.bundle, "--frontend", "in-graph", *out)
    assert "is a model for forecasting, not for keyword-spotting" in said
    assert not (tmp_path / "x.zip").exists()
