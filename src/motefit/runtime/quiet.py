"""LiteRT says one line on standard error when a process first makes an XNNPACK delegate.

It comes from C++ ("INFO: Created TensorFlow Lite XNNPACK delegate for CPU."), no setting of the
Python package silences it, and it would stand in the middle of a progress display. So the first
delegate of a process is made here, for a network of one number, while nobody listens.
"""

import functools
import os
import sys

import numpy as np

from motefit.graph.families import Problem, build
from motefit.runtime.interpreter import Interpreter
from motefit.spec.recipe import CompressSpec
from motefit.tflite.write.precision import shipped_graph
from motefit.tflite.write.write import write

STANDARD_ERROR = 2


@functools.cache
def silence_litert() -> None:
    """Let LiteRT have its say; call it before other threads write to standard error."""
    problem = Problem(input_shape=(1, 1), outputs=1, naive=(0,))
    graph = build("linear", {}, problem=problem, rng=np.random.default_rng(0))
    examples = np.zeros((1, 1, 1), np.float32)
    model = write(shipped_graph(graph, CompressSpec(precision="float32"), examples=examples))
    sys.stderr.flush()
    kept = os.dup(STANDARD_ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STANDARD_ERROR)
        Interpreter(model)
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
        os.close(nowhere)
