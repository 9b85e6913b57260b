"""Noise of quantization per layer: a file's activations against those before its rounding.

The ratio of signal to noise is 10 log10(sum(x**2) / sum((y - x)**2)) in dB, over all numbers of a
layer's output on all examples; x before rounding, y as the file computes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from motefit.graph.execute import float32, int8
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Dequantize, Quantize
from motefit.graph.scales import dequantize_array, quantize_array
from motefit.measure.parity import makers_of
from motefit.tflite.importer.read import read_named
from motefit.tflite.model import ModelFile

TOPIC = "noise"
LEAST_DB = -99.0


@dataclass(frozen=True, kw_only=True)
class LayerNoise:
    """Noise at the output of one layer.

    Attributes:
        place: number of its operator in the file.
        operator: such as ``CONV_2D``.
        total_db: signal to noise with all rounding up to here; None without any noise.
        own_db: signal to noise of this layer alone, whose inputs are the file's; None without any.
    """

    place: int
    operator: str
    total_db: float | None
    own_db: float | None


@dataclass(frozen=True, kw_only=True)
class QuantizationNoise:
    """Noise of a quantized file.

    Attributes:
        examples: number of examples.
        input_db: signal to noise of the rounded input; None if it is not rounded.
        layers: in order of execution.
    """

    examples: int
    input_db: float | None
    layers: tuple[LayerNoise, ...]


def measure_noise(
    model: ModelFile, unrounded: Graph, batch: np.ndarray
) -> QuantizationNoise | None:
    """Compare every layer of a quantized file with the network that it was made of.

    Args:
        model: file that motefit wrote.
        unrounded: the network before rounding, in released float form.
        batch: (n, ...) normalized inputs of the network, float32.

    Returns:
        The noise; None for a file without integers, or one of another network.
    """
    shipped, names = read_named(model.data, model.tables)
    layers = [op for op in shipped.ops if not isinstance(op, Quantize | Dequantize)]
    pairs = list(zip(layers, unrounded.ops, strict=False))
    same = len(layers) == len(unrounded.ops) and all(type(a) is type(b) for a, b in pairs)
    if not (shipped.quantization and same):
        return None
    batch = np.asarray(batch, np.float32).reshape(-1, *unrounded.input_shape)
    found = _run(shipped, batch)
    exact = float32.run_all(unrounded, batch)
    # what the file computes, as real numbers under the names of the unrounded network
    seen = {INPUT: found[shipped.ops[0].output if _rounds_first(shipped) else INPUT]}
    makers = makers_of(model)
    last = {name: index for index, name in sorted(names.items()) if index in makers}
    noises = []
    for op, float_op in pairs:
        ideal = exact[float_op.output]
        alone = float32.step(float_op, unrounded, seen)[float_op.output]
        actual = seen[float_op.output] = found[op.output].reshape(ideal.shape)
        place, operator = makers[last[op.output]]
        noises.append(
            LayerNoise(
                place=place,
                operator=operator,
                total_db=signal_to_noise(ideal, actual),
                own_db=signal_to_noise(alone, actual),
            )
        )
    return QuantizationNoise(
        examples=len(batch),
        input_db=signal_to_noise(batch, seen[INPUT].reshape(batch.shape)),
        layers=tuple(noises),
    )


def signal_to_noise(ideal: np.ndarray, actual: np.ndarray) -> float | None:
    """Return the ratio of signal to noise in dB, to 0.01 dB; None without any noise.

    >>> signal_to_noise(np.array([10.0, 0.0]), np.array([10.0, 1.0]))
    20.0
    """
    ideal, actual = ideal.astype(np.float64), actual.astype(np.float64)
    noise, signal = float(np.sum((actual - ideal) ** 2)), float(np.sum(ideal**2))
    if noise == 0.0:
        return None
    return round(max(10 * float(np.log10(max(signal / noise, 1e-300))), LEAST_DB), 2)


def _rounds_first(graph: Graph) -> bool:
    return isinstance(graph.ops[0], Quantize)


def _run(graph: Graph, batch: np.ndarray) -> Mapping[str, np.ndarray]:
    """Run a file's network; every activation in float32, (n, *shape)."""
    if INPUT in graph.quantization:
        batch = quantize_array(batch, graph.quantization[INPUT])
    elif not _rounds_first(graph):
        return float32.run_all(graph, batch)
    return {name: _real(graph, name, values) for name, values in int8.run_all(graph, batch).items()}


def _real(graph: Graph, name: str, values: np.ndarray) -> np.ndarray:
    quantization = graph.quantization.get(name)
    return values if quantization is None else dequantize_array(values, quantization)
