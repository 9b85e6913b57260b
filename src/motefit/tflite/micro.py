"""Working memory on a microcontroller, measured by TensorFlow Lite Micro's own allocator."""

import importlib.util
import re
import subprocess
import sys

from motefit.spec.errors import ModelFileError
from motefit.tflite.inspect import inspect

WHEEL = "tflite_micro"
ARENA_LIMIT_BYTES = 64 << 20
TIMEOUT_S = 120
# In a process of its own: the allocator prints to file descriptor 2, and a model that it cannot
# run may end the process.
SCRIPT = """
import sys
from tflite_micro.python.tflite_micro import runtime
model = sys.stdin.buffer.read()
interpreter = runtime.Interpreter.from_bytes(model, arena_size=int(sys.argv[1]))
interpreter.invoke()
interpreter.print_allocations()
"""


def arena_bytes(data: bytes) -> int | None:
    """Arena that TensorFlow Lite Micro needs for a model.

    Measured on this 64-bit host; on a 32-bit microcontroller pointers are half as long, so that
    the arena is somewhat smaller.

    Args:
        data: bytes of the .tflite file.

    Returns:
        Bytes, or None where the ``tflite-micro`` wheel is not installed.

    Raises:
        ModelFileError: for a damaged file, and when TensorFlow Lite Micro cannot run the
            model; the text holds its reason.
    """
    inspect(data)
    if importlib.util.find_spec(WHEEL) is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  (this interpreter, a fixed script)
            [sys.executable, "-c", SCRIPT, str(ARENA_LIMIT_BYTES)],
            input=data,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(
            f"TensorFlow Lite Micro did not finish within {TIMEOUT_S} s; use a smaller model"
        ) from error
    report = done.stderr.decode("utf-8", "replace")
    found = re.search(r"Arena allocation total (\d+) bytes", report)
    if done.returncode or found is None:
        raise ModelFileError(
            f"TensorFlow Lite Micro cannot run this model: {_reason(report, done.returncode)}"
        )
    return int(found.group(1))


def _reason(report: str, code: int) -> str:
    """What the runtime printed before the traceback, else the traceback's last line."""
    told, _, traceback = report.partition("Traceback (most recent call last)")
    lines = [line.strip() for line in (told or traceback).splitlines() if line.strip()]
    if not lines:
        return f"its process ended with {code}"
    return "; ".join(lines[:3] if told else lines[-1:])
