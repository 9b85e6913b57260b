"""The front end of a keyword spotter as part of its model: samples in, instead of features.

A frame of N = N1 N2 samples is transformed in two stages (Cooley and Tukey 1965). Its samples are
laid out as N1 rows of N2. Each column is transformed by one matrix; only N1 / 2 + 1 results are
computed, because samples are real. They are turned by twiddle factors ``exp(-2 pi i k1 n2 / N)``,
and a second matrix over n2 gives the bins ``k1 + N1 k2``, only for those k2 that features need. A
bin whose k1 is not computed is the conjugate of another one, which has the same magnitude. Matrices
and factors of 640 samples take 20 KB, where one DFT matrix of 160 bins takes 800 KB.

XNNPACK supports every operation in float32 and delegates them together with the network's layers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Add, Conv2D, DepthwiseConv2D, Op, Quantize, Shape
from motefit.graph.ops_signal import Concatenate, Function, MatMul, Multiply, Reshape, Slice
from motefit.signal.spectrum import hann
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization

PREFIX = "frontend"
JOINED = 5
"""Most tensors that XNNPACK concatenates at once."""
BLOCK = 16
"""Columns that a matrix kernel computes at once: the cost of a matrix grows in steps of it."""


def with_frontend(graph: Graph, frontend: FrontEnd, normalization: Normalization) -> Graph:
    """Put the front end before a network: samples (clip_samples,) in, the same output.

    The front end computes in float32 what ``signal.features`` computes, to within 1e-4 (sums are
    taken in a different order), and standardizes; an int8 network has a ``Quantize`` between.

    Args:
        graph: in its released form, with the normalized features of ``frontend`` as input.
        frontend: settings of the features.
        normalization: of the features, one value or one per column.

    Raises:
        RecipeError: if the graph's input does not have the size of the features, or the front end
            has no form inside a model (a frame length without factors).
    """
    if math.prod(graph.input_shape) != math.prod(frontend.shape):
        raise RecipeError(
            f"the network takes {graph.input_shape}, but the front end makes {frontend.shape}: "
            "they "
            "do not belong together"
        )
    chain = frontend_chain(frontend, normalization)
    chain.add(Reshape, shape=graph.input_shape)
    quantization = dict(graph.quantization)
    if INPUT in quantization:
        parameters = quantization.pop(INPUT)
        chain.add(Quantize)
        quantization[chain.cursor] = parameters
    ops = [
        replace(op, inputs=tuple(chain.cursor if name == INPUT else name for name in op.inputs))
        for op in graph.ops
    ]
    return Graph(
        input_shape=(frontend.clip_samples,),
        ops=(*chain.ops, *ops),
        constants={**chain.constants, **graph.constants},
        quantization=quantization,
    )


def frontend_graph(frontend: FrontEnd, normalization: Normalization | None = None) -> Graph:
    """Build the front end alone: samples (clip_samples,) to features (frames, features).

    Raises:
        RecipeError: as :func:`with_frontend`.
    """
    chain = frontend_chain(frontend, normalization or Normalization())
    chain.add(Reshape, shape=frontend.shape)
    return Graph(
        input_shape=(frontend.clip_samples,), ops=tuple(chain.ops), constants=chain.constants
    )


@dataclass(kw_only=True)
class FrontEndChain:
    """Operations one after the other; ``cursor`` names what the next one reads."""

    shapes: dict[str, Shape]
    cursor: str = INPUT
    ops: list[Op] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """Shape at the cursor."""
        return self.shapes[self.cursor]

    def add(self, kind: type[Op], /, *others: str, source: str = "", **settings: Any) -> str:  # noqa: ANN401 - of the operation
        """Append an operation on the cursor or ``source``, and on others; return its output."""
        first = source or self.cursor
        inputs = (*others, first) if kind is MatMul else (first, *others)
        op = kind(inputs=inputs, output=f"{PREFIX}.{len(self.ops)}", **settings)
        self.shapes[op.output] = op.infer([self.shapes[name] for name in inputs])
        self.ops.append(op)
        self.cursor = op.output
        return op.output

    def constant(self, value: np.ndarray) -> str:
        """Add a float32 constant; return its name."""
        name = f"{PREFIX}.constant{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.float32)
        self.shapes[name] = value.shape
        return name

    def linear(self, matrix: np.ndarray, offset: np.ndarray) -> None:
        """Append ``x @ matrix + offset`` over the last axis of an image (h, w, c)."""
        weight = self.constant(np.ascontiguousarray(matrix.T)[:, np.newaxis, np.newaxis])
        self.add(Conv2D, weight, self.constant(offset), padding="valid")


@dataclass(frozen=True, kw_only=True)
class SplitTransform:
    """Split of a DFT of ``rows * columns`` samples into two stages, and the places of its bins.

    Attributes:
        rows: N1, points of the first stage.
        columns: N2, points of the second.
        outputs: the k2 that are computed, sorted.
        places: by bin, its (k1, position of its k2 in ``outputs``).
    """

    rows: int
    columns: int
    outputs: tuple[int, ...]
    places: Mapping[int, tuple[int, int]]

    @property
    def kept(self) -> int:
        """Number of k1 that are computed."""
        return self.rows // 2 + 1

    def cost(self, features: int) -> int:
        """Count the multiply-adds per frame, matrices in whole blocks of columns."""
        first = 2 * self.kept * self.rows * _blocks(self.columns)
        second = self.kept * 2 * self.columns * _blocks(2 * len(self.outputs))
        return first + second + self.kept * len(self.outputs) * _blocks(features)


def _blocks(columns: int) -> int:
    return -(-columns // BLOCK) * BLOCK


def _layout(rows: int, columns: int, bins: range) -> SplitTransform:
    length = rows * columns
    computed = {k: k if k % rows <= rows // 2 else length - k for k in bins}
    outputs = tuple(sorted({k // rows for k in computed.values()}))
    places = {k: (m % rows, outputs.index(m // rows)) for k, m in computed.items()}
    return SplitTransform(rows=rows, columns=columns, outputs=outputs, places=places)


def choose_layout(frontend: FrontEnd) -> SplitTransform:
    """Choose the cheapest split of a frame.

    Raises:
        RecipeError: for a frame length that is a prime number, or automatic gain.
    """
    frontend.require_no_gain("a front end inside the model")
    length, bins = frontend.frame_length, range(*FEATURE_KINDS.find(frontend.kind).bins(frontend))
    divisors = [n for n in range(2, length // 2 + 1) if length % n == 0]
    if not divisors:
        raise RecipeError(
            f"frame_length = {length} is a prime number, so a front end inside the model "
            "would need its whole DFT matrix; choose a length with factors, e.g. "
            f"{length + 1}, or keep the front end outside"
        )
    layouts = [_layout(rows, length // rows, bins) for rows in divisors]
    return min(layouts, key=lambda layout: layout.cost(frontend.mel_bins or len(bins)))


def frontend_chain(frontend: FrontEnd, normalization: Normalization) -> FrontEndChain:
    """Build the operations from samples to normalized features (frames, 1, features)."""
    chain = FrontEndChain(shapes={INPUT: (frontend.clip_samples,)})
    _frames(chain, frontend)
    layout = choose_layout(frontend)
    _magnitudes(chain, layout)
    chain.add(Reshape, shape=(frontend.frames, 1, layout.kept * len(layout.outputs)))
    _features(chain, frontend, layout, normalization)
    return chain


def _frames(chain: FrontEndChain, frontend: FrontEnd) -> None:
    """Append windowed frames (frames, frame_length): the signal in steps, shifted and joined.

    A step has ``frame_step`` samples. A frame is some whole steps plus part of another one; if
    frames are shorter than steps, it is the start of one, and the last frame is separate.
    """
    frames, length, step = frontend.frames, frontend.frame_length, frontend.frame_step
    starts = [(shift, 0) for shift in range(0, length - step + 1, step)]
    if length % step and length > step:
        starts.append((length - step, step - length % step))
    if starts:
        parts = [_steps(chain, start, frames, step, (skip, step)) for start, skip in starts]
        axis = 1
    else:
        parts = [_steps(chain, 0, frames - 1, step, (0, length))] if frames > 1 else []
        parts.append(_steps(chain, (frames - 1) * step, 1, length, (0, length)))
        axis = 0
    while len(parts) > 1:
        groups = [parts[i : i + JOINED] for i in range(0, len(parts), JOINED)]
        parts = [_joined(chain, group, axis) for group in groups]
    chain.add(Multiply, chain.constant(hann(length)[np.newaxis]))


def _joined(chain: FrontEndChain, parts: list[str], axis: int) -> str:
    return chain.add(Concatenate, *parts[1:], source=parts[0], axis=axis) if parts[1:] else parts[0]


def _steps(chain: FrontEndChain, start: int, count: int, step: int, part: tuple[int, int]) -> str:
    """Append ``count`` steps from a sample on, of each the samples of ``part``: (count, part)."""
    chain.cursor = INPUT
    if (start, count * step) != (0, chain.shape[0]):
        chain.add(Slice, axis=0, start=start, stop=start + count * step)
    chain.add(Reshape, shape=(count, step))
    if part != (0, step):
        chain.add(Slice, axis=1, start=part[0], stop=part[1])
    return chain.cursor


def _magnitudes(chain: FrontEndChain, layout: SplitTransform) -> None:
    """Append windowed frames (frames, N) to magnitudes (frames, kept k1, k2)."""
    frames, rows, columns = chain.shape[0], layout.rows, layout.columns
    k1, n2 = np.arange(layout.kept), np.arange(columns)
    chain.add(Reshape, shape=(frames, rows, columns))
    first = _unit(np.outer(k1, np.arange(rows)) / rows)
    both = np.stack([first.real, first.imag], axis=1).reshape(-1, rows)
    chain.add(MatMul, chain.constant(both))
    turned = chain.add(Reshape, shape=(frames, layout.kept, 2 * columns))  # real | imaginary
    twiddle = _unit(np.outer(k1, n2) / (rows * columns))
    imaginary = chain.add(Slice, axis=2, start=columns, stop=2 * columns)
    real = chain.add(Slice, source=turned, axis=2, start=0, stop=columns)
    chain.add(Concatenate, real, source=imaginary, axis=2)
    across = np.concatenate([-twiddle.imag, twiddle.imag], axis=1)
    crossed = chain.add(Multiply, chain.constant(across[np.newaxis]))
    along = np.concatenate([twiddle.real, twiddle.real], axis=1)
    chain.add(Multiply, chain.constant(along[np.newaxis]), source=turned)
    chain.add(Add, crossed)
    second = _unit(np.outer(n2, layout.outputs) / columns)
    matrix = np.block([[second.real, second.imag], [-second.imag, second.real]])
    chain.linear(matrix, np.zeros(matrix.shape[1]))
    count = len(layout.outputs)
    squares = chain.add(Multiply, chain.cursor)
    imaginary = chain.add(Slice, axis=2, start=count, stop=2 * count)
    chain.add(Slice, source=squares, axis=2, start=0, stop=count)
    chain.add(Add, imaginary)
    chain.add(Function, kind="square-root")


def _unit(turns: np.ndarray) -> np.ndarray:
    """Compute ``exp(-2 pi i turns)``."""
    return np.asarray(np.exp(-2j * np.pi * turns))


def _features(
    chain: FrontEndChain, frontend: FrontEnd, layout: SplitTransform, normalization: Normalization
) -> None:
    """Turn magnitudes (frames, 1, kept k1 x k2) into normalized features (frames, 1, features)."""
    stages = list(FEATURE_KINDS.find(frontend.kind).stages(frontend))
    gain = 1.0 / np.asarray(normalization.std, np.float64)
    shift = -np.asarray(normalization.mean, np.float64) * gain
    for number, stage in enumerate(stages):
        matrix = np.eye(chain.shape[2]) if stage.matrix is None else stage.matrix
        if number == 0:
            matrix = _on_grid(stage.matrix, layout)
        offset = np.full(matrix.shape[1], stage.offset)
        if number == len(stages) - 1 and not stage.logarithm:
            matrix, offset = matrix * gain, offset * gain + shift
            gain, shift = np.ones(1), np.zeros(1)
        chain.linear(matrix, offset)
        if stage.logarithm:
            chain.add(Function, kind="logarithm")
    if (gain != 1).any() or (shift != 0).any():
        features = frontend.features
        weight = np.broadcast_to(gain, (1, 1, 1, features))
        bias = chain.constant(np.broadcast_to(shift, (features,)))
        chain.add(DepthwiseConv2D, chain.constant(weight), bias, padding="valid")


def _on_grid(matrix: np.ndarray | None, layout: SplitTransform) -> np.ndarray:
    """Rearrange a matrix over bins (bins, out) to one over all places (kept k1 x k2, out)."""
    matrix = np.eye(len(layout.places)) if matrix is None else matrix
    grid = np.zeros((layout.kept, len(layout.outputs), matrix.shape[1]))
    for row, place in zip(matrix, layout.places.values(), strict=True):
        grid[place] = row
    return grid.reshape(-1, matrix.shape[1])
