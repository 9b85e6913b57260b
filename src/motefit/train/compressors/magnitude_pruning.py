"""Magnitude pruning during training, on a polynomial schedule.

Schedule: Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878, equation 1, as in
TensorFlow's model optimization toolkit. Global scores: Lee et al., "Layer-adaptive sparsity for the
magnitude-based pruning" (LAMP), arXiv:2010.07611, equation 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from motefit.spec.errors import RecipeError
from motefit.train.compressors import compressor, require
from motefit.train.finetune.finetuner import FineTuner, FineTuneSpec
from motefit.train.finetune.trained_model import Model, chosen_weights
from motefit.train.module import layout_of


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Polynomial decay of the fraction of remaining weights.

    Attributes:
        initial: sparsity at ``begin``.
        final: sparsity from ``end`` on.
        begin: fraction of the training, 0..1, before which nothing is pruned.
        end: fraction of the training.
        power: of the polynomial.
    """

    initial: float
    final: float
    begin: float
    end: float
    power: float = 3.0

    def checked(self) -> "Schedule":
        """Return the schedule itself once its values are known to make sense.

        Raises:
            RecipeError: for a value out of range; it is named as the option of the recipe.
        """
        require("sparsity", self.final, low=0, high=0.999)
        require("initial_sparsity", self.initial, low=0, high=self.final)
        require("begin", self.begin, low=0, high=self.end)
        require("end", self.end, low=self.begin, high=1)
        require("power", self.power, low=0, high=100)
        return self

    def within(self, share: float) -> "Schedule":
        """Squeeze the schedule into the first ``share`` (0..1) of a longer training."""
        return replace(self, begin=self.begin * share, end=self.end * share)

    def sparsity(self, progress: float) -> float:
        """Return the target fraction of zeros after a fraction of the training.

        >>> half = Schedule(initial=0.0, final=0.8, begin=0.0, end=0.5)
        >>> [round(half.sparsity(p), 2) for p in (0.0, 0.25, 0.5, 1.0)]
        [0.0, 0.7, 0.8, 0.8]
        """
        if progress < self.begin:
            return 0.0
        if progress >= self.end:
            return self.final
        left = 1 - (progress - self.begin) / (self.end - self.begin)
        return float(self.final + (self.initial - self.final) * left**self.power)


@compressor("magnitude-pruning")
def magnitude_pruning(  # noqa: PLR0913 - the options of a step are its signature
    model: Model,
    tuner: FineTuner,
    *,
    sparsity: float = 0.5,
    initial_sparsity: float = 0.0,
    epochs: int = 10,
    begin: float = 0.0,
    end: float = 0.8,
    power: float = 3.0,
    frequency: int = 1,
    scope: Literal["layer", "global"] = "layer",
    layers: tuple[str, ...] = (),
    depthwise: bool = False,
    fine_tuning_epochs: int = 5,
    learning_rate: float = 0.0,
) -> Model:
    """Gradually set the smallest weights to zero, while the others are trained to compensate.

    A pruned weight stays pruned. The best validation epoch is chosen among those that end with the
    final sparsity.

    Args:
        model: trained.
        tuner: to fine-tune with.
        sparsity: fraction of zeros at the end: of every layer, or of all layers together.
        initial_sparsity: fraction of zeros when pruning starts.
        epochs: of pruning; 0 prunes at once.
        begin: fraction of these epochs before which nothing is pruned.
        end: fraction of these epochs after which the final sparsity is reached.
        power: of the polynomial schedule.
        frequency: training steps from one pruning to the next.
        scope: ``"layer"``: every layer has the same fraction of zeros, the smallest magnitudes;
            ``"global"``: the smallest LAMP scores of all layers are pruned, so that layers which
            can spare more lose more, and none loses all its weights.
        layers: such as ``"conv0"``; empty for all convolutions, dense and recurrent layers.
        depthwise: prune depthwise convolutions too, when ``layers`` is empty.
        fine_tuning_epochs: after pruning, with the zeros fixed.
        learning_rate: peak; 0 for a tenth of the training's.

    Raises:
        RecipeError: for a value out of range, or an unknown layer.
    """
    require("learning_rate", learning_rate, low=0, high=1e3)
    _require_counts(epochs, fine_tuning_epochs, frequency)
    pruning = Schedule(
        initial=initial_sparsity, final=sparsity, begin=begin, end=end, power=power
    ).checked()
    total = epochs + fine_tuning_epochs
    schedule = pruning.within(epochs / total if total else 0.0)
    names = chosen_weights(model.graph, layers, depthwise=depthwise)
    masks = Masks(schedule, model, names=names, frequency=frequency, scope=scope)
    if schedule.end == 0:
        masks.prune(sparsity, _in_torch(model, names))
    last = min(int(end * epochs), max(total - 1, 0))
    tuning = FineTuneSpec(
        epochs=total, learning_rate=learning_rate, rounding=masks, counted_from=last
    )
    return tuner.fit(model, tuning)


