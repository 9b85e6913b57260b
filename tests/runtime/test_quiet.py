"""LiteRT writes nothing to standard error."""

import base64
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

import motefit
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.quiet import SMALLEST
from motefit.tflite.inspect import inspect


def test_litert_is_silent_and_standard_error_is_not():
    code = (
        "import sys\n"
        "from motefit.runtime.quiet import silence_litert\n"
        "from motefit.certify.reference_pipeline import reference_subject\n"
        "silence_litert()\n"
        "reference_subject('up-down')\n"
        "print('said', file=sys.stderr)\n"
    )
    source = str(Path(motefit.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": source},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "said\n"


def test_the_smallest_model_has_one_weight():
    model = zlib.decompress(base64.b64decode(SMALLEST))
    (operation,) = inspect(model).ops
    assert operation.name == "FULLY_CONNECTED"
    interpreter = Interpreter(model)
    assert interpreter.run(np.zeros((1, 1, 1), np.float32)).shape == (1, 1)
