"""Broadcast residual net, after Kim et al., "Broadcasted Residual Learning", arXiv:2106.04140.

As published but for swish, which ReLU replaces so that every activation fuses; frequency is
averaged by pooling and broadcast back by addition. The defaults are a plain form of earlier
versions; ``tau``, ``bands = 5`` and ``published_head`` give the published one
(docs/decisions/0024-broadcast-residual-nets.md).
"""

import numpy as np

from motefit.graph.builder import Builder, per_layer
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.spec.errors import RecipeError

BASE = (8, 12, 16, 20)
"""Channels of the published stages for tau = 1; the first convolution has 16, the head 32."""
HEAD_KERNEL = 5
PUBLISHED_GAIN = 6**-0.5
"""Of a 1-D path's pointwise convolution, which no norm follows: torch's initial weights, uniform
below 1 / sqrt(inputs), against He's. With He's, the broadcast drowns the 2-D path at first."""


@family("bcresnet", tasks=("keyword-spotting",))
def bcresnet(  # noqa: PLR0913 - the knobs of a family are its signature
    problem: Problem,
    *,
    rng: np.random.Generator,
    tau: float = 0.0,
    channels: tuple[int, ...] = (8, 12, 16, 20),
    blocks: tuple[int, ...] = (2, 2, 4, 4),
    frequency_strides: tuple[int, ...] = (1, 2, 2, 1),
    dilations: tuple[int, ...] = (1, 2, 4, 8),
    first_channels: int = 16,
    first_kernel: tuple[int, ...] = (5, 5),
    first_stride: tuple[int, ...] = (1, 2),
    time_kernel: int = 3,
    frequency_kernel: int = 3,
    bands: int = 1,
    published_head: bool = False,
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
        tau: width of the published network, 0.6 to 8: replaces ``channels``, ``first_channels`` and
            ``head_channels`` by those for tau = 1 times this; 0 leaves them as given.
        channels: of each stage.
        blocks: of each stage; the last entry is repeated.
        frequency_strides: of each stage's first block; the last entry is repeated.
        dilations: over frames, of each stage's time convolutions; the last entry is repeated.
        first_channels: of the first convolution.
        first_kernel: (frames, features) of the first convolution.
        first_stride: (frames, features) of the first convolution.
        time_kernel: frames of the time depthwise convolutions.
        frequency_kernel: features of the frequency depthwise convolutions.
        bands: frequency bands that the norms of the 2-D paths normalize on their own (sub-spectral
            norm); 5 as published, 1 for a plain norm. They cost a product and a sum per block.
        published_head: end as published: no norm after the pointwise convolution of a 1-D path,
            whole channels in its dropout, and a depthwise 5x5 convolution over all remaining
            frequencies before the head.
        head_channels: of the pointwise convolution before pooling; 0 leaves it out.
        dropout: in each 1-D path.
        softmax: end in probabilities instead of logits.
    """
    if tau:
        if not 0.25 <= tau <= 16:
            raise RecipeError(f"tau must be 0, or 0.25 to 16, got {tau:g}")
        channels = tuple(round(base * tau) for base in BASE)
        first_channels, head_channels = round(16 * tau), round(32 * tau)
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
                bands=bands,
                published=published_head,
                dropout=dropout,
            )
    if published_head:
        frames = min(HEAD_KERNEL, net.shape[0])
        net.depthwise((frames, net.shape[1]), padding="valid")
    if head_channels:
        _pointwise(net, head_channels)
    return net.classify(problem.outputs, softmax=softmax)


def _pointwise(net: Builder, width: int) -> None:
    """Append a 1x1 convolution with its norm and ReLU."""
    net.conv(width, (1, 1))
    net.batch_norm()
    net.relu()


def _block(  # noqa: PLR0913 - what differs between blocks
    net: Builder,
    width: int,
    *,
    kernels: tuple[int, int],
    stride: int,
    dilation: int,
    bands: int,
    published: bool,
    dropout: float,
) -> None:
    start, before = net.cursor, net.shape
    if before[2] != width:
        _pointwise(net, width)
    net.depthwise((1, kernels[1]), stride=(1, stride))
    two_d = net.batch_norm(bands=bands)
    net.average_pool((1, net.shape[1]))
    net.depthwise((kernels[0], 1), dilation=(dilation, 1))
    net.batch_norm()
    net.relu()
    net.conv(width, (1, 1), gain=PUBLISHED_GAIN if published else 1.0)
    if not published:
        net.batch_norm()
    one_d = net.dropout(dropout, whole_channels=published)
    total = net.add(two_d, one_d)
    if net.shape == before:
        net.add(total, start)
    net.relu()