def _require_counts(epochs: int, fine_tuning_epochs: int, frequency: int) -> None:
    if min(epochs, fine_tuning_epochs) < 0 or frequency < 1:
        raise RecipeError(
            "epochs and fine_tuning_epochs must not be negative and frequency at least 1, got "
            f"{epochs}, {fine_tuning_epochs} and {frequency}"
        )


def _in_torch(model: Model, names: tuple[str, ...]) -> dict[str, Tensor]:
    graph = model.graph
    return {name: layout_of(graph, name).to_torch(graph.constants[name]) for name in names}


class Masks(nn.Module):
    """Masks that grow with the training (a ``train.module.Rounding``).

    Args:
        schedule: of the sparsity.
        model: before its first step; its zeros are masked from the start.
        names: of the weights to prune.
        frequency: in steps.
        scope: see :func:`magnitude_pruning`.
    """

    done: Tensor

    def __init__(
        self,
        schedule: Schedule,
        model: Model,
        *,
        names: tuple[str, ...],
        frequency: int,
        scope: str,
    ) -> None:
        super().__init__()
        self._schedule, self._frequency, self._scope = schedule, frequency, scope
        self._names = names
        self.register_buffer("done", torch.tensor(0.0, dtype=torch.float64))
        for name in names:
            alive = (model.graph.constants[name] != 0).astype(np.float32)
            self.register_buffer(_key(name), layout_of(model.graph, name).to_torch(alive))

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Zero the pruned numbers of a weight."""
        return value * self._mask(name) if name in self._names else value

    def activation(self, name: str, value: Tensor) -> Tensor:  # noqa: ARG002 - of the protocol
        """Return the activation unchanged."""
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Prune if it is due; the last step of a training is at the end of the schedule."""
        wanted = self._schedule.sparsity(step / (steps - 1) if steps > 1 else 1.0)
        due = step % self._frequency == 0 or wanted == self._schedule.final
        if due and wanted > float(self.done):
            self.prune(wanted, constants)

    def prune(self, sparsity: float, constants: Mapping[str, Tensor]) -> None:
        """Mask the smallest weights, including all that are already masked.

        Args:
            sparsity: fraction of zeros, of every weight or of all together.
            constants: present values by name, in torch's layout.
        """
        magnitudes = [
            (constants[n].detach() * self._mask(n)).abs().reshape(-1) for n in self._names
        ]
        if self._scope == "layer":
            kept = [_largest(values, sparsity) for values in magnitudes]
        else:
            scores = torch.cat([_lamp(values) for values in magnitudes])
            sizes = [len(values) for values in magnitudes]
            kept = list(torch.split(_largest(scores, sparsity), sizes))
        for name, mask in zip(self._names, kept, strict=True):
            self._mask(name).copy_(mask.reshape(self._mask(name).shape))
        self.done.fill_(sparsity)

    def _mask(self, name: str) -> Tensor:
        return self.get_buffer(_key(name))


def _largest(scores: Tensor, sparsity: float) -> Tensor:
    """Return 1 for the largest of (n,) scores, 0 for the fraction ``sparsity``, to the nearest."""
    keep = torch.ones_like(scores)
    pruned = round(sparsity * len(scores))
    keep[torch.argsort(scores, stable=True)[:pruned]] = 0
    return keep


def _lamp(magnitudes: Tensor) -> Tensor:
    """Divide squares by the sum of all squares that are not smaller; the largest weight has 1."""
    order = torch.argsort(magnitudes, stable=True)
    squares = magnitudes[order].double().square()
    sums = squares.flip(0).cumsum(0).flip(0)
    scores = torch.empty_like(squares)
    scores[order] = squares / sums.clamp(min=torch.finfo(torch.float64).tiny)
    return scores


def _key(name: str) -> str:
    return name.replace(".", "/")  # torch keeps the dot for nested modules
