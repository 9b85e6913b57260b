"""C computes what the integer executor and LiteRT's builtin kernels compute, bit for bit."""

import numpy as np
from c_bundles import (
    ODD_LAYERS,
    broadcast_layers,
    bundle_of,
    odd_layers,
    quantized,
    speech_io,
)
from family_cases import make, run_litert

from motefit.codegen.constants import Constants
from motefit.codegen.lowering import lower
from motefit.graph.execute import int8
from motefit.graph.families import FAMILIES, Problem, build
from motefit.signal.features import features_of
from motefit.spec.frontend import FrontEnd
from motefit.tflite.write.write import write

NAMES = sorted(FAMILIES.all())
OTHERS = [
    ("mlp", "int8-tensor"),
    ("dscnn", "int8-tensor"),
    ("lstm", "int8-tensor"),
    ("cnn", "int4"),
]
FRONTENDS = {
    "mfcc": FrontEnd(),
    "odd": FrontEnd(rate_hz=4000, frame_length=63, frame_step=50, mel_bins=8, upper_hz=2000.0,
                    coefficients=0),
    "prime": FrontEnd(rate_hz=4000, frame_length=2 * 3 * 7 * 11, frame_step=100, mel_bins=12,
                      upper_hz=1900.0, coefficients=12),
    "magnitudes": FrontEnd(kind="spectrogram", rate_hz=8000, frame_length=256, frame_step=200,
                           mel_bins=0, lower_hz=0.0, upper_hz=4000.0, coefficients=0),
}  # fmt: skip


def examples_of(graph, rng, count=20):
    shape = (count, *graph.input_shape)
    if "input" in graph.quantization:
        return rng.integers(-128, 128, shape).astype(np.int8)
    return rng.normal(0, 1.5, shape).astype(np.float32)


def test_int8_networks_are_equal_to_litert_in_every_bit(compiled, subtests):
    rng = np.random.default_rng(3)
    forms = [(name, form) for name in NAMES for form in ("int8", "int8-float-edges")]
    graphs = {f"{name} {form}": make(name, form).graph for name, form in (*forms, *OTHERS)}
    graphs |= {f"layers {i}": odd_layers(layers, rng) for i, layers in enumerate(ODD_LAYERS)}
    models = compiled({name: bundle_of(graph) for name, graph in graphs.items()})
    for name, graph in graphs.items():
        with subtests.test(name):
            examples = examples_of(graph, rng)
            found = models[name].infer(examples)
            np.testing.assert_array_equal(found, int8.run(graph, examples))
            litert = run_litert(write(graph), examples, xnnpack=False)
            np.testing.assert_array_equal(found, litert.reshape(found.shape))
            assert len(np.unique(found)) > 3


def test_random_broadcast_blocks_are_equal_in_every_layer(compiled, subtests):
    rng = np.random.default_rng(5)
    graphs = {f"blocks {i}": broadcast_layers(rng) for i in range(16)}
    models = compiled({name: bundle_of(graph) for name, graph in graphs.items()})
    constants = Constants()
    calls = [call for graph in graphs.values() for call in lower(graph, constants)[1]]
    assert "mf_depthwise_3" in {call.kernel for call in calls}
    assert ".is_row = 1" in "".join(constants.lines)
    for name, graph in graphs.items():
        with subtests.test(name):
            examples = examples_of(graph, rng)
            found = models[name].infer(examples)
            np.testing.assert_array_equal(found, int8.run(graph, examples))
            assert len(np.unique(found)) > 3


def spotter(frontend, rng):
    """Return a bundle with a small network that reads a front end's features."""
    problem = Problem(input_shape=frontend.shape, outputs=3)
    graph = build("dscnn", {"width": 4, "blocks": 1}, problem=problem, rng=rng)
    return bundle_of(quantized(graph, rng), speech_io(frontend, labels=3))


def test_the_front_end_equals_numpys(compiled, subtests):
    """Of quiet bands beside loud ones, numpy's own float32 is off by a few 1e-4."""
    rng = np.random.default_rng(4)
    models = compiled({name: spotter(frontend, rng) for name, frontend in FRONTENDS.items()})
    for name, frontend in FRONTENDS.items():
        with subtests.test(name):
            size = frontend.clip_samples
            loud = rng.normal(0, 1, (6, 1)) * rng.normal(0, 5000, (6, size))
            pcm = np.clip(loud, -32768, 32767).astype(np.int16)
            pcm[0], pcm[1, size // 3 :] = 0, 0
            io = speech_io(frontend, labels=3)
            plain = features_of(frontend).batch(pcm)
            expected = (plain - np.float32(io.normalization.mean)) / np.float32(
                io.normalization.std
            )
            found = models[name].features(pcm, frontend.shape)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
            short = models[name].features(pcm[:, : size // 3], frontend.shape)
            pcm[:, size // 3 :] = 0
            np.testing.assert_array_equal(short, models[name].features(pcm, frontend.shape))


def test_the_front_end_in_fixed_point_is_near_the_one_in_float(compiled, subtests):
    """Of noise at any level down to a few steps of int16, and of silence."""
    rng = np.random.default_rng(6)
    bundles = {name: spotter(frontend, rng) for name, frontend in FRONTENDS.items()}
    real, fixed = compiled(bundles), compiled(bundles, fixed=True)
    for name, frontend in FRONTENDS.items():
        with subtests.test(name):
            levels = 10 ** rng.uniform(0.5, 4.3, (6, 1))
            noise = levels * rng.normal(0, 1, (6, frontend.clip_samples))
            pcm = np.clip(noise, -32768, 32767).astype(np.int16)
            pcm[0], pcm[1, frontend.clip_samples // 3 :] = 0, 0
            expected = real[name].features(pcm, frontend.shape)
            found = fixed[name].features(pcm, frontend.shape)
            np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3)
            assert not np.array_equal(found, expected)
