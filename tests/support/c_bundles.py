"""Cards for networks of any origin, so that they can be written as C."""

import math
from typing import Any

import numpy as np
from family_cases import SPEECH

from motefit.graph.builder import Builder
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.runtime.bundle import Bundle
from motefit.spec.card import Card
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import NAME as SERIES_TASK
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import NAME as SPEECH_TASK
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

SHORT = FrontEnd(
    rate_hz=1600, seconds=0.52, frame_length=64, frame_step=32,
    mel_bins=10, lower_hz=20.0, upper_hz=800.0, coefficients=0,
)  # fmt: skip
"""As many frames and features as the small networks of speech take."""


def speech_io(frontend: FrontEnd = SHORT, labels: int = 4, **more: Any) -> SpeechIO:
    """Make the section of a spotter."""
    normalization = Normalization(
        mean=tuple(0.1 * i - 2 for i in range(frontend.features)),
        std=tuple(1.5 + 0.1 * i for i in range(frontend.features)),
    )
    names = tuple(f"word {i}" for i in range(labels))
    return SpeechIO(labels=names, frontend=frontend, normalization=normalization, **more)


def series_io(inputs: int, outputs: int) -> SeriesIO:
    """Make the section of a forecaster of one column."""
    return SeriesIO(
        inputs=("T",),
        targets=("T",),
        input_steps=inputs,
        output_steps=outputs,
        step_minutes=10.0,
        normalization=Normalization(mean=(12.0,), std=(7.0,)),
        limits={"T": (-10.0, 30.0)},
    )


def bundle_of(graph: Graph, io: SpeechIO | SeriesIO | None = None) -> Bundle:
    """Pack a network; by default as a spotter if it reads as many features, else a forecaster."""
    if io is None:
        inputs, outputs = math.prod(graph.input_shape), math.prod(graph.output_shape)
        spots = inputs == math.prod(SPEECH.input_shape)
        io = speech_io(labels=outputs) if spots else series_io(inputs, outputs)
    file = ModelFile(data=write(graph))
    task = SPEECH_TASK if isinstance(io, SpeechIO) else SERIES_TASK
    card = Card(task=task, io=io, model_sha256=file.sha256)
    return Bundle(file=file, card=card, bundle_bytes=len(file.data))


def quantized(graph: Graph, rng: np.random.Generator) -> Graph:
    """Quantize a network, calibrated on noise."""
    graph = fold(graph)
    examples = rng.normal(0, 1, (8, *graph.input_shape)).astype(np.float32)
    return quantize(graph, calibrate(graph, examples), io="int8")


ODD_LAYERS = (
    ((9, 7, 3), 5, (3, 3), (1, 1), (1, 1), "same"),
    ((9, 7, 1), 3, (2, 4), (2, 3), (1, 1), "same"),
    ((9, 7, 5), 7, (3, 2), (1, 1), (2, 3), "same"),
    ((9, 7, 8), 10, (3, 3), (2, 1), (1, 1), "valid"),
    ((9, 7, 2), 13, (4, 7), (1, 1), (1, 1), "valid"),
    ((9, 7, 9), 11, (1, 1), (2, 2), (1, 1), "valid"),
    ((9, 7, 4), 6, (3, 1), (1, 1), (2, 1), "causal"),
    ((9, 7, 2), 17, (2, 3), (1, 1), (4, 2), "same"),
    ((5, 16, 3), 12, (1, 6), (1, 2), (1, 1), "same"),
    ((2, 3, 3), 20, (5, 3), (1, 1), (1, 1), "same"),
    ((30, 1, 6), 16, (9, 1), (1, 1), (1, 1), "same"),
    ((30, 1, 6), 16, (17, 1), (3, 1), (1, 1), "same"),
)
"""Shape, channels, kernel, stride, dilation and padding of networks that take the kernels' paths.

Either axis is the longer one, lines have fewer than four pixels, channels any number.
"""


def odd_layers(layers: tuple[Any, ...], rng: np.random.Generator) -> Graph:
    """Build a network of convolutions and depthwise ones of such a form, a sum, and a pool."""
    shape, channels, kernel, stride, dilation, padding = layers
    built = Builder(shape, rng=rng)
    built.conv(channels, kernel, stride=stride, dilation=dilation, padding=padding)
    before = built.relu()
    causal = "causal" if padding == "causal" else "same"
    built.depthwise(kernel, dilation=dilation, padding=causal)
    built.conv(channels, (1, 1))
    built.add(before, built.cursor)
    built.depthwise(kernel, stride=stride, padding=causal)
    built.conv(channels, (1, 1))
    height, width, _ = built.shape
    built.average_pool((min(height, 2), min(width, 2)), stride=(2, 1))
    return quantized(built.classify(4), rng)


def broadcast_layers(rng: np.random.Generator) -> Graph:
    """Build a random network of what broadcast residual blocks consist of.

    Windows of three taps along either axis, with any stride, dilation and padding that their kernel
    takes; means over a row; sums that repeat one pixel in each row, either operand first; single
    pixels with fewer outputs than inputs.
    """

    def one_of(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    shape = (int(rng.integers(4, 12)), int(rng.integers(4, 12)), int(rng.integers(1, 3)))
    channels = int(rng.integers(1, 22))
    built = Builder(shape, rng=rng)
    built.conv(channels + int(rng.integers(0, 9)), (3, 5), stride=(1, one_of(1, 2)))
    built.relu()
    built.conv(channels, (1, 1))
    padding = one_of("same", "same", "valid") if built.shape[1] > 3 else "same"
    built.depthwise((1, 3), stride=(1, one_of(1, 2)), padding=padding)
    wide = one_of(built.relu, lambda: built.cursor)()
    built.average_pool((1, built.shape[1]))
    built.depthwise((3, 1), dilation=(one_of(1, 2, 3), 1), padding=one_of("same", "causal"))
    narrow = built.relu()
    built.add(*one_of((wide, narrow), (narrow, wide)))
    one_of(built.relu, lambda: built.cursor)()
    built.depthwise((3, 1), stride=(2, 1))
    return quantized(built.classify(4), rng)
