"""Working memory on a microcontroller: the smallest arena that TensorFlow Lite Micro needs."""

import functools
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from motefit.spec.errors import ModelFileError
from motefit.tflite.micro_search import SECONDS
from motefit.tflite.model import ModelFile
from motefit.tflite.operator_rules import has_loops

WHEEL = "tflite_micro"
ARENA_LIMIT_BYTES = 64 << 20
GRANULE_BYTES = 64
"""Step of the arena sizes that are tried. Buffers are aligned to 16 bytes, and the exact need of a
model depends on where the host puts the arena; a step of 64 exceeds that, and is still small."""
KEPT = 64
"""Number of models whose arena is remembered, since a run measures the same file repeatedly."""
TIMEOUT_S = 120
LOOP_SECONDS = 2
"""CPU seconds of a run of a model with a loop, which may have no end with inputs of zeros."""


def arena_bytes(model: ModelFile) -> int | None:
    """Find the smallest arena with which TensorFlow Lite Micro allocates and runs a model.

    Found by running: the model works with this size and not with :data:`GRANULE_BYTES` less. The
    size that the allocator reports is smaller, since its planner temporarily needs memory of its
    own between the two ends of the arena.

    Measured on this 64-bit host; on a 32-bit microcontroller pointers are half as long, so that the
    arena is somewhat smaller. TensorFlow Lite Micro requires the arena to be aligned to 16 bytes.

    Args:
        model: the .tflite file.

    Returns:
        Bytes, a multiple of :data:`GRANULE_BYTES`; None if the ``tflite-micro`` wheel is not
        installed.

    Raises:
        ModelFileError: if the file is damaged, or TensorFlow Lite Micro cannot run the model; the
            message gives the reason.
    """
    model.inspection  # noqa: B018  (refuses a damaged file)
    if importlib.util.find_spec(WHEEL) is None:
        return None
    return _smallest(model.data, LOOP_SECONDS if has_loops(model.tables) else SECONDS)


@functools.lru_cache(maxsize=KEPT)
def _smallest(data: bytes, seconds: int) -> int:
    script = Path(__file__).with_name("micro_search.py")
    try:
        # A separate process, since the runtime prints to file descriptor 2 and may end its process.
        done = subprocess.run(  # noqa: S603  (this interpreter, a fixed script)
            [
                *(sys.executable, "-P", str(script)),
                *map(str, (ARENA_LIMIT_BYTES, GRANULE_BYTES, seconds)),
            ],
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
    if done.returncode == -signal.SIGXCPU:
        raise ModelFileError(f"TensorFlow Lite Micro did not finish a run in {seconds} s")
    if done.returncode or not done.stdout.strip().isdigit():
        report = done.stderr.decode("utf-8", "replace")
        raise ModelFileError(
            f"TensorFlow Lite Micro cannot run this model: {_reason(report, done.returncode)}"
        )
    return int(done.stdout)


def _reason(report: str, code: int) -> str:
    """Return what the runtime printed before the traceback, or the traceback's last line."""
    printed, _, traceback = report.partition("Traceback (most recent call last)")
    lines = [line.strip() for line in (printed or traceback).splitlines() if line.strip()]
    if not lines:
        return f"its process ended with {code}"
    return "; ".join(lines[:3] if printed else lines[-1:])
