"""Whether a model with its front end inside says what the same model says after numpy's."""

from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.frontend import frontend_graph
from motefit.graph.graph import INPUT
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.tasks.keyword_spotting import SpeechIO
from motefit.tflite.read import read_graph
from motefit.tflite.writer import write

CHUNK_CLIPS = 128
TOLERANCE = 1e-4
"""What two float32 front ends may differ by. In bands less than a thousandth as strong as the
loudest bin of their frame both are further from float64 than this: the logarithm magnifies their
rounding. ``exceeding`` counts such numbers (benchmarks/in_graph: under one in a thousand)."""
EXCEEDING_SHARE = 1e-3
"""Of the features, what may differ by more than ``TOLERANCE``."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two forms of a model on the same clips.

    Attributes:
        clips: that both heard.
        same_label: of them, given the same label by both.
        probability_difference: greatest difference of a word's probability.
        feature_difference: greatest difference of a feature, in units of its standardisation.
        features: numbers compared.
        exceeding: of them, those that differ by more than 1e-4.
        network_difference: greatest difference of a word's probability where the plain form is
            given the features of the front end inside: the networks alone, on equal integers.
    """

    clips: int
    same_label: int
    probability_difference: float
    feature_difference: float
    features: int
    exceeding: int
    network_difference: float

    @property
    def proven(self) -> bool:
        """Whether the two are the same network behind front ends that agree to 1e-4."""
        return (
            self.exceeding <= EXCEEDING_SHARE * self.features
            and self.network_difference <= TOLERANCE
        )


def compare(plain: bytes, joined: bytes, io: SpeechIO, pcm: np.ndarray) -> Agreement:
    """Run both forms on some clips.

    Args:
        plain: the .tflite file that takes features.
        joined: the .tflite file that takes samples.
        io: of the plain form.
        pcm: (n, samples) at the front end's rate; int16, or float32 with full scale 1.0.
    """
    outside, inside = KeywordSpotter(plain, io), KeywordSpotter(joined, replace(io, input="audio"))
    alone = Interpreter(write(frontend_graph(io.frontend, io.normalisation)))
    same, apart, features, exceeding, networks = 0, [0.0], [0.0], 0, [0.0]
    for start in range(0, len(pcm), CHUNK_CLIPS):
        clips = pcm[start : start + CHUNK_CLIPS]
        inputs, samples = outside.inputs(clips), inside.inputs(clips)
        theirs, ours = outside.infer(inputs), inside.infer(samples)
        same += int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum())
        apart.append(float(np.abs(theirs - ours).max()))
        made = alone.run(samples).reshape(inputs.shape)
        off = np.abs(made - inputs)
        features.append(float(off.max()))
        exceeding += int((off > TOLERANCE).sum())
        networks.append(float(np.abs(outside.infer(_rounded(made, plain)) - ours).max()))
    return Agreement(
        clips=len(pcm),
        same_label=same,
        probability_difference=max(apart),
        feature_difference=max(features),
        features=len(pcm) * int(np.prod(io.frontend.shape)),
        exceeding=exceeding,
        network_difference=max(networks),
    )


def _rounded(features: np.ndarray, model: bytes) -> np.ndarray:
    """Features on the steps of an int8 model's input, as QUANTIZE inside a model rounds them.

    It multiplies by 1/scale and rounds halves to even; outside, the runtime divides and rounds
    halves away from zero. They differ in about one number in a million.
    """
    edge = read_graph(model).quantisation.get(INPUT)
    if edge is None:
        return features
    return np.asarray(np.rint(features * (np.float32(1) / edge.scale[0])) * edge.scale[0])
