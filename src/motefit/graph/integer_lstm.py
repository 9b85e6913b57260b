"""The integer LSTM kernel (8x8_16): int8 input, weights and hidden state, int16 cell state.

Gates are int16 with 3 integer bits before their function and none after it. Each of the two
matrix products is brought to the gate's scale by itself; the sum saturates after each.
"""

from collections.abc import Mapping

import numpy as np

from motefit.graph import fixedpoint
from motefit.graph.fixedpoint import INT8, INT16, Multiplier
from motefit.graph.fixedpoint_functions import logistic_table, tanh_table
from motefit.graph.graph import Graph, Quantisation
from motefit.graph.ops import LSTM
from motefit.graph.quantise_lstm import CELL, HIDDEN

GATE_SCALE = np.float32(2.0**-12)


def run_lstm(
    op: LSTM, graph: Graph, tensors: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden state int8 and cell state int16 after every step, each (n, steps, units)."""
    weight, recurrent, bias = (graph.constants[name].astype(np.int64) for name in op.inputs[1:])
    source, out = graph.quantisation[op.inputs[0]], graph.quantisation[op.output]
    scale = graph.quantisation[f"{op.output}{CELL}"].scale[0]
    power = int(np.log2(scale))
    x = tensors[op.inputs[0]].astype(np.int64) - source.zero_point
    to_gate = _gate_multiplier(graph.quantisation[op.inputs[1]], source)
    back_to_gate = _gate_multiplier(graph.quantisation[op.inputs[2]], out)
    inner_parameters = graph.quantisation[f"{op.output}{HIDDEN}"]
    hidden_scale = np.float64(inner_parameters.scale[0])
    to_hidden = fixedpoint.multiplier(float(np.float32(2.0**-15 / hidden_scale * 2.0**-15)))
    tanh_gate, tanh_cell, logistic = tanh_table(3), tanh_table(15 + power), logistic_table()

    cell = np.zeros((len(x), weight.shape[1]), np.int64)
    hidden = np.full_like(cell, out.zero_point)
    cells, outputs = [], []
    for step in range(x.shape[1]):
        sums = np.clip(_product(x[:, step], weight, bias, to_gate), *INT16)
        sums = sums + _product(hidden - out.zero_point, recurrent, 0, back_to_gate)
        gates = np.clip(sums, *INT16) + 2**15
        enter, forget, leave = (logistic[gates[:, k]] for k in (0, 1, 3))
        kept = fixedpoint.shift_right(forget * cell, 15, away=True)
        added = fixedpoint.shift_right(enter * tanh_gate[gates[:, 2]], 30 + power, away=True)
        cell = np.clip(kept + added, *INT16)
        product = leave * tanh_cell[cell + 2**15]
        inner = fixedpoint.multiply(product, to_hidden, away=True)
        hidden = np.clip(inner + inner_parameters.zero_point, *INT8)
        cells.append(cell)
        outputs.append(hidden)
    return np.stack(outputs, axis=1).astype(np.int8), np.stack(cells, axis=1).astype(np.int16)


def _gate_multiplier(weight: Quantisation, source: Quantisation) -> Multiplier:
    """From products at weight x source scale to a gate's; (4, 1), computed in float32."""
    real = weight.scale * source.scale[0] / GATE_SCALE
    return fixedpoint.multiplier(real.reshape(4, 1))


def _product(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | int, by: Multiplier
) -> np.ndarray:
    """Matrix product and bias at a gate's scale: (n, i) and (4, h, i) to (n, 4, h)."""
    rows = weight.reshape(-1, weight.shape[2]).astype(np.float64)
    sums = (
        np.rint(x.astype(np.float64) @ rows.T).astype(np.int64).reshape(len(x), *weight.shape[:2])
    )
    return fixedpoint.multiply(fixedpoint.wrap32(sums + bias), by, away=True)
