"""A keyword model with its front end inside: the same network, compared, measured, certified."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motefit.certify.check import check, recipe_of
from motefit.exporting.exported_form import SOUNDS, sounds
from motefit.exporting.in_graph import (
    CHUNK_CLIPS,
    InGraphExport,
    compare,
    export_in_graph,
    in_graph_file,
    require_in_graph,
)
from motefit.recipes.catalog import find_recipe
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.signal.wav import read_wav
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.tasks import TASKS
from motefit.tflite.inspect import inspect

FORMS = ["plain", "in-graph", "in-graph, builtin kernels"]


@pytest.fixture(scope="module")
def exported(tones_run, tmp_path_factory) -> InGraphExport:
    """The run's model in the other form, measured on its data."""
    path = tmp_path_factory.mktemp("export") / "audio.zip"
    return export_in_graph(tones_run.bundle, path, data=tones_run.data)


@pytest.fixture(scope="module")
def tones_clips(tones_run) -> np.ndarray:
    """Every clip of the data, (n, 8000) int16."""
    return np.stack([read_wav(path)[0] for path in sorted(tones_run.data.rglob("*.wav"))])


@pytest.mark.slow
def test_the_new_bytes_are_measured_and_certified(exported, tones_run):
    old, new = load_bundle(tones_run.bundle), load_bundle(exported.bundle)
    assert new.card == exported.card
    assert new.card.io == replace(old.card.io, input="audio")
    facts = new.card.facts
    assert facts["size.tflite_bytes"] == len(new.model) > len(old.model) == exported.plain_bytes
    assert facts["accuracy"] == old.card.facts["accuracy"]
    assert facts["macs"] > 2 * old.card.facts["macs"]
    assert exported.met is exported.certificate.met is (len(new.model) < 10_000)
    found = exported.agreement
    assert found.proven
    assert found.same_label == found.clips > 0
    assert found.feature_difference < 1e-3
    evidence = new.card.evidence["in_graph"]
    assert evidence["agreement"]["clips"] == found.clips
    assert evidence["plain_model_sha256"] == old.card.model_sha256
    assert (evidence["sound"], evidence["proven"]) == ("test set", True)


def test_a_check_confirms_its_card(exported, tones_run, tmp_path):
    assert check(exported.bundle, tones_run.data, out=tmp_path).differences == ()


def test_clips_are_classified_as_before(exported, tones_run, tones_clips):
    before, after = (KeywordSpotter.load(it) for it in (tones_run.bundle, exported.bundle))
    old, new = (it.classify_batch(tones_clips, 8000) for it in (before, after))
    np.testing.assert_array_equal(new.argmax(axis=1), old.argmax(axis=1))
    np.testing.assert_allclose(new, old, atol=0.05)


def test_without_data_it_is_compared_on_generated_sound(tones_run, tmp_path):
    done = export_in_graph(tones_run.bundle, tmp_path / "m.zip")
    facts = load_bundle(done.bundle).card.facts
    assert "accuracy" not in facts
    assert {"size.tflite_bytes", "latency.total_ms", "macs"} <= set(facts)
    assert (done.certificate, done.met) == (None, True)
    assert done.agreement.clips == SOUNDS
    assert done.card.evidence["in_graph"]["sound"] == "generated"
    title, *rows, difference, wrote = str(done).splitlines()
    assert title.split()[0] == "bytes"
    assert [row.split("  ")[0] for row in rows] == FORMS
    assert difference.startswith("64 of 64 clips have the same label in both forms")
    assert wrote == f"wrote {done.bundle}"


