"""Small real models, built and written by the product itself."""

import numpy as np
import pytest

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.runtime.bundle import Bundle, bundle_bytes, sha256
from motefit.spec.card import Card
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

WORDS = ("down", "left", "up")
SPEECH = SpeechIO(
    labels=WORDS,
    frontend=FrontEnd(),
    normalization=Normalization(mean=tuple(range(10)), std=tuple(range(1, 11))),
)
SERIES = SeriesIO(
    inputs=("T (degC)", "p (mbar)", "rh (%)"),
    targets=("rh (%)", "T (degC)"),
    input_steps=6,
    output_steps=3,
    step_minutes=10.0,
    normalization=Normalization(mean=(9.0, 988.0, 72.0), std=(8.0, 8.0, 16.0)),
)


@pytest.fixture(scope="session")
def speech_graph():
    problem = Problem(input_shape=SPEECH.frontend.shape, outputs=len(WORDS))
    options = {"width": 8, "blocks": 1}
    return fold(build("dscnn", options, problem=problem, rng=np.random.default_rng(0)))


@pytest.fixture(scope="session")
def series_graph():
    problem = Problem(input_shape=(6, 3), outputs=6)
    return fold(build("mlp", {"units": (4,)}, problem=problem, rng=np.random.default_rng(0)))


@pytest.fixture(scope="session")
def lstm_graph():
    problem = Problem(input_shape=(6, 3), outputs=6)
    return fold(build("lstm", {"units": 4}, problem=problem, rng=np.random.default_rng(0)))


@pytest.fixture(scope="session")
def int8_graph(speech_graph):
    shape = (64, *speech_graph.input_shape)
    examples = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    return quantize(speech_graph, calibrate(speech_graph, examples), io="int8")


def bundle_of(model, task, io):
    card = Card(
        task=task,
        io=io,
        model_sha256=sha256(model),
        facts={"size.tflite_bytes": len(model)},
        recipe={"budget": {"size.tflite_bytes": "< 25 KB"}},
    )
    return Bundle(
        file=ModelFile(data=model), card=card, bundle_bytes=len(bundle_bytes(model, card))
    )


@pytest.fixture(scope="session")
def speech_bundle(speech_graph):
    return bundle_of(write(speech_graph), "keyword-spotting", SPEECH)


@pytest.fixture(scope="session")
def int8_bundle(int8_graph):
    return bundle_of(write(int8_graph), "keyword-spotting", SPEECH)


@pytest.fixture(scope="session")
def series_bundle(series_graph):
    return bundle_of(write(series_graph), "forecasting", SERIES)
