"""Plain convolutional nets: the published baselines of two and eight words.

Sources: the three-block CNN and the sequential CNN of published keyword spotters.
"""

import numpy as np

from motefit.graph.builder import Builder, per_layer, scaled
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.graph.ops import Padding


@family("cnn", tasks=("keyword-spotting",))
def cnn(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    filters: tuple[int, ...] = (256, 256, 256),
    kernel_heights: tuple[int, ...] = (3,),
    kernel_widths: tuple[int, ...] = (3,),
    strides: tuple[int, ...] = (2, 1, 1),
    first_padding: Padding = "valid",
    width_multiplier: float = 1.0,
    full_width_layers: int = 0,
    pointwise_depthwise: bool = False,
    separable: bool = False,
    dropout: float = 0.0,
    softmax: bool = False,
) -> Graph:
    """Build blocks of convolution, batch norm and ReLU; global average pooling; one dense layer.

    Args:
        problem: input shape (frames, features).
        rng: draws the initial weights.
        filters: of each block before the width multiplier; as many blocks as entries.
        kernel_heights: over frames, per block; the last entry is repeated.
        kernel_widths: over features, per block; the last entry is repeated.
        strides: in both directions, per block; the last entry is repeated.
        first_padding: of the first block; the others are padded.
        width_multiplier: factor on the filters, of which at least one remains.
        full_width_layers: number of first blocks to which the width multiplier does not apply; 1 in
            the published width grid.
        pointwise_depthwise: a 1x1 depthwise convolution before every block but the first.
        separable: in every block but the first, a depthwise convolution with the block's kernel
            and stride and a 1x1 convolution replace the convolution.
        dropout: after every batch norm and after pooling.
        softmax: end in probabilities instead of logits.
    """
    net = Builder((*problem.input_shape, 1), rng=rng)
    for i, count in enumerate(filters):
        if pointwise_depthwise and i > 0:
            net.depthwise((1, 1))
        width = count if i < full_width_layers else scaled(count, width_multiplier)
        kernel = (per_layer(kernel_heights, i), per_layer(kernel_widths, i))
        stride = (per_layer(strides, i), per_layer(strides, i))
        if separable and i > 0:
            net.depthwise(kernel, stride=stride)
            net.conv(width, (1, 1))
        else:
            padding = first_padding if i == 0 else "same"
            net.conv(width, kernel, stride=stride, padding=padding)
        net.batch_norm()
        net.relu()
        net.dropout(dropout)
    return net.classify(problem.outputs, dropout=dropout, softmax=softmax)
