"""From a trained Graph to the bytes a recipe asks for."""

from collections.abc import Mapping

import numpy as np

from motefit.graph.graph import Graph
from motefit.graph.quantise import calibrate, quantise, quantise_weights
from motefit.graph.rounding import refine_weights
from motefit.graph.transform import fold
from motefit.spec.recipe import CompressSpec
from motefit.tflite.writer import write

Ranges = Mapping[str, tuple[float, float]]


def shipped_graph(
    graph: Graph, compress: CompressSpec, *, examples: np.ndarray, ranges: Ranges | None = None
) -> Graph:
    """The graph in the form that ships: folded, and quantised as the recipe says.

    Args:
        graph: in trained or folded form.
        compress: the recipe's ``[compress]`` section.
        examples: normalised inputs (n, *input_shape) that calibrate the activations.
        ranges: of the folded graph's activations, where training has found them already.
    """
    folded = fold(graph)
    if compress.precision == "float32":
        return folded
    if compress.precision == "int8-weights":
        rounded = quantise_weights(folded, per_channel=compress.per_channel)
        if compress.rounding == "nearest":
            return rounded
        return refine_weights(rounded, folded, examples)
    if ranges is None:
        ranges = calibrate(folded, examples)
    return quantise(folded, dict(ranges), io=compress.io, per_channel=compress.per_channel)


def export(
    graph: Graph, compress: CompressSpec, *, examples: np.ndarray, ranges: Ranges | None = None
) -> bytes:
    """The bytes of the .tflite file; arguments as in :func:`shipped_graph`."""
    return write(shipped_graph(graph, compress, examples=examples, ranges=ranges))
