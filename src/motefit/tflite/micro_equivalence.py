"""Equivalence of two .tflite files by running both in TensorFlow Lite Micro.

For models that LiteRT cannot run, such as those with operators of microcontrollers.
"""

import importlib.util
from typing import Any

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.contained import stage
from motefit.tflite.equivalence import EquivalenceReport
from motefit.tflite.micro import ARENA_LIMIT_BYTES, WHEEL
from motefit.tflite.model import ModelFile

RUNTIME = "TensorFlow Lite Micro"


def has_micro() -> bool:
    """Return whether TensorFlow Lite Micro can be run: the extra ``micro``."""
    return importlib.util.find_spec(WHEEL) is not None


def check_micro_equivalence(
    before: bytes, after: bytes, *, n: int, rng: np.random.Generator
) -> EquivalenceReport:
    """Compare the outputs of two files whose tables are equal; states carry over between runs.

    Args:
        before: the original model.
        after: the model that must compute the same.
        n: number of random inputs.
        rng: random generator of the inputs.

    Returns:
        The report; :attr:`EquivalenceReport.inputs` is 0, with a reason, if it cannot run the
        model.

    Raises:
        ModelFileError: if the files give different outputs.
    """
    from motefit.tflite.content import read_subgraphs  # noqa: PLC0415 - not for LiteRT's models

    graph = read_subgraphs(before, ModelFile(data=before).tables)[0]
    try:
        runners = [_runner(model) for model in (before, after)]
        details = [runners[0].get_input_details(place) for place in range(len(graph.inputs))]
        values = 0
        for _ in range(n):
            feed = [_drawn(tensor, rng) for tensor in details]
            left, right = (_outputs(runner, feed, len(graph.outputs)) for runner in runners)
            if [array.tobytes() for array in left] != [array.tobytes() for array in right]:
                raise ModelFileError(f"the two files give different outputs in {RUNTIME}")
            values += sum(array.size for array in left)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        reason = " ".join(str(error).split())
        return EquivalenceReport(tables=True, inputs=0, resolvers=(), values=0, reason=reason)
    return EquivalenceReport(tables=True, inputs=n, resolvers=(RUNTIME,), values=values)


def _runner(model: bytes) -> Any:  # noqa: ANN401 - it has no types
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415 - an extra

    stage(f"loading in {RUNTIME}")
    return runtime.Interpreter.from_bytes(model, arena_size=ARENA_LIMIT_BYTES)


def _outputs(runner: Any, feed: list[np.ndarray], count: int) -> list[np.ndarray]:  # noqa: ANN401
    stage(f"running in {RUNTIME}")
    for place, array in enumerate(feed):
        runner.set_input(array, place)
    runner.invoke()
    return [np.array(runner.get_output(place)) for place in range(count)]


def _drawn(tensor: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Draw an array for an input: normal numbers, or integers; unscaled wide ones are 0 or 1."""
    shape, dtype = tuple(tensor["shape"]), np.dtype(tensor["dtype"])
    if dtype.kind == "f":
        return rng.normal(0, 1, shape).astype(dtype)
    if dtype.kind == "b" or dtype.itemsize > 2:
        return rng.integers(0, 2, shape).astype(dtype)
    bounds = np.iinfo(dtype)
    return rng.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
