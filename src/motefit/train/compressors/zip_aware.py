"""Rounding for the deflated size (``train.finetune.rate_distortion``) at a price per bit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import Graph
from motefit.graph.ops import DepthwiseConv2D
from motefit.spec.errors import RecipeError
from motefit.tflite.archive import zip_bytes
from motefit.train.compressors import compressor, require
from motefit.train.finetune.fake_quantization import rounded_weights, straight_through
from motefit.train.finetune.finetuner import FineTuner, FineTuneSpec
from motefit.train.finetune.fisher import Inputs, fisher, layer_inputs
from motefit.train.finetune.rate_distortion import (
    DAMPING,
    Layer,
    at_once,
    bits_of,
    integers_at,
    scale_at,
    uniform_step,
)
from motefit.train.finetune.trained_model import Model, weight_names

HALVINGS = range(-30, 6)
"""Prices of a bit to try, in units of the loss, as powers of two."""
STRIDE = 5
"""Step of the first search, in powers of two, up to the price at which validation loses too
much."""
ATTEMPTS = 4
"""Number of prices to try with fine-tuning, starting from the smallest file, or toward a size."""
PATIENCE = 4.0
"""The search ends when validation loses this many times the tolerance."""
BISECTIONS = 10
"""Bisection steps for the price of a target size: 36 powers of two in 2^10 parts."""


@compressor("zip-aware")
def zip_aware(
    model: Model,
    tuner: FineTuner,
    *,
    tolerance: float = 0.005,
    zip_bytes: int = 0,
    epochs: int = 0,
    learning_rate: float = 0.0,
) -> Model:
    """Choose integers, scales and biases again, for the smallest zip within a tolerance.

    The price of a bit is raised step by step; each time the whole file is written, zipped and
    scored in LiteRT on the validation set. With ``zip_bytes``, the lowest price that reaches this
    size is used, whatever the validation score. Clustered weights keep their values, and only
    biases change then; pruned ones stay 0.

    Args:
        model: trained; it is folded first.
        tuner: whose ``compress.precision`` must round weights to integers.
        tolerance: validation loss allowed compared with the file without this step: an absolute
            drop in accuracy (0..1), or a relative increase of a mean absolute error.
        zip_bytes: target size of the zip, whatever validation loses; 0 leaves it to the tolerance.
            With ``epochs``, the tolerance is that of rounding the fine-tuned network again.
        epochs: of fine-tuning at the price found, which allows higher prices.
        learning_rate: peak of the fine-tuning; 0 for a tenth of the training's.

    Raises:
        RecipeError: for a value out of range, or a precision without integer weights.
    """
    require("tolerance", tolerance, low=0, high=1)
    require("zip_bytes", zip_bytes, low=0, high=1e9)
    require("epochs", epochs, low=0, high=1e6)
    require("learning_rate", learning_rate, low=0, high=1e3)
    model = model.folded()
    start = RatePoint.of(model, tuner, price=0.0)
    model = replace(model, ranges=model.ranges or tuner.ranges(model))
    layers = _layers(model, tuner)
    if not layers:
        raise RecipeError(
            f"the precision {tuner.compress.precision!r} rounds no weight of this network to "
            'integers: set compress.precision, e.g. to "int8", or leave this step out'
        )
    tuning = FineTuneSpec(epochs=epochs, learning_rate=learning_rate)
    if zip_bytes:
        return _of_size(
            model, layers, tuner, tuning=tuning, wanted=zip_bytes, tolerance=tolerance
        ).model
    offers = _offers(model, layers, start, tuner, until=PATIENCE * tolerance)
    if epochs:
        trained = _trained(offers, layers, start, tuner, tuning=tuning, tolerance=tolerance)
        offers = [*offers, *trained]
    fair = [offer for offer in (start, *offers) if start.lost(offer) <= tolerance]
    return min(fair, key=lambda offer: offer.size).model


@dataclass(frozen=True, kw_only=True, eq=False)
class RatePoint:
    """A model at a price of a bit.

    Attributes:
        model: with its integers chosen.
        price: in units of the loss.
        file: its .tflite bytes.
        size: of their zip, by fast compression.
        tuner: that made the file.
    """

    model: Model
    price: float
    file: bytes
    size: int
    tuner: FineTuner

    @classmethod
    def of(cls, model: Model, tuner: FineTuner, *, price: float) -> "RatePoint":
        """Make and zip the file of a model."""
        file = tuner.file(model)
        size = len(zip_bytes(file, thorough=False))
        return cls(model=model, price=price, file=file, size=size, tuner=tuner)

    @cached_property
    def score(self) -> float:
        """Score of the file on validation; a search by size needs it of few points."""
        return self.tuner.score(self.file)

    def lost(self, other: "RatePoint") -> float:
        """Return how much worse another point is."""
        return self.tuner.loss_of_score(self.score, other.score)


def _offers(
    model: Model, layers: list[Layer], start: RatePoint, tuner: FineTuner, *, until: float
) -> list[RatePoint]:
    """Make points at rising prices, near the first that loses more than ``until``."""
    offer = _offering(model, layers, tuner)
    top = HALVINGS.start
    while top < HALVINGS.stop and start.lost(offer(top)) <= until:
        top += STRIDE
    offers = [offer(top - half / 2) for half in range(1, 4 * STRIDE)]
    return [found for found in offers if start.lost(found) <= until]


def _of_size(
    model: Model,
    layers: list[Layer],
    tuner: FineTuner,
    *,
    tuning: FineTuneSpec,
    wanted: int,
    tolerance: float,
) -> RatePoint:
    """Find the lowest price with a zip of ``wanted`` bytes, fine-tuned if the size still fits.

    Fine-tuning lets weights and the zip grow. The fine-tuned network is then rounded at a higher
    price; if that loses more than ``tolerance``, the next attempt starts from a file that is
    smaller by the same ratio.

    Raises:
        RecipeError: if no price makes the zip that small.
    """
    offer = _offering(model, layers, tuner)
    best = _cheapest(offer, wanted)
    if best is None:
        least = offer(float(HALVINGS.stop)).size
        raise RecipeError(
            f"zip_bytes = {wanted} is out of reach: even with all weights rounded to zero, the zip "
            f"of this network has {least} bytes; raise it, or make the network smaller"
        )
    start: RatePoint | None = best
    for _ in range(ATTEMPTS if tuning.epochs else 0):
        if start is None:
            break
        tried = _fitted(start, layers, tuner, tuning)
        if tried.size <= wanted:
            return tried
        fitted = _released(tried.model, model)
        cheaper = _cheapest(_offering(fitted, _layers(fitted, tuner), tuner), wanted)
        if cheaper is not None:
            if tried.lost(cheaper) <= tolerance:
                return cheaper
            best = min(best, cheaper, key=tried.lost)
        start = _cheapest(offer, start.size * wanted // tried.size)
    return best


def _offering(model: Model, layers: list[Layer], tuner: FineTuner) -> Callable[[float], RatePoint]:
    """Return what makes the point at a price, a power of two."""
    form = tuner.nearest_form(model)

    def offer(power: float) -> RatePoint:
        price = 2.0**power
        return RatePoint.of(_priced(model, layers, price=price, form=form), tuner, price=price)

    return offer


def _released(fitted: Model, model: Model) -> Model:
    """Return a fine-tuned model with no more constraints than the one before."""
    return replace(fitted, groups=model.groups, scales=model.scales)


def _cheapest(offer: Callable[[float], RatePoint], wanted: int) -> RatePoint | None:
    """Find the point at the lowest price, a power of two, with a zip of ``wanted`` bytes."""
    low, high = float(HALVINGS.start), float(HALVINGS.stop)
    best = offer(high)
    if best.size > wanted:
        return None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        found = offer(middle)
        if found.size <= wanted:
            best, high = found, middle
        else:
            low = middle
    return best


def _trained(
    offers: list[RatePoint],
    layers: list[Layer],
    start: RatePoint,
    tuner: FineTuner,
    *,
    tuning: FineTuneSpec,
    tolerance: float,
) -> list[RatePoint]:
    """Find the smallest point that fine-tuning brings within tolerance, if any."""
    for offer in sorted(offers, key=lambda o: o.size)[:ATTEMPTS]:
        tried = _fitted(offer, layers, tuner, tuning)
        if start.lost(tried) <= tolerance:
            return [tried]
    return []


def _fitted(
    offer: RatePoint, layers: list[Layer], tuner: FineTuner, tuning: FineTuneSpec
) -> RatePoint:
    """Fine-tune a point with its price applied."""
    names = {layer.name for layer in layers if layer.settled is None}
    settled = offer.model.groups
    free = replace(
        offer.model,
        groups={name: group for name, group in settled.items() if name not in names},
        aware=True,
    )
    rounding = RateWeightedRounding(layers, offer.model.scales, offer.price, offer.model.graph)
    fitted = tuner.fit(free, replace(tuning, rounding=rounding))
    form = tuner.nearest_form(fitted)
    return RatePoint.of(_settled(fitted, layers, offer.price, form), tuner, price=offer.price)


class RateWeightedRounding(nn.Module):
    """Rounds weights at a price, each independently, in training (a ``train.module.Rounding``).

    Args:
        layers: whose weights are rounded.
        scales: by name.
        price: of a bit; the bits are those of the graph's integers.
        graph: with weights that are integers times scales.
    """

    def __init__(
        self, layers: list[Layer], scales: Mapping[str, np.ndarray], price: float, graph: Graph
    ) -> None:
        super().__init__()
        self._layers = {layer.name: layer for layer in layers}
        self._scales = scales
        self._bits = price * bits_of(_integers(graph, layers, scales).values())

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Round a weight; its gradient passes straight through."""
        if name not in self._layers:
            return value
        scale = self._scales[name]
        rows = value.detach().cpu().numpy().reshape(len(value), -1)  # channels first, (o, i)
        layer = self._layers[name]
        if value.ndim == 4 and layer.covariance is not None:
            rows = value.detach().cpu().permute(0, 2, 3, 1).reshape(len(value), -1).numpy()
        seen = at_once(layer, rows, scale, self._bits) * scale.astype(np.float64).reshape(-1, 1)
        tensor = torch.from_numpy(seen.astype(np.float32)).to(value.device)
        if value.ndim == 4 and layer.covariance is not None:
            o, i, h, w = value.shape
            return straight_through(value, tensor.reshape(o, h, w, i).permute(0, 3, 1, 2))
        return straight_through(value, tensor.reshape(value.shape))

    def activation(self, name: str, value: Tensor) -> Tensor:  # noqa: ARG002 - of the protocol
        """Return the activation unchanged."""
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Do nothing: the rounding does not change over time."""


def _layers(model: Model, tuner: FineTuner) -> list[Layer]:
    graph = model.graph
    rules = rounded_weights(tuner.nearest_form(model))
    information = fisher(graph, tuner.examples, loss=tuner.loss, seed=tuner.seed)
    inputs = layer_inputs(graph, tuner.examples)
    layers = []
    for name, op in weight_names(graph).items():
        if name not in rules:
            continue
        axis = 3 if isinstance(op, DepthwiseConv2D) else 0
        arrays = (graph.constants[name].astype(np.float64), information[name])
        rows, feeling = (np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1) for a in arrays)
        found = inputs.get(name)
        sensitivity, covariance = _sensitivity(feeling, found)
        layers.append(
            Layer(
                name=name,
                bias="" if found is None else op.inputs[2],
                rule=rules[name],
                axis=axis,
                rows=rows,
                sensitivity=sensitivity,
                covariance=covariance,
                mean=np.zeros((1, 1)) if found is None else found.mean,
                settled=model.scales.get(name),
                bias_sensitivity=np.zeros(1) if found is None else information[op.inputs[2]],
            )
        )
    return layers


def _sensitivity(
    information: np.ndarray, inputs: Inputs | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Compute the sensitivity of weights (o, i), or of rows (o, 1) and their inputs' covariance."""
    covariance = None
    if inputs is not None and inputs.covariance is not None:
        power = float(inputs.power.mean()) + 1e-12
        covariance = inputs.covariance + np.eye(len(inputs.covariance)) * (DAMPING * power)
        information = information.sum(axis=1, keepdims=True) / (inputs.power.sum() + 1e-12)
    floor = max(float(information.mean()) * 1e-4, 1e-30)
    return np.maximum(information, floor), covariance


