"""Bundles of the tones' front end with other networks, whose weights are random."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.runtime.bundle import load_bundle, sha256, write_bundle
from motefit.spec.recipe import CompressSpec
from motefit.tflite.write.precision import export

CAUSAL = {"width": 16, "blocks": 2, "kernels": (3,), "padding": "valid"}
"""A network that does not look ahead in time."""


@pytest.fixture(scope="session")
def with_network(tones_run, tmp_path_factory) -> Callable[..., Path]:
    """Make a bundle of a causal network in some precision."""

    def make(precision: str = "int8") -> Path:
        card = load_bundle(tones_run.bundle).card
        problem = Problem(input_shape=card.io.frontend.shape, outputs=2)
        graph = build("tcnet", CAUSAL, problem=problem, rng=np.random.default_rng(0))
        examples = np.random.default_rng(1).normal(size=(32, *graph.input_shape))
        compress = CompressSpec(precision=precision, rounding="nearest")
        model = export(graph, compress, examples=examples.astype(np.float32))
        path = tmp_path_factory.mktemp("network") / "plain.zip"
        return write_bundle(path, model, replace(card, model_sha256=sha256(model)))

    return make
