"""Equal recipe, data and seed: equal bytes, on every x86-64 processor with AVX2."""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from motefit.graph.families import FAMILIES
from motefit.spec.worker_environment import AVX2, equal_arithmetic

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "equal_bytes.py"
RECORD = ROOT / "tests" / "golden" / "equal_bytes.json"
LOCKED = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")


def test_every_family_is_recorded():
    recorded = {name.partition(",")[0] for name in json.loads(RECORD.read_text())}
    assert recorded == set(FAMILIES.names())


@pytest.mark.slow
def test_models_have_the_recorded_bytes(tmp_path):
    """The record was written on an AMD EPYC; whatever runs this is the other processor."""
    if not set(AVX2) <= set(equal_arithmetic()):
        pytest.skip(f"bytes are promised for x86-64 with AVX2, this is {platform.machine()}")
    for package in ("torch", "numpy"):
        here = version(package).partition("+")[0]
        if f"\n{package}=={here}\n" not in LOCKED:
            pytest.skip(f"bytes are promised for the locked {package}, this is {here}")
    # what a user has set changes nothing: a worker's own settings stand
    settings = {"OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX2", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, TOOL],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(RECORD.read_text(encoding="utf-8"))
