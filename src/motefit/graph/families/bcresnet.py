"""Broadcast residual net, after Kim et al., "Broadcasted Residual Learning", arXiv:2106.04140.

Plain batch norm replaces sub-spectral norm and ReLU replaces swish, so that every norm folds and
every activation fuses; frequency is averaged by pooling and broadcast back by addition.
"""

import numpy as np

from motefit.graph.builder import Builder, per_layer
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph


@family("bcresnet", tasks=("keyword-spotting",))
def bcresnet(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    channels: tuple[int, ...] = (8, 12, 16, 20),
    blocks: tuple[int, ...] = (2, 2, 4, 4),
    frequency_strides: tuple[int, ...] = (1, 2, 2, 1),
    dilations: tuple[int, ...] = (1, 2, 4, 8),
    first_channels: int = 16,
    first_kernel: tuple[int, ...] = (5, 5),
    first_stride: tuple[int, ...] = (1, 2),
    time_kernel: int = 3,
    frequency_kernel: int = 3,
    head_channels: int = 32,
    dropout: float = 0.0,
    softmax: bool = False,
) -> Graph:
    """Build stages of broadcast residual blocks, a pointwise head, pooling, one dense layer.

    A block is: frequency depthwise convolution, norm (2-D path); mean over frequency, time
    depthwise convolution, norm, ReLU, pointwise convolution (1-D path); the sum of the block's
    input, the 2-D path and the broadcast 1-D path; ReLU.

    Args:
        problem: input shape (frames, features).
        rng: draws the initial weights.
        channels: of each stage.
        blocks: of each stage; the last entry is repeated.
        frequency_strides: of each stage's first block; the last entry is repeated.
        dilations: over frames, of each stage's time convolutions; the last entry is repeated.
        first_channels: of the first convolution.
        first_kernel: (frames, features) of the first convolution.
        first_stride: (frames, features) of the first convolution.
        time_kernel: frames of the time depthwise convolutions.
        frequency_kernel: features of the frequency depthwise convolutions.
        head_channels: of the pointwise convolution before pooling; 0 leaves it out.
        dropout: in each 1-D path.
        softmax: end in probabilities instead of logits.
    """
    net = Builder((*problem.input_shape, 1), rng=rng)
    net.conv(
        first_channels,
        (first_kernel[0], first_kernel[-1]),
        stride=(first_stride[0], first_stride[-1]),
    )
    net.batch_norm()
    net.relu()
    for stage, width in enumerate(channels):
        for block in range(per_layer(blocks, stage)):
            _block(
                net,
                width,
                kernels=(time_kernel, frequency_kernel),
                stride=per_layer(frequency_strides, stage) if block == 0 else 1,
                dilation=per_layer(dilations, stage),
                dropout=dropout,
            )
    if head_channels:
        _pointwise(net, head_channels)
    return net.classify(problem.outputs, softmax=softmax)


def _pointwise(net: Builder, width: int) -> None:
    """Append a 1x1 convolution with its norm and ReLU."""
    net.conv(width, (1, 1))
    net.batch_norm()
    net.relu()


def _block(
    net: Builder,
    width: int,
    *,
    kernels: tuple[int, int],
    stride: int,
    dilation: int,
    dropout: float,
) -> None:
    start, before = net.cursor, net.shape
    if before[2] != width:
        _pointwise(net, width)
    net.depthwise((1, kernels[1]), stride=(1, stride))
    two_d = net.batch_norm()
    net.average_pool((1, net.shape[1]))
    net.depthwise((kernels[0], 1), dilation=(dilation, 1))
    net.batch_norm()
    net.relu()
    net.conv(width, (1, 1))
    net.batch_norm()
    one_d = net.dropout(dropout)
    total = net.add(two_d, one_d)
    if net.shape == before:
        net.add(total, start)
    net.relu()
