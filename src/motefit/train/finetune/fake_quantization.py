"""Fake quantization: training with the rounding of the released file.

The scales are those of ``graph.quantize.quantize``: weights by the same functions, activations from
moving averages of the least and greatest value of a batch. Gradients pass straight through the
rounding (Bengio et al., arXiv:1308.3432); the scheme is that of Jacob et al., arXiv:1712.05877,
section 3, with the two roundings of LiteRT's kernels (``graph.fixed_point``).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.fixed_point import multiplier
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import LSTM, Add, AveragePool2D, Conv2D, Dense, DepthwiseConv2D, Op, Softmax
from motefit.graph.ops_signal import Multiply
from motefit.graph.quantize.quantize import ADD_LEAST_STEP
from motefit.graph.scales import (
    activation_quantization,
    constant_quantization,
    dequantize_array,
    fake_quantize,
    quantize_weight,
    weight_scale,
)
from motefit.spec.errors import RecipeError

Ranges = Mapping[str, tuple[float, float]]

RANGE_MOMENTUM = 0.98
"""Fraction of the previous range of an activation kept at each step."""
INT8 = (-128, 127)
_WEIGHTED = (Conv2D, DepthwiseConv2D, Dense)


class FakeQuantization(nn.Module):
    """Rounds weights, and activations if it has ranges, as the released file does.

    Implements ``train.module.Rounding``. In training mode the ranges follow the activations.

    Args:
        graph: released float form.
        form: the same graph in its quantized form, which determines the constants to round, and
            how.
        ranges: initial range of every activation with its own range; None rounds weights only.
        scales: of weights with fixed scales; the others follow from the largest numbers.
        only: names of the weights to round; None for all that the form rounds.

    Raises:
        RecipeError: for a missing range, or an LSTM whose activations would be rounded.
    """

    limits: Tensor

    def __init__(
        self,
        graph: Graph,
        form: Graph,
        *,
        ranges: Ranges | None,
        scales: Mapping[str, np.ndarray] | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        super().__init__()
        self._whole = ranges is not None
        self._makers: dict[str, Op] = {op.output: op for op in graph.ops}
        self._rules = rounded_weights(form, only)
        self._fixed = dict(scales or {})
        self._biases = {
            op.inputs[2]: op
            for op in graph.ops
            if isinstance(op, _WEIGHTED) and self._whole and len(op.inputs) == 3
        }
        self._weight_scales: dict[str, np.ndarray] = {}
        self._activations: dict[str, Quantization] = {}
        kinds = (*_WEIGHTED, Add, Multiply)
        own = [INPUT, *(op.output for op in graph.ops if isinstance(op, kinds))]
        self._beside = {
            name: op
            for op in graph.ops
            if isinstance(op, Add | Multiply) and self._whole
            for name in op.inputs
            if name in graph.constants
        }
        self._rows = {name: row for row, name in enumerate(own)} if self._whole else {}
        if self._whole and any(isinstance(op, LSTM) for op in graph.ops):
            raise RecipeError(
                "quantization-aware training of an LSTM covers its weights only: set "
                'compress.precision = "int8-weights", or leave the step "quantization-aware" out'
            )
        missing = [name for name in self._rows if name not in (ranges or {})]
        if missing:
            raise RecipeError(f"no calibrated range for {missing[0]!r}; calibrate this very graph")
        limits = [(ranges or {})[name] for name in self._rows]
        self.register_buffer("limits", torch.tensor(limits, dtype=torch.float64).reshape(-1, 2))

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the current range of every activation with its own; empty without ranges."""
        return {name: _pair(self.limits[row]) for name, row in self._rows.items()}

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Do nothing: the rounding does not change over time."""

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Round a weight or a bias; return anything else unchanged."""
        if name in self._rules:
            rule = self._rules[name]
            array = value.detach().cpu().numpy()
            axis = None if rule.axis is None else 0  # channels come first in torch
            scale = self._fixed.get(name)
            if scale is None:
                scale = weight_scale(array, axis, bits=rule.bits)
            found = Quantization(scale=scale, axis=axis, bits=rule.bits)
            self._weight_scales[name] = found.scale
            seen = dequantize_array(quantize_weight(array, found), found)
            return straight_through(value, torch.from_numpy(seen).to(value.device))
        if name in self._biases:
            op = self._biases[name]
            step = self._source_scale(op.inputs[0]) * self._weight_scales[op.inputs[1]]
            steps = torch.from_numpy(step.astype(np.float32)).to(value)
            return straight_through(value, torch.round(value.detach() / steps) * steps)
        if name in self._beside:
            array = value.detach().cpu().numpy()
            chosen = self._activations[name] = constant_quantization(array)
            rounded = torch.from_numpy(fake_quantize(array, chosen))
            return straight_through(value, rounded.to(value.device))
        return value

    def activation(self, name: str, value: Tensor) -> Tensor:
        """Round an activation; update its range in training mode."""
        op = self._makers.get(name)
        if not self._whole or isinstance(op, Softmax):
            return value
        if self.training and name in self._rows:
            low, high = torch.aminmax(value.detach())
            seen = torch.stack([low, high]).to(self.limits)
            self.limits[self._rows[name]].lerp_(seen, 1 - RANGE_MOMENTUM)
        chosen = self._activations[name] = self._quantization(name)
        scale, zero = float(chosen.scale[0]), chosen.zero_point
        clamped = torch.fake_quantize_per_tensor_affine(value, scale, zero, *INT8)
        if isinstance(op, _WEIGHTED):
            steps = self._twice_rounded(op, value.detach() / scale)
        elif isinstance(op, AveragePool2D):
            steps = _mean_of_integers(op, value.detach() / scale + zero) - zero
        else:
            return clamped
        return straight_through(clamped, (steps + zero).clamp(*INT8).sub(zero) * scale)

    def _twice_rounded(self, op: Op, steps: Tensor) -> Tensor:
        """Round to output steps: first to the resolution of the multiplication, then halves up."""
        real = self._scale(op.inputs[0]) * self._weight_scales[op.inputs[1]].astype(np.float64)
        real = real / self._activations[op.output].scale[0]
        shift = np.maximum(-multiplier(real).exponent, 0)
        fine = torch.from_numpy(2.0 ** np.asarray(shift, np.float32)).to(steps)
        if steps.ndim == 4:
            fine = fine[:, None, None]
        once = torch.floor(steps * fine + 0.5) / fine
        if not isinstance(op, DepthwiseConv2D):
            return torch.floor(once + 0.5)
        # channels after the last full 8 use scalar code, which rounds halves away from zero
        channels = steps.shape[1]
        scalar = torch.arange(channels, device=steps.device) >= channels // 8 * 8
        away = scalar[:, None, None] & (once < 0)
        return torch.where(away, torch.ceil(once - 0.5), torch.floor(once + 0.5))

    def _quantization(self, name: str) -> Quantization:
        """Compute scale and zero point by the rules of ``graph.quantize.quantize``."""
        op = self._makers.get(name)
        if name not in self._rows and op is not None:
            return self._activations[op.inputs[0]]
        least = 0.0
        if op is not None:
            # No finer than the kernels' arithmetic, as in graph.quantize.
            if isinstance(op, Multiply):
                least = self._scale(op.inputs[0]) * self._scale(op.inputs[1])
            elif isinstance(op, Add):
                least = max(self._scale(source) for source in op.inputs) * ADD_LEAST_STEP
            else:
                least = self._scale(op.inputs[0]) * float(self._weight_scales[op.inputs[1]].max())
        return activation_quantization(*_pair(self.limits[self._rows[name]]), least_scale=least)

    def _scale(self, name: str) -> float:
        return float(self._activations[name].scale[0])

    def _source_scale(self, name: str) -> float:
        """Compute the scale of an activation from its range, which is known before the pass."""
        if name not in self._rows:
            return self._source_scale(self._makers[name].inputs[0])
        return float(activation_quantization(*_pair(self.limits[self._rows[name]])).scale[0])


