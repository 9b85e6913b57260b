"""Rate-distortion rounding: integers that take few bits where the loss is insensitive.

Every weight is an integer times a scale. It costs the bits that its integer takes under the
histogram of all integers, and increases the loss by the Fisher information of its row of
weights (Kirkpatrick et al., arXiv:1612.00796) times the covariance of the layer's inputs, because
the bias absorbs their mean. Weights are rounded in turn and the error is passed on to those that
are still free (Frantar et al., "GPTQ", arXiv:2210.17323), then chosen again one by one.

Scales follow from equal slopes: an entropy-coded uniform quantizer of step D and sensitivity f
spends its bits best at D^2 = 6 price / (f ln 2) (Gish and Pierce, "Asymptotically efficient
quantizing", 1968).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from motefit.graph.graph import Quantization
from motefit.graph.scales import weight_limit

SWEEPS = 12
DAMPING = 1e-5
"""Damping added to the inputs' covariance, relative to its mean power, so that it has an
inverse."""
SCALE_DIGITS = 3
"""Binary digits of a scale after the first: few, so that their bytes repeat."""
UNSEEN = 0.02
"""Count assumed for an integer that no weight has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A weight as rows, one for each output channel (each gate of an LSTM).

    Attributes:
        name: of the weight.
        bias: its name; empty for an LSTM, whose biases stay.
        rule: how the file rounds the weight.
        axis: of the rows in the graph's array.
        rows: (o, i) float64.
        sensitivity: (o, 1) of a row, or (o, i) of single weights; positive.
        covariance: (i, i) of the inputs, damped; None for none.
        mean: (1, i) or (o, i) of the inputs.
        bias_sensitivity: (o,).
        settled: scale (1,) or (o,) of a weight whose integers are already fixed.
    """

    name: str
    bias: str
    rule: Quantization
    axis: int
    rows: np.ndarray
    sensitivity: np.ndarray
    covariance: np.ndarray | None
    mean: np.ndarray
    bias_sensitivity: np.ndarray
    settled: np.ndarray | None = None

    @cached_property
    def order(self) -> np.ndarray:
        """Inputs (i,) in the order in which their weights are rounded: strongest first."""
        if self.covariance is None:
            return np.arange(self.rows.shape[1])
        return np.argsort(-np.diag(self.covariance), kind="stable")

    @cached_property
    def factor(self) -> np.ndarray:
        """Upper triangular (i, i), in :attr:`order`, by which errors are propagated."""
        if self.covariance is None:
            return np.eye(self.rows.shape[1])
        inverse = np.linalg.inv(self.covariance[np.ix_(self.order, self.order)])
        return np.asarray(np.linalg.cholesky(inverse).T)

    def step(self, price: float) -> np.ndarray:
        """Compute the target scale at a price of a bit: (o,), or (1,) with one scale per weight."""
        passed_on = math.exp(-2 * float(np.log(np.diag(self.factor)).mean()))
        feeling = self.sensitivity.mean(axis=1) * passed_on
        if self.rule.axis is None:
            feeling = feeling.mean(keepdims=True)
        return uniform_step(feeling, price)


def uniform_step(sensitivity: np.ndarray, price: float) -> np.ndarray:
    """Compute the step of the optimal uniform quantizer at a price of a bit."""
    return np.asarray(np.sqrt(6 * price / (np.maximum(sensitivity, 1e-30) * math.log(2))))


def scale_at(layer: Layer, price: float) -> np.ndarray:
    """Compute scales, float32 (1,) or (o,), of few digits; limited by the range of integers."""
    if layer.settled is not None:
        return layer.settled
    limit = weight_limit(layer.rule.bits)
    peak = np.abs(layer.rows).max(axis=1)
    if layer.rule.axis is None:
        peak = peak.max(keepdims=True)
    # a scale above the peak carries no more information than zeros
    wanted = np.clip(layer.step(price), peak / limit, np.maximum(peak, 1e-9))
    power = np.exp2(np.floor(np.log2(wanted)) - SCALE_DIGITS)
    return np.asarray(np.ceil(wanted / power) * power, np.float32)


def integers_at(
    layers: list[Layer], scales: Mapping[str, np.ndarray], price: float
) -> dict[str, np.ndarray]:
    """Choose integers (o, i), float64, of every layer at a price of a bit."""
    integers = {x.name: np.rint(x.rows / scales[x.name].reshape(-1, 1)) for x in layers}
    integers = {n: np.clip(values, -127, 127) for n, values in integers.items()}
    for _ in range(2):
        bits = bits_of(integers.values())
        integers = {x.name: _in_turn(x, scales[x.name], price * bits) for x in layers}
    for _ in range(SWEEPS):
        bits = bits_of(integers.values())
        moved = {x.name: _anew(x, integers[x.name], scales[x.name], price * bits) for x in layers}
        if all(np.array_equal(moved[name], integers[name]) for name in moved):
            break
        integers = moved
    return integers


def bits_of(integers: Iterable[np.ndarray]) -> np.ndarray:
    """Compute the bits (255,) of the integers -127..127 under the histogram of some arrays."""
    everything = np.concatenate([array.ravel() for array in integers]).astype(np.int64)
    counts = np.bincount(everything + 127, minlength=255) + UNSEEN
    return np.asarray(-np.log2(counts / counts.sum()))


def at_once(layer: Layer, weight: np.ndarray, scale: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Choose integers (o, i), float64, of weights (o, i), each independently."""
    steps = np.broadcast_to(scale.astype(np.float64), (len(weight),))
    if layer.settled is not None:
        return np.rint(weight / steps[:, None])
    power = np.ones(weight.shape[1]) if layer.covariance is None else np.diag(layer.covariance)
    sensitivity = np.broadcast_to(layer.sensitivity, weight.shape)
    columns = [
        _choose(layer, i, weight[:, i] / steps, sensitivity[:, i] * power[i] * steps**2, prices)
        for i in range(weight.shape[1])
    ]
    return np.stack(columns, axis=1)


