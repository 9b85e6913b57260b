"""C on emulated Cortex-M processors answers like Python; built and run by ``tools/cortex_m``."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_bundles import ODD_LAYERS, bundle_of, odd_layers
from family_cases import make

from motefit.codegen.project import write_c_source
from motefit.codegen.work import INSTRUCTIONS, REFERENCE
from motefit.graph.families import FAMILIES

TOOLS = Path(__file__).parents[2] / "tools" / "cortex_m"
NEEDED = ("arm-none-eabi-gcc", "qemu-system-arm")

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in NEEDED),
        reason="gcc-arm-none-eabi and qemu-system-arm are not installed",
    ),
]


@pytest.fixture(scope="module")
def tools():
    """Import modules of the tools by name."""
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module
    sys.path.remove(str(TOOLS))


@pytest.fixture(scope="module")
def emulator(tools):
    """The module run.py of the tools."""
    return tools("run")


@pytest.mark.parametrize("core", ["M3", "M4", "M55"])
def test_kernels_of_each_kind_of_core_compute_what_python_does(emulator, tmp_path, core):
    """Portable C, the DSP extension and Helium: odd layers, and every family."""
    rng = np.random.default_rng(3)
    graphs = {f"layers_{i}": odd_layers(layers, rng) for i, layers in enumerate(ODD_LAYERS)}
    graphs |= {f"family_{i}": make(n, "int8").graph for i, n in enumerate(FAMILIES.all())}
    found = {}
    for name, graph in graphs.items():
        source = write_c_source(bundle_of(graph), tmp_path / name, name=name)
        program = emulator.link(source, emulator.CORES[core], "-O2")
        found[name] = emulator.emulate(program, emulator.CORES[core]).get("wrong")
    assert found == dict.fromkeys(graphs, 0)


def test_the_estimates_work_is_that_of_networks_of_other_shapes(tools, emulator):
    work, rng = tools("work"), np.random.default_rng(11)
    reference = work.measured(emulator.mlperf(), "mlperf")
    weights = np.array(list(INSTRUCTIONS.values()))
    assert dict(zip(INSTRUCTIONS, reference[0], strict=True)) == dict.fromkeys(
        INSTRUCTIONS, 0
    ) | dict(REFERENCE)
    errors = []
    for name, bundle in work.random_bundles(1, rng):
        row, instructions = work.measured(bundle, name)
        wanted = instructions / reference[1]
        errors.append((row @ weights) / (reference[0] @ weights) / wanted - 1)
    assert np.abs(errors).max() < 0.4
    assert np.median(np.abs(errors)) < 0.15


def test_the_whole_chain_hears_200_clips_as_python_does(emulator, real_data):
    del emulator
    done = subprocess.run(
        [sys.executable, TOOLS / "clips.py", "yes-no", "--data", real_data / "speech"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 clips, 200 with the same label" in done.stdout
