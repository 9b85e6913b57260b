"""The untrained network in the form that ships: what is drawn has the shape of what is trained."""

import itertools

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold, folded_form
from motefit.search.untrained_file import Untrained, write_untrained
from motefit.spec.recipe import CompressSpec
from motefit.tflite.write.precision import file_of, shipped_graph

SPEECH = Problem(input_shape=(20, 8), outputs=3)
SERIES = Problem(input_shape=(6, 2), outputs=6)
NETWORKS = {
    "tcnet": ({"width": 6, "blocks": 2, "softmax": True}, SPEECH),
    "dscnn": ({"width": 6, "blocks": 2, "dropout": 0.1}, SPEECH),
    "bcresnet": ({"channels": (4, 6), "blocks": (1,)}, SPEECH),
    "mlp": ({"units": (5,)}, SPEECH),
    "conv1d": ({"filters": (4,), "units": (3,)}, SERIES),
    "lstm": ({"units": 4}, SERIES),
    "residual-mlp": ({"units": 4}, SERIES),
}


def network(family: str):
    options, problem = NETWORKS[family]
    return build(family, options, problem=problem, rng=np.random.default_rng(0))


@pytest.mark.parametrize("family", NETWORKS)
def test_the_folded_form_is_known_without_its_numbers(family):
    graph = network(family)
    folded = fold(graph)
    ops, shapes, zeros = folded_form(graph)
    assert ops == folded.ops
    assert shapes == {name: array.shape for name, array in folded.constants.items()}
    assert not any(folded.constants[name].any() for name in zeros)


FORMS = [
    (family, CompressSpec(precision=precision, io=io, per_channel=per_channel))
    for family, precision, io, per_channel in itertools.product(
        NETWORKS, ("int8", "int4"), ("int8", "float32"), (True, False)
    )
    if (family, precision) != ("lstm", "int4")  # LiteRT has no such kernel
]


@pytest.mark.parametrize(("family", "compress"), FORMS)
def test_drawn_integers_stand_where_quantizing_puts_them(family, compress):
    graph = network(family)
    examples = np.random.default_rng(1).normal(size=(8, *graph.input_shape)).astype(np.float32)
    wanted = shipped_graph(graph, compress, examples=examples)
    drawn = write_untrained(graph, compress, rng=np.random.default_rng(2)).form
    assert drawn.ops == wanted.ops
    assert {n: (a.shape, a.dtype) for n, a in drawn.constants.items()} == {
        n: (a.shape, a.dtype) for n, a in wanted.constants.items()
    }
    assert {n: (q.scale.size, q.axis, q.bits) for n, q in drawn.quantization.items()} == {
        n: (q.scale.size, q.axis, q.bits) for n, q in wanted.quantization.items()
    }


@pytest.mark.parametrize("family", ["tcnet", "dscnn"])
def test_biases_that_training_leaves_zero_are_stored_once(family):
    """A depthwise convolution without a norm has zeros for biases, as many as it has channels."""
    options, problem = NETWORKS[family]
    options = {**options, "width": 64, "blocks": 4} | (
        {"norm_between": False} if family == "dscnn" else {}
    )
    graph = build(family, options, problem=problem, rng=np.random.default_rng(0))
    rng = np.random.default_rng(3)
    noise = {n: rng.uniform(-0.2, 0.2, a.shape) for n, a in graph.constants.items()}
    moved = graph.with_constants(
        {n: (a + noise[n]).astype(a.dtype) for n, a in graph.constants.items()}
    )
    examples = rng.normal(size=(8, *graph.input_shape)).astype(np.float32)
    compress = CompressSpec(rounding="nearest")
    wanted = file_of(shipped_graph(moved, compress, examples=examples), compress)
    drawn = write_untrained(graph, compress, rng=np.random.default_rng(0))
    assert sum(not a.any() for a in drawn.form.constants.values()) == 4
    assert abs(len(drawn.model) - len(wanted)) <= 64


def test_equal_weights_do_not_raise_the_bound_on_the_zip():
    """One array in the file stands for both: its bytes are cut out once, and nothing else."""
    compress = CompressSpec(precision="float32")
    drawn = write_untrained(network("tcnet"), compress, rng=np.random.default_rng(0))
    weights = [name for name, array in drawn.form.constants.items() if array.ndim > 1]
    names = [n for n in weights if drawn.form.constants[n].shape[1:3] == (1, 1)]
    first, second = (drawn.form.constants[name] for name in names[:2])
    assert first.shape == second.shape
    alike = drawn.form.with_constants({names[1]: first})
    again = Untrained(form=alike, compress=compress, model=file_of(alike, compress))
    assert len(again.model) <= len(drawn.model) - first.nbytes
    assert again.zip_bytes_at_least() <= drawn.zip_bytes_at_least()
