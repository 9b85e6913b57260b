"""Working memory on a microcontroller: the smallest arena that TensorFlow Lite Micro runs with."""

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from motefit.spec.errors import ModelFileError
from motefit.tflite.inspect import inspect

WHEEL = "tflite_micro"
ARENA_LIMIT_BYTES = 64 << 20
GRANULE_BYTES = 64
"""Arena sizes are tried in steps of this. Buffers are aligned to 16 bytes, and what a model needs
to the byte depends on where the host puts the arena; a step of 64 is above that and still small."""
KEPT = 64
"""Models whose arena is remembered: the same file is measured more than once in a run."""
TIMEOUT_S = 120


def arena_bytes(data: bytes) -> int | None:
    """Smallest arena that TensorFlow Lite Micro allocates and runs a model with.

    Found by running: the model works with this size and not with :data:`GRANULE_BYTES` less. What
    the allocator reports of itself is less, since its planner needs memory of its own, for a
    while, between the two ends of the arena.

    Measured on this 64-bit host; on a 32-bit microcontroller pointers are half as long, so that
    the arena is somewhat smaller. The arena must be aligned to 16 bytes, as TensorFlow Lite Micro
    asks for.

    Args:
        data: bytes of the .tflite file.

    Returns:
        Bytes, a multiple of :data:`GRANULE_BYTES`; None where the ``tflite-micro`` wheel is not
        installed.

    Raises:
        ModelFileError: for a damaged file, and when TensorFlow Lite Micro cannot run the
            model; the text holds its reason.
    """
    inspect(data)
    if importlib.util.find_spec(WHEEL) is None:
        return None
    return _smallest(data)


@functools.lru_cache(maxsize=KEPT)
def _smallest(data: bytes) -> int:
    script = Path(__file__).with_name("micro_search.py")
    try:
        # In a process of its own: the runtime prints to file descriptor 2, and may end the process.
        done = subprocess.run(  # noqa: S603  (this interpreter, a fixed script)
            [sys.executable, "-P", str(script), str(ARENA_LIMIT_BYTES), str(GRANULE_BYTES)],
            input=data,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(
            f"TensorFlow Lite Micro did not finish within {TIMEOUT_S} s; use a smaller model"
        ) from error
    if done.returncode or not done.stdout.strip().isdigit():
        report = done.stderr.decode("utf-8", "replace")
        raise ModelFileError(
            f"TensorFlow Lite Micro cannot run this model: {_reason(report, done.returncode)}"
        )
    return int(done.stdout)


def _reason(report: str, code: int) -> str:
    """What the runtime printed before the traceback, else the traceback's last line."""
    told, _, traceback = report.partition("Traceback (most recent call last)")
    lines = [line.strip() for line in (told or traceback).splitlines() if line.strip()]
    if not lines:
        return f"its process ended with {code}"
    return "; ".join(lines[:3] if told else lines[-1:])
