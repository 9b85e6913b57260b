"""The front end as a graph computes what the numpy front end computes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.graph.counter import count
from motefit.graph.execute import float32
from motefit.graph.frontend_graph import choose_layout, frontend_graph, with_frontend
from motefit.graph.graph import Graph
from motefit.graph.ops import Dense
from motefit.graph.ops_signal import Concatenate, MatMul, Multiply, Reshape, Slice
from motefit.signal.features import features_of
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization

# The promise of the design. Noise differs by under 1e-5; the rest is for frames whose bands are
# thousands of times weaker than their loudest sound, where any float32 transform is uncertain.
TOLERANCE = 1e-4


def is_prime(n: int) -> bool:
    return all(n % d for d in range(2, int(n**0.5) + 1))


@st.composite
def front_ends(draw: st.DrawFn) -> FrontEnd:
    rate = draw(st.sampled_from([4000, 8000, 16_000]))
    kind = draw(st.sampled_from(FEATURE_KINDS.names()))
    mel_bins = draw(st.integers(1, 48)) if kind == "mel" else 0
    return FrontEnd(
        kind=kind,
        rate_hz=rate,
        seconds=0.25,
        frame_length=draw(st.integers(4, 600).filter(lambda n: not is_prime(n))),
        frame_step=draw(st.integers(20, 700)),
        mel_bins=mel_bins,
        lower_hz=draw(st.sampled_from([0.0, 20.0])),
        upper_hz=rate / draw(st.sampled_from([2, 4])),
        coefficients=draw(st.integers(0, mel_bins)),
    )


@given(frontend=front_ends(), seed=st.integers(0, 2**32 - 1), per_column=st.booleans())
def test_equals_numpy(frontend: FrontEnd, seed: int, per_column: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    pcm = (0.1 * rng.standard_normal((2, frontend.clip_samples))).astype(np.float32)
    size = frontend.features if per_column else 1
    mean, std = rng.normal(0, 3, size), rng.uniform(0.5, 2, size)
    normalization = Normalization(mean=tuple(mean), std=tuple(std))
    graph = frontend_graph(frontend, normalization)
    assert graph.input_shape == (frontend.clip_samples,)
    assert graph.output_shape == frontend.shape
    expected = (features_of(frontend).batch(pcm) - mean) / std
    np.testing.assert_allclose(float32.run(graph, pcm), expected, rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("kind", FEATURE_KINDS.names())
def test_silence_and_full_scale(kind: str) -> None:
    bins = 40 if kind == "mel" else 0
    frontend = FrontEnd(kind=kind, mel_bins=bins, coefficients=min(bins, 10))
    time = np.arange(frontend.clip_samples) / frontend.rate_hz
    square = np.sign(np.sin(2 * np.pi * 437 * time))
    pcm = np.stack([np.zeros_like(time), square]).astype(np.float32)
    got = float32.run(frontend_graph(frontend), pcm)
    np.testing.assert_allclose(got, features_of(frontend).batch(pcm), rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("length", "step"),
    [(640, 320), (640, 640), (640, 160), (400, 160), (441, 91), (256, 300), (640, 41), (4000, 1)],
)
def test_every_way_to_cut_frames(length: int, step: int) -> None:
    frontend = FrontEnd(rate_hz=16_000, seconds=0.251, frame_length=length, frame_step=step)
    pcm = np.random.default_rng(0).normal(0, 0.1, (1, frontend.clip_samples)).astype(np.float32)
    got = float32.run(frontend_graph(frontend), pcm)
    np.testing.assert_allclose(got, features_of(frontend).batch(pcm), rtol=0, atol=TOLERANCE)


def test_two_stages_are_small() -> None:
    """A tenth of the numbers and a quarter of the work of one DFT matrix with the same bins."""
    frontend = FrontEnd()
    counts = count(frontend_graph(frontend))
    bins = 160
    direct = 640 * 2 * bins
    assert counts.parameters * 10 < direct
    assert counts.macs * 4 < frontend.frames * (direct + bins * 40)


@pytest.mark.parametrize("length", [64, 100, 256, 400, 441, 512, 640, 1024])
def test_layout_has_every_bin_once(length: int) -> None:
    frontend = FrontEnd(
        kind="spectrogram", frame_length=length, mel_bins=0, coefficients=0,
        lower_hz=0.0, upper_hz=8000.0,
    )  # fmt: skip
    layout = choose_layout(frontend)
    assert layout.rows * layout.columns == length
    assert sorted(layout.places) == list(range(length // 2 + 1))
    assert len(set(layout.places.values())) == length // 2 + 1
    for bin_, (k1, place) in layout.places.items():
        found = k1 + layout.rows * layout.outputs[place]
        assert bin_ in {found, length - found}


def test_prime_lengths_are_refused_by_name() -> None:
    with pytest.raises(RecipeError, match=r"frame_length = 641 is a prime .* e\.g\. 642"):
        frontend_graph(FrontEnd(frame_length=641))


def test_a_network_for_other_features_is_refused() -> None:
    weight = np.ones((2, 12), np.float32)
    op = Dense(inputs=("input", "weight"), output="scores")
    graph = Graph(input_shape=(4, 3), ops=(op,), constants={"weight": weight})
    with pytest.raises(RecipeError, match=r"takes \(4, 3\), but the front end makes \(49, 10\)"):
        with_frontend(graph, FrontEnd(), Normalization())


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (Reshape(inputs=("x",), output="y", shape=(3, 4)), [(3, 5)], "has a different size"),
        (Slice(inputs=("x",), output="y", axis=1, start=2, stop=6), [(3, 5)], "is not in"),
        (Slice(inputs=("x",), output="y", axis=2, start=0, stop=1), [(3, 5)], "is not in"),
        (Slice(inputs=("x",), output="y", axis=0, start=2, stop=2), [(3, 5)], "is not in"),
        (Concatenate(inputs=("a", "b"), output="y", axis=0), [(3, 5), (3, 4)], "cannot join"),
        (Concatenate(inputs=("a", "b"), output="y", axis=2), [(3, 5), (3, 5)], "cannot join"),
        (Multiply(inputs=("a", "b"), output="y"), [(3, 5), (3, 4)], "cannot multiply"),
        (MatMul(inputs=("m", "x"), output="y"), [(3, 5), (2, 4, 3)], "does not fit an input"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "infer") else None,
)
def test_what_does_not_fit_is_refused(op, shapes, message) -> None:
    with pytest.raises(RecipeError, match=f"^y: .*{message}"):
        op.infer(shapes)
