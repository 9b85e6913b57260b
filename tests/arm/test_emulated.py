"""tools/arm: real aarch64 wheels under an emulator, made from Debian packages without root."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOL = ROOT / "tools" / "arm"
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{TOOL}", "OMP_NUM_THREADS": "1"}


def python(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run this Python with the tool's modules."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=check)


@pytest.fixture(scope="module")
def machine() -> None:
    """The machine is made; about 350 MB are fetched once and kept in the cache."""
    said = python("-c", "from machine import can_emulate; print(can_emulate())").stdout.strip()
    if said:
        pytest.skip(f"an Arm machine cannot be emulated here: {said}")
    made = python("-c", "from machine import machine; machine()", check=False)
    if made.returncode:
        pytest.skip(f"the Arm machine cannot be made: {made.stderr.strip().splitlines()[-1]}")


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("machine")
@pytest.mark.proof
def test_a_model_gives_the_same_and_costs_what_was_promised(tmp_path: Path) -> None:
    program = (TOOL / "run.py", "eight-words", "--in-graph", "--out", tmp_path)
    done = python(*program, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert {row["cpu"] for row in found["results"]} == {"cortex-a72", "cortex-a76"}
    assert len(found["promises"]) == 1 + 2 * 2
    assert all(line["met"] for line in found["promises"])
    assert ["inside" in row for row in found["results"]] == [False, True] * 2
    for row in found["results"]:
        spent = row["instructions"]
        assert spent["frontend"] + spent["xnnpack"] < 4_000_000
        assert spent["xnnpack"] < spent["builtin"]
        # 49 transforms of 640 samples are not free, wherever they are
        assert spent["xnnpack" if "inside" in row else "frontend"] > 500_000
        if "inside" in row:
            assert 0 < row["inside"]["greatest"] < 1e-3  # float32, in another order than numpy's
            assert row["inside"]["exceeding_share"] <= 1e-3
        assert row["not_as_computed"] == {"x86-64": 0, "aarch64": 0}
        assert row["xnnpack"]["greatest"] <= 3
    page = (tmp_path / "results.md").read_text()
    assert "instructions" in page
    assert " ms" not in page


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.usefixtures("machine")
@pytest.mark.proof
def test_counts_repeat_and_grow_with_the_work(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import json\n"
        "from marks import Stages\n"
        "stages = Stages()\n"
        "stages.count('one', lambda: sum(range(20_000)))\n"
        "stages.count('ten', lambda: sum(range(200_000)))\n"
        "print(json.dumps(stages.names))\n"
    )
    driver = (
        "import json, sys\n"
        "from machine import machine\n"
        "from marks import instructions\n"
        "said, counts = machine().run('cortex-a72', [sys.argv[1]])\n"
        "print(json.dumps(instructions(json.loads(said), counts)))\n"
    )
    runs = [json.loads(python("-c", driver, program).stdout) for _ in range(2)]
    assert runs[0]["ten"] == pytest.approx(runs[1]["ten"], rel=1e-3)
    assert runs[0]["ten"] == pytest.approx(10 * runs[0]["one"], rel=0.02)


def test_every_stage_needs_two_counts() -> None:
    code = "from marks import instructions; print(instructions({}, {}))"
    good = python("-c", code.format(["nothing", "a"], [0, 5, 10, 115]))
    assert good.stdout.strip() == "{'a': 100}"
    bad = python("-c", code.format(["nothing", "a"], [0, 5, 10]), check=False)
    assert "2 stages need two counts each, got 3" in bad.stderr
