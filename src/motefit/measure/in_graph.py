"""Whether a model with its front end inside says what the same model says after numpy's."""

from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.frontend import frontend_graph
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.tasks.keyword_spotting import SpeechIO
from motefit.tflite.writer import write

CHUNK_CLIPS = 128
TOLERANCE = 1e-4
"""What two float32 front ends may differ by. In bands less than a thousandth as strong as the
loudest bin of their frame both are further from float64 than this: the logarithm magnifies their
rounding. ``exceeding`` counts such numbers (benchmarks/in_graph: under one in a thousand)."""


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
    """

    clips: int
    same_label: int
    probability_difference: float
    feature_difference: float
    features: int
    exceeding: int


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
    same, apart, features, exceeding = 0, [0.0], [0.0], 0
    for start in range(0, len(pcm), CHUNK_CLIPS):
        clips = pcm[start : start + CHUNK_CLIPS]
        inputs, samples = outside.inputs(clips), inside.inputs(clips)
        theirs, ours = outside.infer(inputs), inside.infer(samples)
        same += int((theirs.argmax(axis=1) == ours.argmax(axis=1)).sum())
        apart.append(float(np.abs(theirs - ours).max()))
        off = np.abs(alone.run(samples).reshape(inputs.shape) - inputs)
        features.append(float(off.max()))
        exceeding += int((off > TOLERANCE).sum())
    return Agreement(
        clips=len(pcm),
        same_label=same,
        probability_difference=max(apart),
        feature_difference=max(features),
        features=len(pcm) * int(np.prod(io.frontend.shape)),
        exceeding=exceeding,
    )
