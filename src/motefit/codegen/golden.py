"""Golden vectors of the self-test: pseudorandom inputs, and what Python answers to them."""

from typing import Any

import numpy as np

from motefit.codegen.constants import literal, wrap
from motefit.graph.execute import float32, int8
from motefit.graph.graph import INPUT, Graph
from motefit.runtime.forecaster import Forecaster
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO

INPUTS = 4
"""Golden vectors of the network."""
FLOAT_STEP = 1 / 64
"""Of pseudorandom float inputs, which are from -2 to 2."""
FLOAT_TOLERANCE = 1e-5
"""Of float outputs, relative to the largest: sums are in another order."""
SECONDS = 1_700_000_000
"""Time of the golden window."""
LOUDNESS = 16
"""Of the golden clip: the noise is up to so many times 128."""


class Steps:
    """Pseudorandom numbers from -128 to 127, those of ``next_step`` in ``codegen/c/self_test.h``.

    >>> Steps().take(3).tolist()
    [-68, -34, 1]
    """

    def __init__(self) -> None:
        self._state = 1

    def take(self, count: int) -> np.ndarray:
        """Return the next numbers, int64 (count,)."""
        found = np.empty(count, np.int64)
        for i in range(count):
            self._state = (self._state * 1664525 + 1013904223) % 2**32
            found[i] = (self._state >> 24) - 128
        return found


def golden_header(model: bytes, graph: Graph, io: SpeechIO | SeriesIO) -> str:
    """Write the header with golden vectors.

    Args:
        model: bytes of the .tflite file.
        graph: the same network.
        io: the task's section of its card.
    """
    steps = Steps()
    size = int(np.prod(graph.input_shape))
    raw = steps.take(INPUTS * size).reshape(INPUTS, *graph.input_shape)
    outputs = run_exact(graph, raw if INPUT in graph.quantization else raw * FLOAT_STEP)
    flat = outputs.reshape(INPUTS, -1)
    exact = flat.dtype == np.int8
    tolerance = 0.0 if exact else FLOAT_TOLERANCE * float(np.abs(flat).max())
    rows = ",\n    ".join("{" + wrap(map(literal, row)) + "}" for row in flat)
    integers = INPUT in graph.quantization
    step = "((int8_t)(step))" if integers else f"((float)(step) * {FLOAT_STEP}f)"
    declaration = "golden_outputs[GOLDEN_INPUTS][MODEL_OUTPUTS]"
    lines = [
        f"#define GOLDEN_INPUTS {INPUTS}",
        f"#define GOLDEN_INPUT(step) {step}",
        f"#define GOLDEN_TOLERANCE {tolerance!r}",
        f"\nstatic const model_output {declaration} = {{\n    {rows}}};",
    ]
    if isinstance(io, SpeechIO):
        lines += _speech(model, io, steps)
    else:
        lines += _series(model, io, steps)
    return "\n".join(lines) + "\n"


def run_exact(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    """Run a network as the C does: (n, *output_shape), in the executor of its form.

    Args:
        graph: the network.
        inputs: (n, *input_shape) numbers of the network's input.
    """
    if INPUT in graph.quantization:
        return int8.run(graph, inputs.astype(np.int8))
    reals = inputs.astype(np.float32)
    activations = {op.output for op in graph.ops} & set(graph.quantization)
    return int8.run(graph, reals) if activations else float32.run(graph, reals)


def _table(kind: str, name: str, values: Any) -> str:  # noqa: ANN401 - anything like an array
    literals = wrap(map(literal, np.ravel(values)))
    return f"\nstatic const {kind} {name}[{np.size(values)}] = {{\n    {literals}}};"


def _speech(model: bytes, io: SpeechIO, steps: Steps) -> list[str]:
    clip = (steps.take(io.frontend.clip_samples) * LOUDNESS).astype(np.int16)
    (found,) = KeywordSpotter(model, io, xnnpack=False).classify_batch(clip[np.newaxis])
    return [_table("float", "golden_probabilities", found)]


def _series(model: bytes, io: SeriesIO, steps: Steps) -> list[str]:
    shape = io.input_steps, len(io.inputs)
    noise = steps.take(int(np.prod(shape))).reshape(shape) * FLOAT_STEP
    window = np.array(io.normalization.mean) + np.array(io.normalization.std) * noise
    times = np.array([SECONDS], "datetime64[s]") if io.calendar else None
    forecaster = Forecaster(model, io, xnnpack=False)
    answers = forecaster.quantiles_batch(window[np.newaxis], times)
    return [
        f"#define GOLDEN_SECONDS {SECONDS}",
        _table("double", "golden_window", window),
        _table("double", "golden_answers", answers),
    ]
