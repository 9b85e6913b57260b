"""Losses of several models at once, and their slopes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from motefit.train.optimisation import CLASSIFICATION, loss_function

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def losses(name: str, label_smoothing: Sequence[float]) -> Loss:
    """A function of outputs (models, n, ...) and targets (models, n, ...) of that size.

    It returns losses (models, ...), whose mean over all but the first axis is each model's
    ``train.optimisation.loss_function``, and their derivatives by the outputs, in the form of the
    outputs. The cross-entropy takes logits (models, n, classes) and classes (models, n).

    Args:
        name: as there.
        label_smoothing: of each model; the cross-entropy's.

    Raises:
        RecipeError: for an unknown name.
    """
    loss_function(name)
    if name == CLASSIFICATION:
        return _cross_entropy(torch.tensor(label_smoothing))
    regression = {"mae": _absolute, "mse": _square, "huber": _huber}[name]
    return lambda outputs, y: regression(outputs.detach() - y.reshape(outputs.shape))


def _absolute(error: Tensor) -> tuple[Tensor, Tensor]:
    return error.abs(), error.sgn_()


def _square(error: Tensor) -> tuple[Tensor, Tensor]:
    return error.square(), error.mul_(2)


def _huber(error: Tensor) -> tuple[Tensor, Tensor]:
    clipped = error.clamp(-1, 1)
    return error.sub_(clipped / 2).mul_(clipped), clipped


def _cross_entropy(smoothing: Tensor) -> Loss:
    share = smoothing[:, None]

    def loss(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        log_p = outputs.detach().log_softmax(-1)
        classes = y.unsqueeze(-1)
        hard = log_p.gather(-1, classes).squeeze(-1)
        value = -hard.lerp(log_p.mean(-1), share)
        slope = log_p.exp_() - (share / outputs.shape[-1]).unsqueeze(-1)
        hot = (share - 1).unsqueeze(-1).expand(classes.shape)
        return value, slope.scatter_add_(-1, classes, hot)

    return loss