def test_forms_that_differ_are_called_not_proven(exported):
    apart = replace(exported.agreement, exceeding=exported.agreement.features // 500)
    assert not apart.proven
    doubtful = replace(exported, agreement=apart)
    assert not doubtful.met
    assert "\nnot proven to be the same model\n" in str(doubtful)
    assert "not proven" not in str(exported)
    assert not replace(exported.agreement, network_difference=2e-4).proven


def test_what_cannot_be_exported_is_refused(exported, climate_run, tmp_path):
    out = tmp_path / "x.zip"
    with pytest.raises(ModelFileError, match="already has its front end inside"):
        export_in_graph(exported.bundle, out)
    with pytest.raises(ModelFileError, match="is a model for forecasting, not"):
        export_in_graph(climate_run.bundle, out)
    assert not out.exists()


def test_a_recipe_is_refused_before_training(tones_run):
    recipe = recipe_of(load_bundle(tones_run.bundle).card, tones_run.bundle)
    require_in_graph(recipe)
    prime = replace(recipe, frontend=replace(recipe.frontend, frame_length=257))
    with pytest.raises(RecipeError, match="257 is a prime number"):
        require_in_graph(prime)
    with pytest.raises(RecipeError, match="a model for forecasting has no front end"):
        require_in_graph(find_recipe("climate-6"))


def test_tensor_names_are_kept_on_request(tones_run):
    plain = load_bundle(tones_run.bundle)
    short, _ = in_graph_file(plain.model, plain.card.io)
    named, _ = in_graph_file(plain.model, plain.card.io, keep_names=True)
    assert not any(tensor.name for tensor in inspect(short).tensors)
    assert any(tensor.name.startswith("frontend") for tensor in inspect(named).tensors)
    assert len(named) > len(short)
    clips = _noise(plain, 2)
    one, other = (compare(plain.model, it, plain.card.io, clips) for it in (short, named))
    assert one == other


def _noise(bundle, clips: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(
        0, 0.1, (clips, bundle.card.io.frontend.clip_samples)
    )
    return noise.astype(np.float32)


@pytest.mark.parametrize("precision", ["int8", "float32", "dynamic-range"])
def test_networks_of_any_precision_agree_on_the_same_features(with_network, precision):
    plain = load_bundle(with_network(precision))
    model, _ = in_graph_file(plain.model, plain.card.io)
    found = compare(plain.model, model, plain.card.io, _noise(plain, 40))
    assert found.proven
    assert found.network_difference < (1e-6 if precision == "int8" else 1e-5)
    assert (found.clips, found.same_label) == (40, 40)


def test_another_normalization_is_another_network(with_network):
    plain = load_bundle(with_network())
    io, clips = plain.card.io, _noise(plain, 8)
    model, _ = in_graph_file(plain.model, io)
    moved = replace(io.normalization, mean=tuple(value + 5 for value in io.normalization.mean))
    other = compare(plain.model, model, replace(io, normalization=moved), clips)
    assert other.network_difference > 1e-4
    assert not other.proven


def test_a_comparison_of_many_clips_is_that_of_its_parts(with_network):
    """Clips are compared in chunks: the 129th is alone in the second one."""
    plain = load_bundle(with_network())
    io, clips = plain.card.io, _noise(plain, CHUNK_CLIPS + 1)
    model, _ = in_graph_file(plain.model, io)
    whole, first, last = (
        compare(plain.model, model, io, part) for part in (clips, clips[:CHUNK_CLIPS], clips[-1:])
    )
    for count in ("clips", "same_label", "features", "exceeding"):
        assert getattr(whole, count) == getattr(first, count) + getattr(last, count)
    for most in ("probability_difference", "feature_difference", "network_difference"):
        assert getattr(whole, most) == max(getattr(first, most), getattr(last, most))


def test_generated_sound_covers_the_range_of_a_microphone(tones_run):
    frontend = load_bundle(tones_run.bundle).card.io.frontend
    made = sounds(frontend, 200, rng=np.random.default_rng(0))
    assert made.shape == (200, frontend.clip_samples)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1
    loudness = np.sqrt((made**2).mean(axis=1))
    assert loudness.min() < 0.02 < 0.4 < loudness.max()
    np.testing.assert_array_equal(made, sounds(frontend, 200, rng=np.random.default_rng(0)))
    # tones: most clips have a bin far above the rest of their spectrum
    spectrum = np.abs(np.fft.rfft(made[:, : frontend.rate_hz // 10]))
    assert (spectrum.max(axis=1) > 10 * np.median(spectrum, axis=1)).mean() > 0.9


@pytest.mark.slow
@pytest.mark.data
def test_the_zoo_agrees_on_real_clips(real_data):
    path = Path(__file__).parents[2] / "zoo" / "up-down.zip"
    plain = load_bundle(path)
    recipe = recipe_of(plain.card, path)
    clips = TASKS.find(recipe.task).load(recipe, real_data / "speech").validation.pcm
    model, _ = in_graph_file(plain.model, plain.card.io)
    found = compare(plain.model, model, plain.card.io, clips)
    assert found.proven
    assert found.network_difference == 0
    assert found.same_label == found.clips == len(clips) > 150
    assert found.exceeding < 3e-4 * found.features
