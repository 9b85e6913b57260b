"""motefit's own pipelines in a single-threaded process: calls, and loops for comparisons.

Calls and results are pickled: both ends are the same motefit, connected by a pipe.
"""

import base64
import os
import pickle  # noqa: TID251 - between two processes of one program, never a file
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from motefit.measure.latency.protocols import Counted, iteration_2020, iteration_2024
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
            "2020": iteration_2020(spotter.inputs, spotter.interpreter, frontend, rng=rng),
            "2024": iteration_2024(spotter.inputs, spotter.interpreter, frontend, rng=rng),
        }


def call(text: str, report: Counted) -> str:
    """Call a function in a folder, as requested by :meth:`~.client.Worker.call`.

    Args:
        text: the request.
        report: sends the function's progress, if the request asks for it.

    Returns:
        whether it returned, and its result or exception; pickled, in base 64.
    """
    try:
        request = pickle.loads(base64.b64decode(text))  # noqa: S301 - ours
        folder, function, args, options, reports = request
        options |= {"progress": report} if reports else {}
        os.chdir(folder)
        answer = True, function(*args, **options)
    except Exception as error:  # noqa: BLE001 - raised on the other side
        error.add_note(traceback.format_exc())
        answer = False, error
    return base64.b64encode(pickle.dumps(answer)).decode()


if __name__ == "__main__":
    serve({"versions": "motefit"}, Own, call)