def rounded_weights(form: Graph, only: frozenset[str] | None = None) -> dict[str, Quantization]:
    """Return the integer weights of a released form, with their scales; biases are not weights."""
    return {
        name: form.quantization[name]
        for name, array in form.constants.items()
        if name in form.quantization
        and array.dtype == np.int8
        and (only is None or name in only)
        and not any(isinstance(reader, Add | Multiply) for reader in form.consumers(name))
    }


def _mean_of_integers(op: AveragePool2D, mean: Tensor) -> Tensor:
    """Average raw integers as the kernel does: halves go away from zero."""
    count = op.window[0] * op.window[1]
    total = torch.round(mean * count)
    return torch.sign(total) * torch.floor((total.abs() + count // 2) / count)


def _pair(limits: Tensor) -> tuple[float, float]:
    low, high = limits.tolist()
    return low, high


class StraightThrough(torch.autograd.Function):
    """Another tensor's values with this tensor's gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, seen: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        """Forward the quantized value."""
        return seen

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401, ARG004
        """Pass the gradient on to the value."""
        return gradients[0], None


def straight_through(value: Tensor, seen: Tensor) -> Tensor:
    """Return ``seen``, with gradients that go to ``value``."""
    apply: Callable[..., Tensor] = StraightThrough.apply
    form = torch.channels_last if value.ndim == 4 else torch.contiguous_format
    return apply(value, seen.contiguous(memory_format=form))
