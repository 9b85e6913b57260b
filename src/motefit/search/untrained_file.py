"""File of an untrained network: as large, and as slow, as the trained one.

Its numbers are drawn so that they differ as they do after training, because the writer shares equal
data: in an integer form the integers, scales and zero points themselves; in other forms the biases
and statistics, which are all equal in a new network, in addition to the family's weights.
"""

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.fixed_point import INT8
from motefit.graph.fold import BAND_PARTS, folded_form
from motefit.graph.graph import Graph, Quantization
from motefit.graph.ops import LSTM, BatchNorm, Op, Shape
from motefit.graph.quantize.lstm_scales import LSTMParameters
from motefit.graph.quantize.quantize import Weighted, parameters_of, with_float_edges
from motefit.graph.quantize.weight_only import weight_axes
from motefit.graph.scales import weight_limit
from motefit.spec.recipe import CompressSpec
from motefit.tflite.archive import CONTAINER_BYTES
from motefit.tflite.write.model_builder import pack_int4
from motefit.tflite.write.precision import file_of, shipped_graph

NO_EXAMPLES = np.zeros(0, np.float32)
SPREAD = (0.5, 1.5)
"""Of drawn biases, statistics and ends of ranges; positive, as variances must be."""
BIASES = 2**15
"""Bound of drawn biases."""
ZERO_POINTS = np.arange(20, 120)
"""Steps below zero of drawn ranges, so that zero points are 20 - 128 to 119 - 128, none 0."""
DEFLATE_GAIN = 0.9
"""Smallest fraction of zlib's level 6 that the search in :mod:`motefit.tflite.deflate` reaches."""
LEAST_BITS = {"float32": 26.0, "float16": 12.5, "int8": 6.0, "int4": 2.6}
"""Bits of a trained weight in a zip, by stored type, if no step makes weights equal.

Over 69 trained files of seven families ``benchmarks/screening/zip_bound.py`` found at least 29.7,
14.7, 7.4 and 3.3; an eighth to a fifth less is assumed, as a margin.
"""


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """An untrained network in its released form.

    Attributes:
        form: the graph with its constants as they are stored.
        compress: the recipe's section that it was written with.
        model: bytes of the .tflite file.
    """

    form: Graph
    compress: CompressSpec
    model: bytes

    def zip_bytes_at_least(self) -> int:
        """Compute a lower bound of the trained file's zip if no step makes weights equal.

        Everything but the constants is packed by zlib; a weight counts as :data:`LEAST_BITS`, a
        bias as nothing.
        """
        spans, bits = list[tuple[int, int]](), 0.0
        for name, array in self.form.constants.items():
            quantization = self.form.quantization.get(name)
            int4 = quantization is not None and quantization.bits == 4
            spans += _places(self.model, array, int4=int4)
            if array.ndim > 1:
                rows = np.unique(array[0], axis=0) if _is_by_band(name) else array
                bits += rows.size * LEAST_BITS.get("int4" if int4 else array.dtype.name, 0.0)
        spans.sort()
        starts = [*(start for start, _ in spans), len(self.model)]
        ends = itertools.accumulate((end for _, end in spans), max, initial=0)
        rest = [self.model[a:b] for a, b in zip(ends, starts, strict=True)]
        return _zipped(b"".join(rest), bits)

    def zip_bytes_with_all_alike(self) -> int:
        """Compute a lower bound of the zip for any step: all weights zero, all scales one."""
        constants = {name: np.zeros_like(a) for name, a in self.form.constants.items()}
        parameters = {
            name: replace(q, scale=np.ones_like(q.scale))
            for name, q in self.form.quantization.items()
        }
        alike = replace(self.form, constants=constants, quantization=parameters)
        return _zipped(file_of(alike, self.compress), 0.0)


def _is_by_band(name: str) -> bool:
    """Return whether a constant has one number per band, repeated for its frequencies."""
    return name.rpartition(".")[2] in BAND_PARTS


def _zipped(rest: bytes, bits: float) -> int:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)  # 9 takes four times as long over zeros
    packed = len(packer.compress(rest)) + len(packer.flush())
    return int(packed * DEFLATE_GAIN + bits / 8) + CONTAINER_BYTES


def _places(data: bytes, array: np.ndarray, *, int4: bool = False) -> list[tuple[int, int]]:
    """Find the first byte and the end of an array: in one piece, or one for each gate."""
    part = (pack_int4("a weight", array) if int4 else array).tobytes()
    place = data.find(part)
    if place >= 0:
        return [(place, place + len(part))]
    return [p for gate in array for p in _places(data, gate, int4=int4)] if array.ndim > 1 else []


