"""Losses, learning-rate schedules, optimizers and scores: the arithmetic of a training step."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.adam import adam
from torch.optim.sgd import sgd

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
BETAS = (0.9, 0.999)
"""Fractions of the previous moments that Adam keeps at each step (torch's default)."""
EPSILON = 1e-8
"""Added to the root of Adam's second moment (torch's default)."""
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


class Optimizer:
    """Adam, AdamW or stochastic gradient descent with momentum, by torch's fused functions.

    The same arithmetic as ``torch.optim.Adam(fused=True)`` and its siblings, whose steps import
    torch's compiler: that takes as long as importing torch itself, and is not used here.

    For ``"adam"`` and ``"sgd"`` the decay is added to the gradient (an L2 penalty), for ``"adamw"``
    it is decoupled. It applies to parameters of two or more dimensions only.

    Attributes:
        rate: learning rate of the next step.
        state: moments of each parameter by the names of :data:`MOMENTS` or :data:`SGD_MOMENTS`,
            none before the first step.
        moments: these names.
    """

    def __init__(self, module: nn.Module, settings: TrainSpec) -> None:
        parameters = list(module.parameters())
        self.rate = settings.learning_rate
        self.state: dict[Tensor, dict[str, Tensor]] = {p: {} for p in parameters}
        self.moments = SGD_MOMENTS if settings.optimizer == "sgd" else MOMENTS
        self._kind = settings.optimizer
        decayed = [p for p in parameters if p.ndim >= 2]
        others = [p for p in parameters if p.ndim < 2]
        self._groups = ((decayed, settings.weight_decay), (others, 0.0))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.state:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have a gradient."""
        for group, decay in self._groups:
            moved: list[Tensor] = [p for p in group if p.grad is not None]
            if moved:
                self._step(moved, [p.grad for p in moved if p.grad is not None], decay)

    def _step(self, moved: list[Tensor], gradients: list[Tensor], decay: float) -> None:
        if self._kind == "sgd":
            velocities = [self.state[p].get("momentum_buffer") for p in moved]
            sgd(
                moved, gradients, velocities, fused=True, weight_decay=decay, momentum=MOMENTUM,
                lr=self.rate, dampening=0.0, nesterov=False, maximize=False,
            )  # fmt: skip
            for parameter, velocity in zip(moved, velocities, strict=True):
                if velocity is not None:  # as it was made in the first step
                    self.state[parameter]["momentum_buffer"] = velocity
            return
        for parameter in moved:
            if not self.state[parameter]:
                zeros = torch.zeros((), dtype=torch.float32, device=parameter.device)
                like = [torch.zeros_like(parameter) for _ in range(2)]
                self.state[parameter] = dict(zip(MOMENTS, (zeros, *like), strict=True))
        steps, means, squares = ([self.state[p][name] for p in moved] for name in MOMENTS)
        adam(
            moved, gradients, means, squares, [], steps, fused=True,
            decoupled_weight_decay=self._kind == "adamw", amsgrad=False, beta1=BETAS[0],
            beta2=BETAS[1], lr=self.rate, weight_decay=decay, eps=EPSILON, maximize=False,
        )  # fmt: skip
