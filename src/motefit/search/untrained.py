"""The file of a network that is not trained yet: as large, and as slow, as the trained one.

Weights are as the family drew them; biases, statistics and the ranges of activations, which a
fresh network has all alike, are drawn so that they differ as they do after training, because the
writer stores equal things once.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

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
CONTAINER_BYTES = 122
"""Of a zip around the stream of its one member, ``model.tflite``."""
DEFLATE_GAIN = 0.9
"""Least part of zlib's level 9 that the search in ``tflite.deflate`` leaves."""
LEAST_BITS = {"float32": 22.0, "float16": 9.0, "int8": 4.0, "int4": 2.0}
"""Bits that a trained weight takes at least in a zip, by how it is stored, when no step makes
weights equal; ``benchmarks/screening/zip_bound.py`` compares with trained files."""


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """An untrained network in the form that ships.

    Attributes:
        form: the graph with its constants as they are stored.
        model: bytes of the .tflite file.
    """

    form: Graph
    model: bytes

    def zip_bytes_at_least(self, *, alike: bool = False) -> int:
        """What the zip of the trained file does not fall below.

        Everything but the constants is packed by zlib and counts less than it gives; a weight
        counts :data:`LEAST_BITS`, a bias nothing.

        Args:
            alike: whether a compression step may make weights and scales equal; they count
                nothing then either, which is the size no step can go below.
        """
        rest, bits = bytearray(self.model), 0.0
        for name, array in self.form.constants.items():
            quantisation = self.form.quantisation.get(name)
            int4 = quantisation is not None and quantisation.bits == 4
            for part in _stored(array, self.model, int4=int4):
                _blank(rest, part)
            if array.ndim > 1 and not alike:
                bits += array.size * LEAST_BITS["int4" if int4 else array.dtype.name]
        if alike:
            for quantisation in self.form.quantisation.values():
                _blank(rest, quantisation.scale.tobytes())
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = len(packer.compress(rest)) + len(packer.flush())
        return int(packed * DEFLATE_GAIN + bits / 8) + CONTAINER_BYTES


def _stored(array: np.ndarray, model: bytes, *, int4: bool) -> Iterator[bytes]:
    """The bytes of a constant: one buffer, or one for each gate of an LSTM."""
    whole = (pack_int4("a weight", array) if int4 else array).tobytes()
    if whole in model or array.ndim < 2:
        yield whole
    else:
        for part in array:
            yield from _stored(part, model, int4=int4)


def _blank(data: bytearray, part: bytes) -> None:
    place = data.find(part)
    if place >= 0:
        data[place : place + len(part)] = bytes(len(part))


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
    form = shipped_graph(
        folded, compress, examples=NO_EXAMPLES, ranges=_drawn_ranges(folded, rng)
    )
    return Untrained(form=form, model=file_of(form, compress))


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
    """A range for every activation and cell; from 0 behind a rectifier, as it would be found."""
    ranges = {INPUT: (-float(rng.uniform(*SPREAD)), float(rng.uniform(*SPREAD)))}
    ends = rng.uniform(*SPREAD, (2, len(folded.ops)))
    for op, low, high in zip(folded.ops, *ends.tolist(), strict=True):
        ranges[op.output] = (0.0 if _rectified(op) else -low, high)
        if isinstance(op, LSTM):
            ranges[f"{op.output}{CELL}"] = (-low, high)
    return ranges


def _rectified(op: Op) -> bool:
    return getattr(op, "activation", "none") != "none"