def write_untrained(graph: Graph, compress: CompressSpec, *, rng: np.random.Generator) -> Untrained:
    """Write a network in its released form, with random numbers in place of trained ones.

    Args:
        graph: in trained form, with the family's initial weights; only their shapes matter if
            weights and activations are released as integers.
        compress: the recipe's ``[compress]`` section.
        rng: draws the numbers.

    Raises:
        RecipeError: for a precision that an operation of the graph does not support.
    """
    if compress.precision in {"int8", "int4"}:
        form = _drawn_integers(graph, compress, rng)
    else:
        drawn = _with_drawn_constants(graph, rng)
        form = shipped_graph(drawn, compress, examples=NO_EXAMPLES, ranges={})
    return Untrained(form=form, compress=compress, model=file_of(form, compress))


def _drawn_integers(graph: Graph, compress: CompressSpec, rng: np.random.Generator) -> Graph:
    """Make the integer form, as after folding and quantizing, with random integers."""
    ops, shapes, zeros = folded_form(graph)
    bits = 8 if compress.precision == "int8" else 4
    weights = {op.inputs[place] for op in ops for place in weight_axes(op)}
    weights |= {name for name in shapes if _is_by_band(name)}
    constants: dict[str, np.ndarray] = {}
    for dtype, limit in ((np.int8, weight_limit(bits)), (np.int32, BIASES)):
        names = [name for name in shapes if (name in weights) == (dtype is np.int8)]
        sizes = [math.prod(shapes[name]) for name in names]
        integers = rng.integers(-limit, limit, sum(sizes), dtype, endpoint=True)
        for name, end, size in zip(names, itertools.accumulate(sizes), sizes, strict=True):
            constants[name] = integers[end - size : end].reshape(shapes[name])
    for name in zeros:
        constants[name] = np.zeros(shapes[name], np.int32)
    for norm in (op for op in graph.ops if isinstance(op, BatchNorm) and op.bands > 1):
        for name in (f"{norm.output}.{part}" for part in BAND_PARTS):
            width = shapes[name][1] // norm.bands
            constants[name] = constants[name][:, ::width].repeat(width, axis=1)
    numbers = _Drawn(ops=ops, shapes=shapes, weight_bits=bits, rng=rng)
    parameters = parameters_of(ops, numbers, per_channel=compress.per_channel)
    form = replace(graph, ops=ops, constants=constants, quantization=parameters)
    return with_float_edges(form) if compress.io == "float32" else form


class _Drawn:
    """Distinct scales and zero points, as long as there are enough of them."""

    def __init__(
        self, *, ops: Sequence[Op], shapes: Mapping[str, Shape], weight_bits: int,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.weight_bits = weight_bits
        self._shapes = shapes
        self._rectified = {op.output for op in ops if _rectified(op)}
        many = (
            sum(max(shape) for shape in shapes.values()) + 4 * len(ops) + 1
        )  # a sufficient number
        self._scales = rng.uniform(*SPREAD, many).astype(np.float32)
        self._zero_points = itertools.cycle((INT8[0] + rng.permutation(ZERO_POINTS)).tolist())
        self._at = 0

    def weight_scale(self, op: Weighted, axis: int | None, source: float) -> np.ndarray:  # noqa: ARG002 - as the protocol has it
        """Draw a scale far below the activations', so that no multiplier is above 1."""
        return self._next(1 if axis is None else self._shapes[op.inputs[1]][axis]) / 1000

    def activation(self, name: str, least_scale: float = 0.0) -> Quantization:  # noqa: ARG002 - as the protocol has it
        """Draw parameters; after a rectifier, the zero point is at the end, as calibrated."""
        zero_point = INT8[0] if name in self._rectified else next(self._zero_points)
        return Quantization(scale=self._next(1) / 255, zero_point=zero_point)

    def constant(self, name: str) -> Quantization:
        """Draw parameters as those of an activation."""
        return self.activation(name)

    def lstm(self, op: LSTM, source: Quantization) -> LSTMParameters:  # noqa: ARG002 - as the protocol has it
        """Draw parameters; a state is symmetric, a cell's scale a power of two."""
        weight, recurrent = (Quantization(scale=self._next(4) / 1000, axis=0) for _ in range(2))
        return LSTMParameters(
            weights=(weight, recurrent),
            bias=Quantization(scale=source.scale * weight.scale, axis=0),
            hidden=Quantization(scale=self._next(1) / 127),
            cell=Quantization(scale=np.array([2.0**-12])),
        )

    def _next(self, count: int) -> np.ndarray:
        self._at += count
        return self._scales[self._at - count : self._at]


def _with_drawn_constants(graph: Graph, rng: np.random.Generator) -> Graph:
    weights = {op.inputs[place] for op in graph.ops for place in weight_axes(op)}
    others = [(name, a.shape, a.size) for name, a in graph.constants.items() if name not in weights]
    numbers = rng.uniform(*SPREAD, sum(size for *_, size in others)).astype(np.float32)
    drawn, at = {}, 0
    for name, shape, size in others:
        drawn[name] = numbers[at : at + size].reshape(shape)
        at += size
    return graph.with_constants(drawn)


def _rectified(op: Op) -> bool:
    return getattr(op, "activation", "none") != "none"
