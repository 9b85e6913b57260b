"""Parity per layer between motefit's executors and LiteRT's builtin kernels."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRT
from ai_edge_litert.interpreter import OpResolverType

from motefit.graph.execute import float32, int8
from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import LSTM, Op, Quantize
from motefit.graph.ops_foreign import SVDF
from motefit.spec.errors import DataError, ModelFileError
from motefit.tflite.contained import MEMORY_BYTES, contained, stage
from motefit.tflite.importer.read import read_named
from motefit.tflite.model import ModelFile

FLOAT_TOLERANCE = 1e-5
"""Tolerance relative to a layer's greatest output, for sums in a different order."""
RUNS_S = 120
"""CPU seconds that LiteRT may take for all examples."""
COPIES = 4
"""Copies of the outputs that LiteRT's process may hold: in lists, as arrays, and as an answer."""


@dataclass(frozen=True, kw_only=True)
class LayerParity:
    """One layer on all examples.

    Attributes:
        place: number of its operator in the file.
        operator: such as ``CONV_2D``.
        shape: of the output, with a batch of one.
        exact: whether it is computed in integers.
        numbers: compared.
        differing: numbers that differ; in a float layer, by more than the tolerance.
        greatest: largest difference: in steps, or relative to a float layer's greatest output.
    """

    place: int
    operator: str
    shape: tuple[int, ...]
    exact: bool
    numbers: int
    differing: int
    greatest: float

    @property
    def name(self) -> str:
        """Number and operator."""
        return f"{self.place} {self.operator}"


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Comparison of a file on some examples, each layer fed with the outputs of preceding layers.

    Attributes:
        examples: number of examples.
        layers: in order, without those that only move or reshape numbers.
        first: name of the first layer that differs; None if all agree.
    """

    examples: int
    layers: tuple[LayerParity, ...]
    first: str | None


def measure_parity(model: ModelFile, batch: np.ndarray, *, contain: bool = False) -> Parity:
    """Compare every layer of a file with LiteRT's builtin kernels, without XNNPACK.

    Args:
        model: a .tflite file that ``motefit.tflite.importer.read`` can read.
        batch: (n, ...) real inputs of the network; quantized if the file takes int8 or uint8. For a
            network with a memory (SVDF), they are successive steps of a stream.
        contain: run LiteRT in a process of its own, as a file of unknown origin needs.

    Raises:
        DataError: for no examples, or examples that do not fit the input.
        ModelFileError: for a file that cannot be read or run.
    """
    graph, names = read_named(model.data, model.tables, unsigned=True)
    size = int(np.prod(graph.input_shape))
    batch = np.asarray(batch, np.float32)
    if not len(batch) or batch[0].size != size:
        raise DataError(f"the model takes (n, {size}) numbers, got an array of shape {batch.shape}")
    given = batch.reshape(len(batch), *graph.input_shape)
    if INPUT in graph.quantization:
        given = int8.quantize_array(given, graph.quantization[INPUT])
    whole = INPUT in graph.quantization or isinstance(graph.ops[0], Quantize)
    arm = platform.machine() == "aarch64"
    ours = (
        int8.run_all(graph, given, machine="aarch64" if arm else "x86-64")
        if whole
        else float32.run_all(graph, given)
    )
    makers = makers_of(model)
    last = {name: index for index, name in sorted(names.items()) if index in makers}
    kept = {name: index for name, index in last.items() if name in ours}
    run = partial(_run_litert, model.data, given, tuple(kept.values()), stream=_is_stream(graph))
    memory_bytes = MEMORY_BYTES + COPIES * sum(ours[name].nbytes for name in kept)
    theirs = contained(run, seconds=RUNS_S, memory_bytes=memory_bytes) if contain else run()
    layers = tuple(
        _compare(graph, op, ours[op.output], theirs[last[op.output]], makers[last[op.output]])
        for op in graph.ops
        if op.inputs[0] not in graph.constants and op.output in last
    )
    first = next((layer.name for layer in layers if layer.differing), None)
    return Parity(examples=len(given), layers=layers, first=first)


def makers_of(model: ModelFile) -> Mapping[int, tuple[int, str]]:
    """Find place and name of the operator that produces a tensor, by its index."""
    ops = model.inspection.ops
    return {index: (place, op.name) for place, op in enumerate(ops) for index in op.outputs}


def _is_stream(graph: Graph) -> bool:
    """Return whether examples are steps of a stream, of which a layer remembers the last ones.

    Raises:
        ModelFileError: if another layer starts over with each example.
    """
    kinds = {type(op) for op in graph.ops}
    if {SVDF, LSTM} <= kinds:
        raise ModelFileError("a parity of SVDF and LSTM layers in one model is not supported")
    return SVDF in kinds


def _run_litert(
    model: bytes, given: np.ndarray, kept: Sequence[int], *, stream: bool
) -> Mapping[int, np.ndarray]:
    """Compute tensors, given by index, each (n, *shape); a stream keeps its past."""
    stage("allocating")
    try:
        litert = LiteRT(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        litert.allocate_tensors()
        source = litert.get_input_details()[0]
        found: dict[int, list[np.ndarray]] = {index: [] for index in kept}
        for place, example in enumerate(given):
            stage("running")
            if not (stream and place):
                litert.reset_all_variables()
            shown = example.astype(np.int16) + 128 if source["dtype"] == np.uint8 else example
            shown = shown.astype(source["dtype"]).reshape(source["shape"])
            litert.set_tensor(source["index"], shown)
            litert.invoke()
            for index, parts in found.items():
                parts.append(litert.get_tensor(index).copy())
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"LiteRT cannot run this model: {reason}") from None
    return {index: np.stack(parts) for index, parts in found.items()}


def _compare(
    graph: Graph, op: Op, ours: np.ndarray, theirs: np.ndarray, maker: tuple[int, str]
) -> LayerParity:
    theirs = theirs.reshape(ours.shape)
    if theirs.dtype == np.uint8:  # which a Graph has as int8
        theirs = theirs.astype(np.int16) - 128
    exact = op.output in graph.quantization
    apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    if not exact:
        apart /= max(float(np.abs(ours).max(initial=0.0)), float(np.finfo(np.float32).tiny))
    return LayerParity(
        place=maker[0],
        operator=maker[1],
        shape=(1, *ours.shape[1:]),
        exact=exact,
        numbers=ours.size,
        differing=int(np.count_nonzero(apart > (0 if exact else FLOAT_TOLERANCE))),
        greatest=float(apart.max(initial=0.0)),
    )
