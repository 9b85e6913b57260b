"""Adam and AdamW for several models at once, each at a learning rate of its own."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from motefit.spec.recipe import TrainSpec
from motefit.train.stacked_module import StackedModule

BETAS = (0.9, 0.999)
"""Shares of the old moments kept at each step (torch's default)."""
EPSILON = 1e-8
"""Added to the root of the second moment (torch's default)."""


class StackedAdam:
    """The arithmetic of ``train.optimisation.optimiser``, in a handful of operations.

    Args:
        module: whose ``values``, ``moments`` and ``steps`` it moves.
        settings: of each model, with equal ``optimizer``.
    """

    def __init__(self, module: StackedModule, settings: Sequence[TrainSpec]) -> None:
        self._module = module
        shares = torch.tensor([own.weight_decay for own in settings])
        self._decay = shares[:, None] * module.decays if shares.any() else None
        self._decoupled = settings[0].optimizer == "adamw"
        self._change = torch.empty_like(module.values)

    def step(self, gradient: Tensor, rate: Tensor) -> None:
        """Take a step.

        Args:
            gradient: as ``module.values``.
            rate: (models, 1) learning rates.
        """
        module, change = self._module, self._change
        values, (mean, square) = module.values, module.moments
        module.steps += 1
        if self._decay is not None:
            torch.mul(values, self._decay, out=change)
            if self._decoupled:
                values.addcmul_(change, rate, value=-1)
            else:
                gradient = gradient + change
        mean.lerp_(gradient, 1 - BETAS[0])
        square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        # Both corrections of the moments' bias stand in the length of the step.
        first = 1 - BETAS[0] ** module.steps
        second = math.sqrt(1 - BETAS[1] ** module.steps)
        # torch's root is MKL's: not rounded exactly, and another on another processor
        np.sqrt(square.numpy(), out=change.numpy())
        change.add_(EPSILON * second)
        values.addcdiv_(mean * rate, change, value=-second / first)
