"""LiteRT says nothing on standard error."""

import os
import subprocess
import sys
from pathlib import Path

import motefit


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
