"""Broadcast residual net, after Kim et al., "Broadcasted Residual Learning", arXiv:2106.04140.

A block is: frequency depthwise convolution, norm (2-D path); mean over frequency, time depthwise
convolution, norm, ReLU, pointwise convolution (1-D path); the sum of the block's input, the 2-D
path and the broadcast 1-D path; ReLU.

As published but for swish, which ReLU replaces so that every activation fuses. The defaults are a
plain form of earlier versions; ``tau``, ``bands = 5`` and ``published_head`` give the published one
(docs/decisions/0024-broadcast-residual-nets.md).
"""

from dataclasses import dataclass

import numpy as np

from motefit.graph.builder import Builder, per_layer
from motefit.graph.families import Problem, family
from motefit.graph.graph import Graph
from motefit.graph.ops import Pair
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

    Args:
        problem: input shape (frames, features).
        rng: draws the initial weights.
        tau: published width, 0.25 to 16, which replaces the three kinds of channels; 0 for none.
        channels: of each stage.
        blocks: of each stage; the last entry is repeated.
        frequency_strides: of each stage's first block; the last entry is repeated.
        dilations: over frames, of each stage's time convolutions; the last entry is repeated.
        first_channels: of the first convolution.
        first_kernel: (frames, features) of the first convolution.
        first_stride: (frames, features) of the first convolution.
        time_kernel: frames of the time depthwise convolutions.
        frequency_kernel: features of the frequency depthwise convolutions.
        bands: of frequency that 2-D paths normalize on their own; 5 as published, 1 for all.
        published_head: as published: no norm at the end of 1-D paths, a 5x5 convolution at the end.
        head_channels: of the pointwise convolution before pooling; 0 leaves it out.
        dropout: in each 1-D path.
        softmax: end in probabilities instead of logits.
    """
    if tau:
        channels, first_channels, head_channels = _widths(tau)
    net = Builder((*problem.input_shape, 1), rng=rng)
    kernel, stride = (first_kernel[0], first_kernel[-1]), (first_stride[0], first_stride[-1])
    _normalized(net, first_channels, kernel, stride)
    kernels = (time_kernel, frequency_kernel)
    form = _Block(kernels=kernels, bands=bands, published=published_head, dropout=dropout)
    for stage, width in enumerate(channels):
        for block in range(per_layer(blocks, stage)):
            step = per_layer(frequency_strides, stage) if block == 0 else 1
            form.append(net, width, stride=step, dilation=per_layer(dilations, stage))
    if published_head:
        net.depthwise((min(HEAD_KERNEL, net.shape[0]), net.shape[1]), padding="valid")
    if head_channels:
        _normalized(net, head_channels, (1, 1))
    return net.classify(problem.outputs, softmax=softmax)


def _widths(tau: float) -> tuple[tuple[int, ...], int, int]:
    """Return channels of the stages, of the first convolution and of the head."""
    if not 0.25 <= tau <= 16:
        raise RecipeError(f"tau must be 0, or 0.25 to 16, got {tau:g}")
    return tuple(round(base * tau) for base in BASE), round(16 * tau), round(32 * tau)


def _normalized(net: Builder, width: int, kernel: Pair, stride: Pair = (1, 1)) -> None:
    """Append a convolution with its norm and ReLU."""
    net.conv(width, kernel, stride=stride)
    net.batch_norm()
    net.relu()


@dataclass(frozen=True, kw_only=True)
class _Block:
    """What all blocks of a network have in common.

    Attributes:
        kernels: frames of the time convolutions, features of the frequency convolutions.
        bands: of the 2-D paths' norms.
        published: whether 1-D paths end as published: without a norm, and with a dropout of whole
            channels.
        dropout: in the 1-D paths.
    """

    kernels: Pair
    bands: int
    published: bool
    dropout: float

    def append(self, net: Builder, width: int, *, stride: int, dilation: int) -> None:
        """Append a block."""
        start, before = net.cursor, net.shape
        if before[2] != width:
            _normalized(net, width, (1, 1))
        net.depthwise((1, self.kernels[1]), stride=(1, stride))
        two_d = net.batch_norm(bands=self.bands)
        net.average_pool((1, net.shape[1]))
        net.depthwise((self.kernels[0], 1), dilation=(dilation, 1))
        net.batch_norm()
        net.relu()
        net.conv(width, (1, 1), gain=PUBLISHED_GAIN if self.published else 1.0)
        if not self.published:
            net.batch_norm()
        one_d = net.dropout(self.dropout, whole_channels=self.published)
        total = net.add(two_d, one_d)
        if net.shape == before:
            net.add(total, start)
        net.relu()