def _rows(layer: Layer, array: np.ndarray) -> np.ndarray:
    """Reshape an array of a weight's shape to (o, i): one row for each scale it may have."""
    first = np.moveaxis(array, layer.axis, 0)
    return first.reshape(len(first), -1)


def _array(layer: Layer, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reshape rows back to the shape of the weight."""
    others = [size for axis, size in enumerate(shape) if axis != layer.axis]
    return np.moveaxis(rows.reshape(shape[layer.axis], *others), 0, layer.axis)


def _priced(model: Model, layers: list[Layer], *, price: float, form: Graph) -> Model:
    """Return the model with integers, scales and biases for a price of a bit."""
    graph = model.graph
    scales = {layer.name: scale_at(layer, price) for layer in layers}
    integers = integers_at(layers, scales, price)
    constants: dict[str, np.ndarray] = {}
    for layer in layers:
        shape = graph.constants[layer.name].shape
        seen = integers[layer.name] * scales[layer.name].astype(np.float64).reshape(-1, 1)
        constants[layer.name] = _array(layer, seen, shape).astype(np.float32)
        if layer.bias:
            off = ((layer.rows - seen) * layer.mean).sum(axis=1)
            constants[layer.bias] = (graph.constants[layer.bias] + off).astype(np.float32)
    changed = replace(
        model, graph=graph.with_constants(constants), scales={**model.scales, **scales}
    )
    return _settled(changed, layers, price, form)


def _settled(model: Model, layers: list[Layer], price: float, form: Graph) -> Model:
    """Fix biases on coarse grids, and equal integers as groups that stay equal."""
    graph = model.graph
    constants = {}
    groups = dict(model.groups)
    for layer in layers:
        whole = _integers(graph, [layer], model.scales)[layer.name]
        shape = graph.constants[layer.name].shape
        groups[layer.name] = _array(layer, whole + 127, shape).astype(np.int64)
        if layer.bias:
            least = _bias_step(form, layer, model.scales[layer.name])
            bias = graph.constants[layer.bias].astype(np.float64)
            constants[layer.bias] = _cheap(bias, least, layer.bias_sensitivity, price)
    return replace(model, graph=graph.with_constants(constants), groups=groups)


def _integers(
    graph: Graph, layers: list[Layer], scales: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the integers (o, i) of weights that are integers times scales."""
    return {
        layer.name: np.rint(
            _rows(layer, graph.constants[layer.name]) / scales[layer.name].reshape(-1, 1)
        )
        for layer in layers
    }


def _bias_step(form: Graph, layer: Layer, scale: np.ndarray) -> np.ndarray:
    """Return the real value of 1 in the file's biases, float64 (1,) or (o,); 0 for floats."""
    if layer.bias not in form.quantization:
        return np.zeros(1)
    old = form.quantization[layer.bias].scale.astype(np.float64)
    return np.asarray(old / form.quantization[layer.name].scale * scale)


def _cheap(
    bias: np.ndarray, least: np.ndarray, sensitivity: np.ndarray, price: float
) -> np.ndarray:
    """Round biases to a coarse grid, so that their low bytes become zeros; float32.

    The grid is a power of two times the file's own step, or 1 if the file stores floats.
    """
    wanted = uniform_step(sensitivity, price)
    unit = np.where(least > 0, least, 1.0)
    grid = np.exp2(np.floor(np.log2(np.maximum(wanted / unit, 2.0**-60)))) * unit
    grid = np.maximum(grid, least)
    return np.where(grid > 0, np.rint(bias / grid) * grid, bias).astype(np.float32)
