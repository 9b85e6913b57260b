"""Conversion of a trained Graph to a file in the recipe's precision."""

from collections.abc import Mapping

import numpy as np

from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.gptq import refine_weights
from motefit.graph.quantize.quantize import quantize
from motefit.graph.quantize.weight_only import dynamic_range, halve_weights, quantize_weights
from motefit.spec.recipe import CompressSpec
from motefit.tflite.write.write import write

Ranges = Mapping[str, tuple[float, float]]


def shipped_graph(
    graph: Graph, compress: CompressSpec, *, examples: np.ndarray, ranges: Ranges | None = None
) -> Graph:
    """Convert a graph to the form that ships: folded, and quantized as the recipe says.

    Args:
        graph: graph in trained or folded form.
        compress: the recipe's ``[compress]`` section.
        examples: normalized inputs (n, *input_shape) that calibrate the activations and that
            weights are rounded to.
        ranges: ranges of the folded graph's activations, if training has already found them; its
            weights then also have their integers from training, and are not changed.

    Raises:
        RecipeError: if an operation of the graph does not support the precision.
    """
    folded = fold(graph)
    if compress.precision == "float32":
        return folded
    if compress.precision == "float16":
        return halve_weights(folded)
    if compress.precision in {"int8", "int4"}:
        nearest = quantize(
            folded,
            ranges or calibrate(folded, examples, method=compress.calibration),
            io=compress.io,
            per_channel=compress.per_channel,
            weight_bits=8 if compress.precision == "int8" else 4,
        )
    elif compress.precision == "dynamic-range":
        nearest = dynamic_range(folded, per_channel=compress.per_channel)
    else:
        nearest = quantize_weights(
            folded,
            per_channel=compress.per_channel,
            bits=8 if compress.precision == "int8-weights" else 4,
        )
    if compress.rounding == "nearest" or ranges is not None:
        return nearest
    return refine_weights(nearest, folded, examples)


def export(
    graph: Graph, compress: CompressSpec, *, examples: np.ndarray, ranges: Ranges | None = None
) -> bytes:
    """Write the .tflite file of a graph; arguments and errors as in :func:`shipped_graph`."""
    return file_of(shipped_graph(graph, compress, examples=examples, ranges=ranges), compress)


def file_of(shipped: Graph, compress: CompressSpec) -> bytes:
    """Write the .tflite file of a graph in the form that ships."""
    return write(shipped, keep_names=compress.keep_names, bias_quantization=compress.bias_scales)
