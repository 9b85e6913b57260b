"""Provenance in a result file."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def made(command: str) -> dict[str, Any]:
    """Describe command, commit and machine."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True,
        check=False,
    ).stdout.strip()  # fmt: skip
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "command": f"python benchmarks/screening/{command}",
        "commit": commit,
        "machine": f"{cpu[0] if cpu else platform.processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}",
    }
