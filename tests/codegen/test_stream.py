"""The streaming spotter in C reports the words that Python reports, at the same times."""

from dataclasses import replace

import numpy as np
import pytest
from c_bundles import SHORT, bundle_of, quantized, speech_io
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

from motefit.codegen.stream_tables import least_float32
from motefit.graph.families import Problem, build
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming import StreamingSpotter
from motefit.spec.decision import Decision

DECISIONS = {
    "any": Decision(threshold=0.0, agreement=0.0, refractory_ms=0.0, shortest_ms=0.0),
    "usual": Decision(threshold=0.27, agreement=0.6, refractory_ms=700.0, shortest_ms=60.0),
}
FRONTENDS = {"even": SHORT, "gaps": replace(SHORT, seconds=1.0, frame_length=50, frame_step=70)}


def spotters():
    """Return untrained networks, with an integer and a float input, that hear words in noise."""
    rng = np.random.default_rng(5)
    for name, frontend in FRONTENDS.items():
        problem = Problem(input_shape=frontend.shape, outputs=4)
        graph = build("dscnn", {"width": 8, "blocks": 1}, problem=problem, rng=rng)
        for rule, decision in DECISIONS.items():
            io = speech_io(frontend, labels=4, decision=decision)
            labels = (*io.labels[:3], "_unknown_")
            io = replace(io, labels=labels, rejects=("_unknown_",))
            yield f"{name} {rule}", bundle_of(quantized(graph, rng), io)


def bursts(rng, rate_hz, seconds):
    """Return noise with bursts of other noise, some of them short, some close to each other."""
    sound = rng.normal(0, 30, rate_hz * seconds)
    for start in np.cumsum(rng.uniform(0.2, 2.0, 2 * seconds)):
        place, size = int(start * rate_hz), int(rng.uniform(0.02, 0.5) * rate_hz)
        piece = sound[place : place + size]
        piece += rng.normal(0, rng.uniform(100, 9000)) * np.sin(
            np.arange(len(piece)) * rng.uniform(0.1, 3)
        )
    return np.clip(sound, -32768, 32767).astype(np.int16)


def heard_in_c(model, pieces, labels):
    """Push pieces into the C, and return what it reports."""
    words = [word for piece in pieces for word in model.listen(piece, room=999)]
    return [(labels[w["label"]], float(w["time_s"]), float(w["reported_s"])) for w in words]


@pytest.fixture(scope="module")
def ears(compiled):
    """Each spotter in Python, in C, and its labels."""
    bundles = dict(spotters())
    models = compiled(bundles)
    return [
        (
            StreamingSpotter(KeywordSpotter(bundle.model, bundle.card.io, xnnpack=False)),
            models[name],
            bundle.card.io.labels,
        )
        for name, bundle in bundles.items()
    ]


@examples(6)
@given(
    index=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
    longest=st.sampled_from([7, 200, 5000]),
)
def test_c_hears_what_python_hears(ears, index, seed, longest):
    python, model, labels = ears[index]
    rng = np.random.default_rng(seed)
    sound = bursts(rng, python.rate_hz, 12)
    cuts = np.cumsum(rng.integers(1, longest + 1, len(sound)))
    pieces = np.split(sound, cuts[cuts < len(sound)])
    python.reset()
    model.forget()
    expected = [(w.word, w.time_s, w.reported_s) for w in python.push(sound)]
    assert heard_in_c(model, pieces, labels) == expected


def test_words_are_heard_in_bursts(ears):
    for python, model, labels in ears:
        python.reset()
        model.forget()
        sound = bursts(np.random.default_rng(1), python.rate_hz, 25)
        found = heard_in_c(model, [sound], labels)
        assert found == [(w.word, w.time_s, w.reported_s) for w in python.push(sound)]
        assert len(found) > 3


def test_a_threshold_in_float32_decides_like_one_in_float64():
    for number in (0.0, 0.1, 0.3, 0.7, 0.991517186164856, 1.0):
        found = least_float32(number)
        assert float(found) >= number > float(np.nextafter(found, np.float32(-1)))


@pytest.mark.proof
@pytest.mark.parametrize("fixed", [False, True])
def test_the_sanitizers_find_nothing_in_ten_million_calls(fuzzed, fixed):
    said = fuzzed(dict(spotters())["even any"], "listen_fuzz.c", 10_000_000, fixed=fixed)
    assert said.startswith("10000000 calls")
