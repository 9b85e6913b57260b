"""Test run of a model in LiteRT, where a crash, a hang or exhausted memory does no harm.

The run has a process of its own, see :mod:`motefit.tflite.contained`.
"""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from motefit.spec.errors import ModelFileError
from motefit.tflite.contained import MEMORY_BYTES, contained, stage

RESOLVERS = ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "AUTO")
"""LiteRT's kernels without and with XNNPACK, in its own names."""
STATUS = Path("/proc/self/status")
LONG_S = 0.5
"""Seconds beyond which a run on zeros is not repeated with random numbers."""


def try_model(model: bytes) -> None:
    """Load, allocate and run a model in a separate process.

    A model that LiteRT rejects with a message passes: LiteRT rejects it again where it is used.

    Raises:
        ModelFileError: if it crashes LiteRT, does not finish, or takes too much memory.
    """
    contained(partial(try_here, model))


def try_here(model: bytes) -> None:
    """Load, allocate and run a model in this process, which may not survive it.

    Raises:
        MemoryError: if LiteRT rejects it after taking much memory: with more of it, it may not.
    """
    before = _peak_bytes()
    for name in RESOLVERS:
        stage("loading")
        try:
            _run(model, name)
        except (ValueError, RuntimeError, ModelFileError):
            if _peak_bytes() - before > MEMORY_BYTES // 4:
                stage("")
                raise MemoryError from None


def _peak_bytes() -> int:
    """Return the largest address space that this process has had; 0 where that is not known."""
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmPeak")), 0)


def _run(model: bytes, resolver: str) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415

    rng = np.random.default_rng(0)
    kind = getattr(OpResolverType, resolver)
    litert = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kind)
    try:
        stage("allocating")
        litert.allocate_tensors()
        litert.reset_all_variables()
        inputs = litert.get_input_details()
        stage("running")
        start = time.perf_counter()
        for draw in (None, rng):
            for tensor in inputs:
                litert.set_tensor(tensor["index"], _values(tensor, draw))
            litert.invoke()
            for tensor in litert.get_output_details():
                litert.get_tensor(tensor["index"])
            if time.perf_counter() - start > LONG_S:
                break
    finally:
        stage("unloading")
        del litert


def _values(tensor: Mapping[str, Any], rng: "np.random.Generator | None") -> np.ndarray:
    """Return values for an input: zeros, or random ones."""
    dtype, shape = np.dtype(tensor["dtype"]), tuple(int(n) for n in tensor["shape"])
    if dtype.kind not in "fiub":
        raise ModelFileError(f"an input of type {dtype}")
    if rng is None:
        return np.zeros(shape, dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind != "b":
        return rng.integers(0, 256, shape, np.uint8).view(dtype)
    return rng.integers(0, 2, shape).astype(dtype)
