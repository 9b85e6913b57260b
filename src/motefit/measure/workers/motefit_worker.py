"""motefit's own pipelines in a process of one thread, beside those in TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from motefit.measure.protocols import turn_2020, turn_2024
from motefit.measure.workers.tensorflow_worker import serve
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.signal.features import features_of


class Own:
    """A bundle in motefit's runtime: XNNPACK, one thread.

    Args:
        asked: ``model``, the path of a bundle.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        spotter = KeywordSpotter.load(Path(asked["model"]))
        frontend, rng = spotter.io.frontend, np.random.default_rng(0)
        self.features = features_of(frontend).clip
        self.turns = {
            "2020": turn_2020(spotter.inputs, spotter.interpreter, frontend, rng=rng),
            "2024": turn_2024(spotter.inputs, spotter.interpreter, frontend, rng=rng),
        }


if __name__ == "__main__":
    serve({"versions": "motefit"}, Own)
