"""Other scales for the weights of a quantised graph than their largest numbers ask for."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from motefit.graph.graph import Graph, Quantisation
from motefit.graph.ops import Conv2D, Dense, DepthwiseConv2D
from motefit.graph.quantise_scales import quantise_bias, quantise_weight


def with_weight_scales(form: Graph, original: Graph, scales: Mapping[str, np.ndarray]) -> Graph:
    """Choose the scales of some weights: their integers and biases follow.

    Args:
        form: a quantised form of ``original``.
        original: shipped float form.
        scales: float32 (1,) or one per channel, by name of the weight; a weight that the form
            holds in float stays as it is.
    """
    constants, parameters = dict(form.constants), dict(form.quantisation)
    for name, scale in scales.items():
        if name in parameters:
            axis = None if len(scale) == 1 else parameters[name].axis
            parameters[name] = replace(parameters[name], scale=scale, axis=axis)
            constants[name] = quantise_weight(original.constants[name], parameters[name])
    for op in original.ops:
        if not isinstance(op, Conv2D | DepthwiseConv2D | Dense) or op.inputs[1] not in scales:
            continue
        bias = op.inputs[2]
        constants[bias] = original.constants[bias]
        if bias in parameters:
            parameters[bias] = _bias(form, op.output, parameters[op.inputs[1]])
            constants[bias] = quantise_bias(original.constants[bias], parameters[bias])
    return replace(form, constants=constants, quantisation=parameters)


def _bias(form: Graph, layer: str, weight: Quantisation) -> Quantisation:
    source = next(op.inputs[0] for op in form.ops if op.output == layer)
    product = form.quantisation[source].scale[0] * weight.scale
    return Quantisation(scale=product, axis=None if weight.axis is None else 0)
