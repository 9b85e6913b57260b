"""Small real models, built and written by the product itself."""

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.runtime import Forecaster, KeywordSpotter
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write

SPEECH = SpeechIO(labels=("down", "left", "up"), frontend=FrontEnd(), normalization=Normalization())
SERIES = SeriesIO(
    inputs=("T (degC)", "rh (%)"),
    targets=("rh (%)", "T (degC)"),
    input_steps=6,
    output_steps=3,
    step_minutes=10.0,
    normalization=Normalization(mean=(9.0, 72.0), std=(8.0, 16.0)),
)


def graph(family, shape, outputs, **options):
    problem = Problem(input_shape=shape, outputs=outputs)
    return fold(build(family, options, problem=problem, rng=np.random.default_rng(0)))


@pytest.fixture(scope="session")
def make_graph():
    return graph


@pytest.fixture(scope="session")
def speech_model():
    return write(graph("dscnn", (49, 10), 3, width=8, blocks=1))


@pytest.fixture
def spotter(speech_model):
    return KeywordSpotter(speech_model, SPEECH)


@pytest.fixture
def make_spotter(speech_model):
    return lambda **options: KeywordSpotter(speech_model, SPEECH, **options)


@pytest.fixture
def forecaster():
    return Forecaster(write(graph("mlp", (6, 2), 6, units=(4,))), SERIES)
