"""Losses, learning-rate schedules, optimizers and scores: the arithmetic of a training step."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from motefit.spec.codec import unknown
from motefit.spec.recipe import TrainSpec

WARM_UP = 0.3
"""Rising fraction of the one-cycle schedule (torch's OneCycleLR)."""
START_DIVISOR = 25.0
"""One-cycle starts at peak / 25 (torch's OneCycleLR)."""
END_DIVISOR = 25.0 * 1e4
"""One-cycle ends at peak / 250,000 (torch's OneCycleLR)."""
LONGEST_WARM_UP = 0.5
"""Largest rising fraction of the cosine schedule."""
MOMENTUM = 0.9
"""Of stochastic gradient descent."""
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""State of a parameter in Adam: steps so far, mean of gradients and of squares."""
SGD_MOMENTS = ("momentum_buffer",)
"""State of a parameter in stochastic gradient descent."""
CLASSIFICATION = "cross-entropy"
PINBALL = "pinball"

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_function(name: str, *, label_smoothing: float = 0.0) -> Loss:
    """Return a mean loss of outputs (n, ...) and targets.

    Targets are class indices (n,) int64 or probabilities (n, classes) float32 for
    ``"cross-entropy"``, which reads logits; otherwise float32 of the outputs' size. ``"huber"``
    changes from quadratic to linear at an error of 1. ``"pinball 0.1 0.5 0.9"`` is that of
    quantiles (Koenker and Bassett, 1978), which alternate along the outputs.

    Raises:
        RecipeError: for an unknown name.
    """
    if quantiles := pinball_quantiles(name):
        return lambda out, y: pinball(y.reshape(out.shape) - out, quantiles).mean()
    losses: dict[str, Loss] = {
        CLASSIFICATION: lambda out, y: functional.cross_entropy(
            out, y, label_smoothing=label_smoothing
        ),
        "mae": lambda out, y: functional.l1_loss(out, y.reshape(out.shape)),
        "mse": lambda out, y: functional.mse_loss(out, y.reshape(out.shape)),
        "huber": lambda out, y: functional.huber_loss(out, y.reshape(out.shape)),
    }
    if name not in losses:
        raise unknown("loss", name, losses)
    return losses[name]


def pinball_quantiles(loss: str) -> tuple[float, ...]:
    """Read the quantiles off the name of a pinball loss; none for another loss.

    >>> pinball_quantiles("pinball 0.1 0.5 0.9"), pinball_quantiles("mae")
    ((0.1, 0.5, 0.9), ())
    """
    kind, *levels = loss.split()
    return tuple(map(float, levels)) if kind == PINBALL else ()


def pinball(error: Tensor, quantiles: Sequence[float]) -> Tensor:
    """Compute the pinball loss of errors (..., outputs), true value minus output.

    Args:
        error: outputs are as many as a multiple of the quantiles, which alternate.
        quantiles: between 0 and 1.
    """
    level = torch.tensor(quantiles, dtype=error.dtype, device=error.device)
    level = level.repeat(error.shape[-1] // len(quantiles))
    return torch.maximum(level * error, (level - 1) * error)


def score(loss: str, outputs: Tensor, targets: Tensor, *, balanced: bool = False) -> float:
    """Compute a score, higher is better: accuracy, or minus the mean absolute or pinball error.

    Args:
        loss: name of the loss.
        outputs: (n, ...) of the network.
        targets: as of :func:`loss_function`, classes and not probabilities.
        balanced: use the mean of the recalls of all occurring classes as accuracy.
    """
    if loss == CLASSIFICATION:
        right = (outputs.argmax(1) == targets).double()
        if balanced:
            clips, hits = torch.bincount(targets), torch.bincount(targets, weights=right)
            return float((hits[clips > 0] / clips[clips > 0]).mean())
        return float(right.mean())
    if quantiles := pinball_quantiles(loss):
        return -float(pinball(targets.reshape(outputs.shape) - outputs, quantiles).double().mean())
    return -float((outputs - targets.reshape(outputs.shape)).abs().double().mean())


def learning_rate(settings: TrainSpec, progress: float) -> float:
    """Compute the learning rate after a fraction of all steps.

    Args:
        settings: schedule, peak and final rate.
        progress: 0 at the first step, toward 1 at the end.
    """
    peak = settings.learning_rate
    if settings.schedule == "constant":
        return peak
    if settings.schedule == "linear":
        return peak + (settings.final_learning_rate - peak) * progress
    if settings.schedule == "cosine":
        rising = min(settings.warm_up_epochs / settings.epochs, LONGEST_WARM_UP)
        if progress < rising:
            return peak * progress / rising
        share = (progress - rising) / (1 - rising)
        return _cosine(peak, min(settings.final_learning_rate, peak), share)
    if progress < WARM_UP:
        return _cosine(peak / START_DIVISOR, peak, progress / WARM_UP)
    return _cosine(peak, peak / END_DIVISOR, (progress - WARM_UP) / (1 - WARM_UP))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def optimizer(module: nn.Module, settings: TrainSpec) -> torch.optim.Optimizer:
    """Make a fused optimizer; weight decay only on parameters of two or more dimensions.

    For ``"adam"`` and ``"sgd"`` the decay is added to the gradient (an L2 penalty), for ``"adamw"``
    it is decoupled.
    """
    parameters = list(module.parameters())
    decayed = [p for p in parameters if p.ndim >= 2]
    others = [p for p in parameters if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    chosen = [g for g in groups if g["params"]]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(chosen, lr=settings.learning_rate, momentum=MOMENTUM, fused=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(chosen, lr=settings.learning_rate, fused=True)
