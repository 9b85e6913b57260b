"""The file of a network that is not trained yet: as large, and as slow, as the trained one.

Weights are as the family drew them; biases, statistics and the ranges of activations, which a
fresh network has all alike, are drawn so that they differ as they do after training, because the
writer stores equal things once.
"""

import itertools
import zlib
from dataclasses import dataclass, replace

import numpy as np

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import LSTM, Op
from motefit.graph.quantise_lstm import CELL
from motefit.graph.transform import fold
from motefit.graph.weight_forms import weight_axes
from motefit.spec.recipe import CompressSpec
from motefit.tflite.draft import pack_int4
from motefit.tflite.export import file_of, shipped_graph

NO_EXAMPLES = np.zeros(0, np.float32)
SPREAD = (0.5, 1.5)
"""Of drawn biases, statistics and ends of ranges; positive, as variances must be."""
ZERO_POINTS = np.arange(20, 120)
"""Steps below zero of drawn ranges, so that zero points are 20 - 128 to 119 - 128, none 0."""
CONTAINER_BYTES = 122
"""Of a zip around the stream of its one member, ``model.tflite``."""
DEFLATE_GAIN = 0.9
"""Least part of zlib's level 6 that the search in ``tflite.deflate`` leaves."""
LEAST_BITS = {"float32": 26.0, "float16": 12.5, "int8": 6.0, "int4": 2.6}
"""Bits of a trained weight in a zip, by how it is stored, where no step makes weights equal.

Over 69 trained files of seven families ``benchmarks/screening/zip_bound.py`` found at least 29.7,
14.7, 7.4 and 3.3; an eighth to a fifth of that is left as a margin.
"""


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """An untrained network in the form that ships.

    Attributes:
        form: the graph with its constants as they are stored.
        compress: the recipe's section that it was written by.
        model: bytes of the .tflite file.
    """

    form: Graph
    compress: CompressSpec
    model: bytes

    def zip_bytes_at_least(self) -> int:
        """What the zip of the trained file does not fall below where no step makes weights alike.

        Everything but the constants is packed by zlib; a weight counts :data:`LEAST_BITS`, a bias
        nothing.
        """
        rest, bits = bytearray(self.model), 0.0
        for name, array in self.form.constants.items():
            quantisation = self.form.quantisation.get(name)
            int4 = quantisation is not None and quantisation.bits == 4
            _blank(rest, array, int4=int4)
            if array.ndim > 1:
                bits += array.size * LEAST_BITS.get("int4" if int4 else array.dtype.name, 0.0)
        return _zipped(rest, bits)

    def zip_bytes_with_all_alike(self) -> int:
        """What no step can bring the zip below: all weights are zero, and all scales one."""
        constants = {name: np.zeros_like(a) for name, a in self.form.constants.items()}
        parameters = {
            name: replace(q, scale=np.ones_like(q.scale))
            for name, q in self.form.quantisation.items()
        }
        alike = replace(self.form, constants=constants, quantisation=parameters)
        return _zipped(file_of(alike, self.compress), 0.0)


def _zipped(rest: bytes | bytearray, bits: float) -> int:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)  # 9 takes four times as long over zeros
    packed = len(packer.compress(rest)) + len(packer.flush())
    return int(packed * DEFLATE_GAIN + bits / 8) + CONTAINER_BYTES


def _blank(data: bytearray, array: np.ndarray, *, int4: bool = False) -> None:
    """Put zeros where an array stands: in one piece, or in one for each gate of an LSTM."""
    part = (pack_int4("a weight", array) if int4 else array).tobytes()
    place = data.find(part)
    if place >= 0:
        data[place : place + len(part)] = bytes(len(part))
    elif array.ndim > 1:
        for gate in array:
            _blank(data, gate, int4=int4)


def write_untrained(graph: Graph, compress: CompressSpec, *, rng: np.random.Generator) -> Untrained:
    """Write a network as it would ship, with numbers drawn where training would find them.

    Integers of weights are the nearest ones; well-chosen ones take as many bytes.

    Args:
        graph: in trained form, weights as drawn by its family.
        compress: the recipe's ``[compress]`` section.
        rng: draws what families leave equal.

    Raises:
        RecipeError: for a precision that an operation of the graph does not have.
    """
    folded = fold(_with_drawn_constants(graph, rng))
    form = shipped_graph(folded, compress, examples=NO_EXAMPLES, ranges=_drawn_ranges(folded, rng))
    return Untrained(form=form, compress=compress, model=file_of(form, compress))


def _with_drawn_constants(graph: Graph, rng: np.random.Generator) -> Graph:
    weights = {op.inputs[place] for op in graph.ops for place in weight_axes(op)}
    others = [(name, a.shape, a.size) for name, a in graph.constants.items() if name not in weights]
    numbers = rng.uniform(*SPREAD, sum(size for *_, size in others)).astype(np.float32)
    drawn, at = {}, 0
    for name, shape, size in others:
        drawn[name] = numbers[at : at + size].reshape(shape)
        at += size
    return graph.with_constants(drawn)


def _drawn_ranges(folded: Graph, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """A range for every activation and cell; from 0 behind a rectifier, as it would be found.

    The others have zero points that differ, while there are enough of them.
    """
    owners = {INPUT: False, **{op.output: _rectified(op) for op in folded.ops}}
    owners |= {f"{op.output}{CELL}": False for op in folded.ops if isinstance(op, LSTM)}
    widths = rng.uniform(*SPREAD, len(owners)).tolist()
    shares = itertools.cycle((rng.permutation(ZERO_POINTS) / 255).tolist())
    ranges = {}
    for (name, rectified), width in zip(owners.items(), widths, strict=True):
        low = 0.0 if rectified else -width * next(shares)
        ranges[name] = (low, low + width)
    return ranges


def _rectified(op: Op) -> bool:
    return getattr(op, "activation", "none") != "none"
