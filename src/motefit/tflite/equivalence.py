"""Equivalence of two .tflite files: by comparing their tables, and by running both.

The tables are read with LiteRT's own bindings, so that a bug in motefit's reader cannot hide
itself. Outputs are compared bit for bit, with the builtin kernels and with XNNPACK.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.contained import stage

RESOLVERS = {"builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "xnnpack": "AUTO"}
SIZES = (1, 2, 3)
"""Sizes to which an open dimension of an input is set."""
LIMITS = (100, 8, 2, 1)
"""Upper limits of random integers that are not quantized, such as indices; the first that runs."""
SKIPPED = {
    "Tensor": {"name", "buffer", "shapeSignature"},
    "Operator": {"opcodeIndex", "debugMetadataIndex", "largeCustomOptionsOffset"}
    | {"largeCustomOptionsSize", "customOptions"},
    "SubGraph": {"name", "debugMetadataIndex"},
    "QuantizationParameters": {"min", "max"},
}
"""Fields that are compared separately, or do not affect the computation."""


@dataclass(frozen=True, kw_only=True)
class EquivalenceReport:
    """Result of a comparison that found two files equal.

    Attributes:
        tables: whether every operator, tensor and constant has the same content.
        inputs: number of random inputs run through both files, per resolver and input size.
        resolvers: ``builtin`` and ``xnnpack``; empty if the file does not run here.
        values: number of output values compared, all equal bit for bit.
        reason: why nothing was run; empty otherwise.
    """

    tables: bool
    inputs: int
    resolvers: tuple[str, ...]
    values: int
    reason: str = ""


def check_equivalence(
    before: bytes, after: bytes, *, n: int = 8, rng: np.random.Generator
) -> EquivalenceReport:
    """Compare two files by their tables and outputs.

    Args:
        before: the original model.
        after: the model that must compute the same.
        n: number of random inputs per resolver and input size; states carry over between them.
        rng: random generator of the inputs.

    Returns:
        The report; :attr:`EquivalenceReport.inputs` is 0 if LiteRT cannot run the model on this
        machine, so that only the tables were compared.

    Raises:
        ModelFileError: if the files differ, or the model gives different outputs for the same
            inputs in repeated runs.
    """
    _compare_tables(before, after)
    compared = 0
    for name in RESOLVERS:
        try:
            _runner(before, name)
            compared += _compare_runs(before, after, name, n, rng)
            compared += _compare_signatures(before, after, name, n, rng)
        except ModelFileError:
            raise
        except (ValueError, RuntimeError) as error:  # of LiteRT, or a name that is not UTF-8
            reason = " ".join(str(error).split())
            return EquivalenceReport(tables=True, inputs=0, resolvers=(), values=0, reason=reason)
    return EquivalenceReport(tables=True, inputs=n, resolvers=tuple(RESOLVERS), values=compared)


def _runner(model: bytes, resolver: str) -> Any:  # noqa: ANN401 - LiteRT has no types
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415  (0.2 s)

    kind = getattr(OpResolverType, RESOLVERS[resolver])
    stage("loading")
    runner = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kind)
    stage("allocating")
    runner.allocate_tensors()
    return runner


Feeds = Sequence[Sequence[np.ndarray]]
"""An array per input, for each run."""


def _compare_runs(
    before: bytes, after: bytes, resolver: str, n: int, rng: np.random.Generator
) -> int:
    """Compare all outputs; return the number of values. At least one input size must run."""
    compared, refusal = 0, "it has no output"
    details = _runner(before, resolver).get_input_details()
    is_open = any(-1 in tensor["shape_signature"] for tensor in details)
    for size in SIZES if is_open else SIZES[:1]:
        for limit in LIMITS:
            feeds = [[_draw(tensor, size, limit, rng) for tensor in details] for _ in range(n)]
            try:
                expected = _outputs(before, resolver, feeds)
            except (ValueError, RuntimeError) as error:
                refusal = " ".join(str(error).split())
                continue
            _check_equal(expected, before, after, resolver, feeds)
            compared += sum(array.size for array in expected)
            break
    if not compared:
        raise ModelFileError(
            f"the model rejects every random input, so its outputs cannot be compared: {refusal}"
        )
    return compared


def _compare_signatures(
    before: bytes, after: bytes, resolver: str, n: int, rng: np.random.Generator
) -> int:
    """Compare the outputs of the signatures that both files have; return the number of values."""
    left, right = _runner(before, resolver), _runner(after, resolver)
    kept, compared = right.get_signature_list(), 0
    for key in left.get_signature_list():
        if key not in kept:
            continue
        runners = [model.get_signature_runner(key) for model in (left, right)]
        inputs = runners[0].get_input_details()
        for _ in range(n):
            stage(f"running the signature {key}")
            feed = {name: _draw(tensor, 1, LIMITS[-1], rng) for name, tensor in inputs.items()}
            try:
                answer = runners[0](**feed)
            except (ValueError, RuntimeError):
                break  # the first subgraph was compared with other inputs
            if not _alike(answer, runners[1](**feed)):
                raise ModelFileError(f"the two files give different outputs for signature {key!r}")
            compared += sum(array.size for array in answer.values())
    return compared


def _check_equal(
    expected: Sequence[np.ndarray], before: bytes, after: bytes, resolver: str, feeds: Feeds
) -> None:
    if _alike(list(expected), _outputs(after, resolver, feeds)):
        return
    if not _alike(list(expected), _outputs(before, resolver, feeds)):
        raise ModelFileError(
            "the model gives different outputs for the same inputs in each run (random "
            "operators?), so that equality cannot be shown"
        )
    raise ModelFileError(f"the two files give different outputs with {resolver} kernels")


def _outputs(model: bytes, resolver: str, feeds: Feeds) -> list[np.ndarray]:
    """Run a model; return every output of every run, in order."""
    runner = _runner(model, resolver)
    inputs = runner.get_input_details()
    for tensor, array in zip(inputs, feeds[0], strict=True):
        if tuple(tensor["shape"]) != array.shape:
            runner.resize_tensor_input(tensor["index"], array.shape)
    runner.allocate_tensors()
    outputs = []
    for feed in feeds:
        stage("running")
        for tensor, array in zip(inputs, feed, strict=True):
            runner.set_tensor(tensor["index"], array)
        runner.invoke()
        details = runner.get_output_details()
        outputs += [np.array(runner.get_tensor(tensor["index"])) for tensor in details]
    return outputs


def _draw(tensor: Mapping[str, Any], size: int, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a random array for an input, with its open dimensions set and integers below a limit."""
    dtype = np.dtype(tensor["dtype"])
    shape = tuple(size if d == -1 else int(d) for d in tensor["shape_signature"])
    if dtype.kind in "fc":
        return np.asarray(rng.normal(0, 1, shape)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind not in "iu":
        raise ModelFileError("a model with text inputs cannot be run on random inputs")
    if dtype.itemsize == 1 or tensor["quantization"][0] > 0:
        bounds = np.iinfo(dtype)
        return rng.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
    return rng.integers(0, limit, shape, dtype)


def _compare_tables(before: bytes, after: bytes) -> None:
    """Raise an error if an operator, tensor or constant differs."""
    left, right = (_facts(data) for data in (before, after))
    if len(left) != len(right):
        raise ModelFileError("the two files differ in their number of operators or tensors")
    for (place, a), (_, b) in zip(left, right, strict=True):
        if not _alike(a, b):
            raise ModelFileError(f"the two files differ in {place}")


def _facts(data: bytes) -> list[tuple[str, Any]]:
    """List everything that a runtime reads, with its place."""
    from ai_edge_litert import schema_py_generated as official  # noqa: PLC0415  (0.1 s)

    model = official.ModelT.InitFromObj(official.Model.GetRootAs(bytearray(data), 0))
    facts: list[tuple[str, Any]] = []
    for g, graph in enumerate(model.subgraphs):
        facts.append((f"subgraph {g}", _fields(graph, {"tensors", "operators"})))
        for i, tensor in enumerate(graph.tensors or ()):
            where = f"tensor {i} of subgraph {g}"
            buffer = model.buffers[tensor.buffer] if tensor.buffer else official.BufferT()
            facts.extend(
                (
                    (where, _fields(tensor)),
                    (f"the data of {where}", _content(data, buffer.data, buffer)),
                    (f"the open sizes of {where}", _open(tensor)),
                )
            )
        for i, op in enumerate(graph.operators or ()):
            code = model.operatorCodes[op.opcodeIndex]
            number = max(code.deprecatedBuiltinCode, code.builtinCode)
            options = _content(data, op.customOptions, op, "largeCustomOptions")
            kind = number, code.version, code.customCode
            facts.append((f"operator {i} of subgraph {g}", (_fields(op), kind, options)))
    return facts


def _open(tensor: Any) -> Any:  # noqa: ANN401
    return tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature


def _content(data: bytes, inside: Any, owner: Any, prefix: str = "") -> bytes | None:  # noqa: ANN401
    """Return bytes in a table, or after the FlatBuffer."""
    names = [f"{prefix}Offset", f"{prefix}Size"] if prefix else ["offset", "size"]
    start, size = (getattr(owner, name) for name in names)
    if start > 1:
        return data[start : start + size]
    return None if inside is None else np.asarray(inside, np.uint8).tobytes()


def _fields(table: Any, without: Set[str] = frozenset()) -> Any:  # noqa: ANN401
    """Convert a table and its subtables to a dictionary; None if it is meaningless."""
    kind = type(table).__name__.removesuffix("T")
    if kind == "QuantizationParameters" and not _is_quantized(table):
        return None
    skipped = SKIPPED.get(kind, set()) | without
    return kind, {name: _plain(value) for name, value in vars(table).items() if name not in skipped}


def _is_quantized(table: Any) -> bool:  # noqa: ANN401
    return (table.scale is not None and len(table.scale) > 0) or table.details is not None


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _fields(value) if hasattr(value, "__dict__") and not callable(value) else value


def _alike(a: Any, b: Any) -> bool:  # noqa: ANN401
    """Return whether two values are deeply equal; arrays are compared by their bytes."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return bool(a == b)
