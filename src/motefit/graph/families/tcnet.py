"""1-D time-channel separable net: mel bands are channels, convolutions run over time only.

Sources: MatchboxNet, arXiv:2004.08531; TC-ResNet, arXiv:1904.03814; causal convolutions that
stream: Rybakov et al., arXiv:2005.06720.
"""

import numpy as np

from motefit.graph.builder import Builder, per_layer
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.graph.ops import TimePadding


@family("tcnet", tasks=("keyword-spotting",))
def tcnet(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    width: int = 32,
    blocks: int = 4,
    first_kernel: int = 5,
    first_stride: int = 2,
    kernels: tuple[int, ...] = (9,),
    strides: tuple[int, ...] = (1,),
    dilations: tuple[int, ...] = (1,),
    residual: bool = True,
    dropout: float = 0.0,
    softmax: bool = False,
    padding: TimePadding = "same",
) -> Graph:
    """Build a convolution over time, then blocks of depthwise (time) and pointwise convolution.

    Args:
        problem: input shape (frames, features); features become channels.
        rng: draws the initial weights.
        width: channels of every layer.
        blocks: depthwise-separable blocks.
        first_kernel: frames of the first convolution.
        first_stride: frames of the first convolution.
        kernels: frames of the depthwise convolutions; the last entry is repeated.
        strides: of each block; the last entry is repeated.
        dilations: of each block; the last entry is repeated.
        residual: add each block's input to its output if the shapes are equal.
        dropout: after every block and after pooling.
        softmax: end in probabilities instead of logits.
        padding: of all convolutions over time. With ``"valid"`` there is no padding, with
            ``"causal"`` no look-ahead: both have a streaming form. For a ``"valid"`` network it
            computes exactly what the network computes for the window; for a ``"causal"`` one it
            sees audio before the window where training had padding.
    """
    frames, features = problem.input_shape
    net = Builder((frames, 1, features), rng=rng)
    net.conv(width, (first_kernel, 1), stride=(first_stride, 1), padding=padding)
    net.batch_norm()
    net.relu()
    for block in range(blocks):
        start, before = net.cursor, net.shape
        net.depthwise(
            (per_layer(kernels, block), 1),
            stride=(per_layer(strides, block), 1),
            dilation=(per_layer(dilations, block), 1),
            padding=padding,
        )
        net.conv(width, (1, 1))
        net.batch_norm()
        if residual and (per_layer(strides, block), *net.shape[1:]) == (1, *before[1:]):
            inner = net.cursor
            net.add(net.last_rows(start, net.shape[0]), inner)
        net.relu()
        net.dropout(dropout)
    return net.classify(problem.outputs, dropout=dropout, softmax=softmax)
