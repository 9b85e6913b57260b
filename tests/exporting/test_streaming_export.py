"""A keyword model as one step of a stream: the same probabilities, measured and certified."""

from dataclasses import replace

import numpy as np
import pytest

from motefit.certify.check import check
from motefit.exporting.exported_form import sounds
from motefit.exporting.streaming import (
    Step,
    StreamAgreement,
    StreamingExport,
    compare_streaming,
    export_streaming,
    step_subject,
    streaming_file,
)
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.metrics import grouped


@pytest.fixture(scope="module")
def plain(with_network):
    """A bundle whose network does not look ahead."""
    return with_network()


@pytest.fixture(scope="module")
def exported(plain, tones_run) -> StreamingExport:
    return export_streaming(plain, plain.with_name("stream.zip"), data=tones_run.data)


def test_the_new_bytes_are_measured_and_certified(exported, plain):
    old, new = load_bundle(plain), load_bundle(exported.bundle)
    assert new.card == exported.card
    assert new.card.io == replace(old.card.io, input="stream")
    assert new.card.facts["size.tflite_bytes"] == len(new.model) > len(old.model)
    assert exported.plain_bytes == len(old.model)
    assert exported.met is exported.certificate.met
    found = exported.agreement
    assert found.equal == found.same_label == found.clips > 0
    assert found.proven
    evidence = new.card.evidence["streaming"]
    assert evidence["agreement"]["equal"] == found.equal
    assert evidence["plain_model_sha256"] == old.card.model_sha256
    assert evidence["sound"] == "validation set"
    assert exported.step_ms == evidence["step_ms"] == 64
    assert set(exported.latency) == {"window", "step"}


def test_a_check_confirms_its_card(exported, tones_run, tmp_path):
    assert check(exported.bundle, tones_run.data, out=tmp_path).differences == ()


def test_without_data_it_is_compared_on_generated_sound(plain, tmp_path):
    done = export_streaming(plain, tmp_path / "m.zip")
    assert "accuracy" not in load_bundle(done.bundle).card.facts
    assert (done.certificate, done.met) == (None, True)
    _, window, step, difference, wrote = str(done).splitlines()
    assert (window.split()[0], step.split()[0]) == ("window", "step")
    assert f" {grouped(done.plain_bytes)} " in window
    assert f" {grouped(int(done.card.facts['size.tflite_bytes']))} " in step
    assert difference.startswith("a step takes 64 ms of sound; after a reset 64 of 64 clips have")
    assert wrote == f"wrote {done.bundle}"


def test_what_cannot_be_exported_is_refused(exported, tones_run, tmp_path):
    out = tmp_path / "x.zip"
    with pytest.raises(ModelFileError, match="this one takes stream"):
        export_streaming(exported.bundle, out)
    with pytest.raises(RecipeError, match="looks ahead in time"):
        export_streaming(tones_run.bundle, out)
    gain = load_bundle(exported.bundle).card.io
    gain = replace(gain, input="features", frontend=replace(gain.frontend, gain_dbfs=-20.0))
    with pytest.raises(RecipeError, match="gain"):
        streaming_file(load_bundle(tones_run.bundle).model, gain)
    assert not out.exists()


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_both_forms_compute_the_same(with_network, precision):
    """Integers bit for bit; the sums of floats are taken in another order."""
    plain = load_bundle(with_network(precision))
    clips = sounds(plain.card.io.frontend, 12, rng=np.random.default_rng(3))
    model, io = streaming_file(plain.model, plain.card.io)
    found = compare_streaming(plain.model, plain.card.io, model, io, clips)
    assert (found.clips, found.same_label) == (12, 12)
    assert found.probability_difference < 1e-4
    assert found.proven or precision == "float32"


def test_two_networks_are_not_proven_equal(with_network, plain):
    one, other = load_bundle(plain), load_bundle(with_network("float32"))
    model, io = streaming_file(other.model, other.card.io)
    clips = sounds(one.card.io.frontend, 6, rng=np.random.default_rng(0))
    found = compare_streaming(one.model, one.card.io, model, io, clips)
    assert found.equal < found.clips == 6
    assert not found.proven


def test_no_clips_prove_nothing():
    none = StreamAgreement(clips=0, same_label=0, equal=0, probability_difference=0.0)
    assert not none.proven


def test_a_step_takes_the_frames_that_its_samples_complete(exported):
    bundle = load_bundle(exported.bundle)
    step, frontend = Step(KeywordSpotter(bundle.model, bundle.card.io)), bundle.card.io.frontend
    assert step.samples * 1000 == exported.step_ms * frontend.rate_hz
    sound = np.random.default_rng(0).normal(0, 0.1, (5, 1, step.samples)).astype(np.float32)
    found = []
    for samples in sound:
        frames = step.inputs(samples)
        assert frames.shape == (step.samples // frontend.frame_step, frontend.features)
        found.append(step.infer(frames))
    assert all(said.shape == (1, 2) for said in found)
    np.testing.assert_allclose(np.sum(found, axis=2), 1, atol=0.02)
    assert len({said.tobytes() for said in found}) > 1  # the past is in its states


def test_a_step_is_timed_on_its_next_samples(exported, plain):
    bundle = load_bundle(exported.bundle)
    case = step_subject(bundle.model, bundle.card.io)
    assert case.example.shape == (1, case.pipeline.samples)
    with pytest.raises(ModelFileError, match="this model takes features, not a stream"):
        Step(KeywordSpotter.load(plain))