def _choose(
    layer: Layer, i: int, best: np.ndarray, curvature: np.ndarray, prices: np.ndarray
) -> np.ndarray:
    """Choose integers (o,) of one column: near the best reals (o,), unless others are cheaper."""
    limit = weight_limit(layer.rule.bits)
    choices = np.arange(-limit, limit + 1)
    costs = 0.5 * curvature[:, None] * (choices - best[:, None]) ** 2
    chosen = choices[(costs + prices[127 - limit : 128 + limit]).argmin(axis=1)]
    return np.where(layer.rows[:, i] == 0, 0.0, chosen)


def _in_turn(layer: Layer, scale: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Round column after column and propagate the error."""
    steps = np.broadcast_to(scale.astype(np.float64), (len(layer.rows),))
    sensitivity = np.broadcast_to(layer.sensitivity, layer.rows.shape)
    rest = layer.rows[:, layer.order].copy()
    integers = np.zeros_like(rest)
    if layer.settled is not None:
        return np.rint(layer.rows / steps[:, None])
    for place, i in enumerate(layer.order):
        pivot = layer.factor[place, place]
        curvature = sensitivity[:, i] * (steps / pivot) ** 2
        chosen = _choose(layer, i, rest[:, place] / steps, curvature, prices)
        integers[:, i] = chosen
        error = (rest[:, place] - chosen * steps) / pivot
        rest[:, place + 1 :] -= np.outer(error, layer.factor[place, place + 1 :])
    return integers


def _anew(layer: Layer, integers: np.ndarray, scale: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Choose every integer again, one column after the other, the others fixed."""
    steps = np.broadcast_to(scale.astype(np.float64), (len(layer.rows),))
    sensitivity = np.broadcast_to(layer.sensitivity, layer.rows.shape)
    if layer.settled is not None:
        return integers
    integers = integers.copy()
    wrong = layer.rows - integers * steps[:, None]
    for i in range(integers.shape[1]):
        if layer.covariance is None:
            power, pull = 1.0, wrong[:, i]
        else:
            power = float(layer.covariance[i, i])
            pull = wrong @ layer.covariance[:, i] / power
        best = integers[:, i] + pull / steps
        curvature = sensitivity[:, i] * power * steps**2
        integers[:, i] = _choose(layer, i, best, curvature, prices)
        wrong[:, i] = layer.rows[:, i] - integers[:, i] * steps
    return integers
