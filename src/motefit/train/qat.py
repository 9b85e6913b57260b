"""Quantisation-aware fine-tuning: training that feels the rounding of the shipped file.

The scales are those of ``graph.quantise``: weights by the same functions, activations from moving
averages of the least and greatest value of a batch. Gradients pass straight through the rounding
(Bengio et al., arXiv:1308.3432); the scheme is that of Jacob et al., arXiv:1712.05877, section 3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import INPUT, Graph, Quantisation
from motefit.graph.ops import (
    LSTM,
    Add,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Op,
    Softmax,
)
from motefit.graph.quantise_scales import (
    activation_quantisation,
    dequantise_array,
    quantise_weight,
    weight_scale,
)
from motefit.spec.codec import dumps_json
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import CompressSpec, TrainSpec
from motefit.train.loop import EpochReport, Run, Source, select_device
from motefit.train.module import GraphModule

Ranges = Mapping[str, tuple[float, float]]

RANGE_MOMENTUM = 0.98
"""Share of the old range of an activation kept at each step."""
LEARNING_RATE_SHARE = 0.1
"""Peak learning rate of the fine-tuning, as a share of the training's."""
FLOAT_BELOW = 64
"""Weights of fewer numbers stay float in the int8-weights form, as ``quantise_weights`` does it."""
_WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The result of a fine-tuning.

    Attributes:
        graph: shipped float form with rounded weights, so that every way of quantising it finds
            the integers that were trained. Where no epoch was better than the start, the graph that
            was given.
        ranges: for ``graph.quantise.quantise``, of the activations that have one of their own;
            empty for int8-weights.
        history: one report per epoch.
        score_before: on the validation part, rounded, before the first epoch.
        score: likewise, of the result; at least ``score_before``.
        finished: False when ``stop`` ended it early.
    """

    graph: Graph
    ranges: Ranges
    history: tuple[EpochReport, ...]
    score_before: float
    score: float
    finished: bool


def fine_tuning(settings: TrainSpec, compress: CompressSpec) -> TrainSpec:
    """Settings for :func:`tune`, made from those of the training: few epochs, a low rate."""
    return replace(
        settings,
        epochs=max(compress.quantisation_aware_epochs, 1),
        learning_rate=settings.learning_rate * LEARNING_RATE_SHARE,
        weight_decay=0.0,
    )


def tune(  # noqa: PLR0913 - one keyword per thing a caller decides, most with defaults
    graph: Graph,
    source: Source,
    settings: TrainSpec,
    compress: CompressSpec,
    *,
    loss: str,
    ranges: Ranges | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Callable[[EpochReport], None] | None = None,
    device: str = "cpu",
    stop: Callable[[], bool] | None = None,
) -> Tuned:
    """Fine-tune a folded graph with the rounding of its shipped form.

    Args:
        graph: shipped float form, trained.
        source: of the examples, as in training.
        settings: optimisation, e.g. from :func:`fine_tuning`.
        compress: ``precision`` and ``per_channel`` say what is rounded.
        loss: as in training.
        ranges: calibrated, of every activation; needed for ``"int8"``.
        seed: as in ``train.loop.train``; so are the arguments that follow.
        checkpoint: file to resume from and to write to.
        progress: called after every epoch.
        device: of torch.
        stop: asked after every epoch.

    Raises:
        RecipeError: precision float32, no ranges for int8, or an LSTM in int8.
        DataError: as ``train.loop.train``; likewise the other errors there.
    """
    if compress.precision == "float32":
        raise RecipeError(
            "quantisation-aware training needs a rounded precision: set compress.precision to "
            '"int8" or "int8-weights", or quantisation_aware_epochs to 0'
        )
    whole = compress.precision == "int8"
    rounding = FakeQuantisation(
        graph, ranges=(ranges or {}) if whole else None, per_channel=compress.per_channel
    )
    module = GraphModule(graph, seed=seed, rounding=rounding).to(select_device(device))
    variant = dumps_json([compress.precision, compress.per_channel, rounding.ranges()])
    run = Run(module, source, settings, loss=loss, seed=seed, variant=variant)
    before = run.validate()
    start = rounding.ranges()
    trained = run.to_end(checkpoint=checkpoint, progress=progress, stop=stop)
    after = trained.history[trained.best_epoch]
    better = (after.score, -after.validation_loss) > (before[1], -before[0])
    return Tuned(
        graph=rounding.rounded(trained.graph) if better else graph,
        ranges=rounding.ranges() if better else start,
        history=trained.history,
        score_before=before[1],
        score=after.score if better else before[1],
        finished=trained.finished,
    )


class FakeQuantisation(nn.Module):
    """Rounds weights, and activations if it has ranges, as the shipped file does.

    Implements ``train.module.Rounding``. In training mode the ranges follow the activations. Biases
    stay float: their steps are those of the accumulator, far finer than the output's.

    Args:
        graph: shipped float form.
        ranges: of every activation that has one of its own, to begin with; None rounds weights
            only, as the int8-weights form.
        per_channel: a weight scale for every output channel instead of one per array.

    Raises:
        RecipeError: a missing range, or an LSTM whose activations were to be rounded.
    """

    limits: Tensor

    def __init__(self, graph: Graph, *, ranges: Ranges | None, per_channel: bool) -> None:
        super().__init__()
        self._per_channel = per_channel
        self._whole = ranges is not None
        self._axes = _weights(graph, per_channel=per_channel, small=self._whole)
        self._makers: dict[str, Op] = {op.output: op for op in graph.ops}
        self._weight_scales: dict[str, float] = {}
        self._activations: dict[str, Quantisation] = {}
        own = [INPUT, *(op.output for op in graph.ops if isinstance(op, (*_WEIGHTED, Add)))]
        self._rows = {name: row for row, name in enumerate(own)} if self._whole else {}
        if self._whole and any(isinstance(op, LSTM) for op in graph.ops):
            raise RecipeError(
                "quantisation-aware training of an LSTM covers its weights only: set "
                'compress.precision = "int8-weights", or quantisation_aware_epochs = 0'
            )
        missing = [name for name in self._rows if name not in (ranges or {})]
        if missing:
            raise RecipeError(f"no calibrated range for {missing[0]!r}; calibrate this same graph")
        limits = [(ranges or {})[name] for name in self._rows]
        self.register_buffer("limits", torch.tensor(limits, dtype=torch.float64).reshape(-1, 2))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Present range of every activation that has one of its own; empty without ranges."""
        return {name: _pair(self.limits[row]) for name, row in self._rows.items()}

    def rounded(self, graph: Graph) -> Graph:
        """A graph of the same form with its weights rounded."""
        weights = {n: _nearest(graph.constants[n], axis)[0] for n, axis in self._axes.items()}
        return graph.with_constants(weights)

    def constant(self, name: str, value: Tensor) -> Tensor:
        """A weight, rounded; anything else as it is."""
        if name not in self._axes:
            return value
        axis = None if self._axes[name] is None else 0  # channels come first in torch
        seen, scale = _nearest(value.detach().cpu().numpy(), axis)
        self._weight_scales[name] = scale
        return _straight_through(value, torch.from_numpy(seen).to(value.device))

    def activation(self, name: str, value: Tensor) -> Tensor:
        """An activation, rounded; follows its range in training mode."""
        if not self._whole or isinstance(self._makers.get(name), Softmax):
            return value
        if self.training and name in self._rows:
            low, high = torch.aminmax(value.detach())
            seen = torch.stack([low, high]).to(self.limits)
            self.limits[self._rows[name]].lerp_(seen, 1 - RANGE_MOMENTUM)
        chosen = self._quantisation(name)
        self._activations[name] = chosen
        return torch.fake_quantize_per_tensor_affine(
            value, float(chosen.scale[0]), chosen.zero_point, -128, 127
        )

    def _quantisation(self, name: str) -> Quantisation:
        """Scale and zero point by the rules of ``graph.quantise``."""
        op = self._makers.get(name)
        if name not in self._rows and op is not None:
            return self._activations[op.inputs[0]]
        least = 0.0
        if op is not None:
            # No finer than the kernels' arithmetic, as in graph.quantise.
            if isinstance(op, Add):
                least = max(self._scale(source) for source in op.inputs) * 2.0**-16
            else:
                least = self._scale(op.inputs[0]) * self._weight_scales[op.inputs[1]]
        return activation_quantisation(*_pair(self.limits[self._rows[name]]), least_scale=least)

    def _scale(self, name: str) -> float:
        return float(self._activations[name].scale[0])


