"""Depthwise-separable convolutional net (DS-CNN), Zhang et al., "Hello Edge", arXiv:1711.07128."""

import numpy as np

from motefit.graph.builder import Builder, per_layer, scaled
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.graph.ops import Padding


@family("dscnn", tasks=("keyword-spotting",))
def dscnn(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    width: int = 64,
    blocks: int = 4,
    width_multiplier: float = 1.0,
    first_kernel: tuple[int, ...] = (3, 3),
    first_stride: tuple[int, ...] = (2, 2),
    first_padding: Padding = "same",
    kernel: tuple[int, ...] = (3, 3),
    strides: tuple[int, ...] = (1,),
    norm_between: bool = True,
    dropout: float = 0.0,
    softmax: bool = False,
) -> Graph:
    """Build a convolution, depthwise-separable blocks, pooling, and one dense layer.

    Args:
        problem: input shape (frames, features).
        rng: draws the initial weights.
        width: filters of every layer before the width multiplier.
        blocks: depthwise-separable blocks.
        width_multiplier: factor on the width, of which at least one filter remains.
        first_kernel: (frames, features) of the first convolution.
        first_stride: (frames, features) of the first convolution.
        first_padding: of the first convolution.
        kernel: (frames, features) of the depthwise convolutions.
        strides: of each block in both directions; the last entry is repeated.
        norm_between: batch norm and ReLU between depthwise and pointwise convolution.
        dropout: after every batch norm and after pooling.
        softmax: end in probabilities instead of logits.
    """
    filters = scaled(width, width_multiplier)
    net = Builder((*problem.input_shape, 1), rng=rng)
    net.conv(
        filters,
        (first_kernel[0], first_kernel[-1]),
        stride=(first_stride[0], first_stride[-1]),
        padding=first_padding,
    )
    net.batch_norm()
    net.relu()
    net.dropout(dropout)
    for block in range(blocks):
        stride = per_layer(strides, block)
        net.depthwise((kernel[0], kernel[-1]), stride=(stride, stride))
        if norm_between:
            net.batch_norm()
            net.relu()
        net.conv(filters, (1, 1))
        net.batch_norm()
        net.relu()
        net.dropout(dropout)
    return net.classify(problem.outputs, dropout=dropout, softmax=softmax)
