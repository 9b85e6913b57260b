"""Sensitivity of the loss to each weight: Fisher information, and statistics of layers' inputs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from motefit.graph.execute.float32 import patches, run_all
from motefit.graph.graph import Graph
from motefit.graph.ops import Conv2D, Dense, DepthwiseConv2D
from motefit.train.module import GraphModule, layout_of
from motefit.train.optimizer import CLASSIFICATION

EXAMPLES = 256
INPUT_EXAMPLES = 1024
DRAWS = 2
"""Random outputs drawn for every example, over which the information is averaged."""


def fisher(graph: Graph, examples: np.ndarray, *, loss: str, seed: int) -> dict[str, np.ndarray]:
    """Compute the diagonal Fisher information of every float constant, in the graph's layout.

    For the cross-entropy the outputs are drawn from the network's own distribution; for other
    losses it is that of a normal distribution of deviation 1 around the outputs.

    Args:
        graph: released float form.
        examples: (n, *input_shape); the first :data:`EXAMPLES` are used.
        loss: of the training.
        seed: of the draws.

    Returns:
        float64 arrays of the constants' shapes, by name.
    """
    module = GraphModule(graph, seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    names = [name for op in graph.ops for name in op.inputs if name in graph.constants]
    sums = {name: torch.zeros_like(module.tensor(name), dtype=torch.float64) for name in names}
    batch = torch.from_numpy(np.asarray(examples[:EXAMPLES], np.float32))
    batch = batch.reshape(-1, *graph.input_shape)
    for example in torch.split(batch, 1):
        out = module.logits(example).reshape(1, -1)
        for left in reversed(range(DRAWS)):
            value = _surprise(out, loss=loss, generator=generator)
            tensors = [module.tensor(name) for name in names]
            gradients = torch.autograd.grad(value, tensors, retain_graph=left > 0)
            for name, gradient in zip(names, gradients, strict=True):
                sums[name] += gradient.double().square()
    count = max(len(batch) * DRAWS, 1)
    return {
        name: layout_of(graph, name).to_numpy((total / count).float()).astype(np.float64)
        for name, total in sums.items()
    }


def _surprise(out: Tensor, *, loss: str, generator: torch.Generator) -> Tensor:
    """Compute minus the log-likelihood of a drawn output."""
    if loss == CLASSIFICATION:
        drawn = torch.multinomial(out.detach().softmax(1), 1, generator=generator)
        return torch.nn.functional.cross_entropy(out, drawn[:, 0])
    noise = torch.randn(out.shape, generator=generator)
    return (out * noise).sum()


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """Statistics of a layer's inputs.

    Attributes:
        mean: (1, i); of a depthwise convolution (o, i), one row for each channel.
        power: mean squares, of the same shape.
        covariance: (i, i); None for a depthwise convolution.
    """

    mean: np.ndarray
    power: np.ndarray
    covariance: np.ndarray | None


def layer_inputs(graph: Graph, examples: np.ndarray) -> Mapping[str, Inputs]:
    """Compute input statistics of convolutions and dense layers, by name of the weight."""
    tensors = run_all(graph, examples[:INPUT_EXAMPLES])
    found = {}
    for op in graph.ops:
        if not isinstance(op, Conv2D | DepthwiseConv2D | Dense):
            continue
        x = tensors[op.inputs[0]].astype(np.float64)
        shape = graph.constants[op.inputs[1]].shape
        if isinstance(op, DepthwiseConv2D):
            window = patches(op, x, (shape[1], shape[2]))
            sums = [(window**k).mean(axis=(0, 1, 2)).reshape(-1, shape[3]).T for k in (1, 2)]
            found[op.inputs[1]] = Inputs(mean=sums[0], power=sums[1], covariance=None)
            continue
        if isinstance(op, Conv2D):
            x = patches(op, x, (shape[1], shape[2]))
        rows = x.reshape(-1, int(np.prod(shape[1:])))
        mean = rows.mean(axis=0, keepdims=True)
        gram = rows.T @ rows / len(rows)
        found[op.inputs[1]] = Inputs(
            mean=mean, power=np.diag(gram)[None], covariance=gram - mean.T @ mean
        )
    return found