def _weights(graph: Graph, *, per_channel: bool, small: bool) -> dict[str, int | None]:
    """Weights that are rounded, with the axis of their scales in the graph's layout."""
    axes: dict[str, int | None] = {}
    for op in graph.ops:
        if isinstance(op, LSTM):
            axes |= {op.inputs[1]: 0, op.inputs[2]: 0}
        elif isinstance(op, _WEIGHTED):
            channels = 3 if isinstance(op, DepthwiseConv2D) else 0
            axes[op.inputs[1]] = channels if per_channel else None
    return {n: axis for n, axis in axes.items() if small or graph.constants[n].size >= FLOAT_BELOW}


def _nearest(weight: np.ndarray, axis: int | None) -> tuple[np.ndarray, float]:
    """What is left of a weight after int8, and its largest scale."""
    scale = weight_scale(weight, axis)
    quantisation = Quantisation(scale=scale, axis=axis)
    integers = quantise_weight(weight, quantisation)
    return dequantise_array(integers, quantisation), float(scale.max())


def _pair(limits: Tensor) -> tuple[float, float]:
    low, high = limits.tolist()
    return low, high


class StraightThrough(torch.autograd.Function):
    """Another tensor's values with this tensor's gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, seen: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        """Give what is to be seen."""
        return seen

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401, ARG004
        """Pass the gradient on to the value."""
        return gradients[0], None


def _straight_through(value: Tensor, seen: Tensor) -> Tensor:
    apply: Callable[..., Tensor] = StraightThrough.apply
    return apply(value, seen.contiguous(memory_format=_format(value)))


def _format(value: Tensor) -> torch.memory_format:
    return torch.channels_last if value.ndim == 4 else torch.contiguous_format
