"""Suppression of the line that LiteRT logs when a process creates its first XNNPACK delegate.

It comes from C++ ("INFO: Created TensorFlow Lite XNNPACK delegate for CPU."), no setting of the
Python package silences it, and it would break up a progress display. So the first delegate of a
process is created here, for a network with a single weight, with standard error redirected.
"""

import base64
import functools
import os
import sys
import zlib

from motefit.runtime.interpreter import Interpreter

STANDARD_ERROR = 2
SMALLEST = (
    "eNpzYWBgCHHzMeZjEGFgYeBg4AHyBYAkjCfAwAUWA/FALBYgm4OBjYEVyGIB0hxA0gYoxgzEIHUSQFwDxIxgPQwMWkDM"
    "icSPApvPwDAFiCuA2AYqrgHVLwLEMkCcA8QZUH0gdQlAzATELUAcwAABMDMXAbEB1AyYO3ig9iyDYh0gXgelGaHqYGYw"
    "QWlGqBjIzIrZDfYsUD4AHOYNcQ=="
)
"""A .tflite file with one FULLY_CONNECTED, 1 x 1 -> 1 in float32 (292 bytes), as base64 of zlib:
what motefit writes for the family ``linear`` with one input and one output."""


@functools.cache
def silence_litert() -> None:
    """Create LiteRT's first delegate silently, before other threads write to standard error."""
    model = zlib.decompress(base64.b64decode(SMALLEST))
    sys.stderr.flush()
    kept = os.dup(STANDARD_ERROR)
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, STANDARD_ERROR)
        Interpreter(model)
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
        os.close(devnull)
