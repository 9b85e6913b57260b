"""Where a figure comes from: command, commit, version, machine."""

import platform
import shlex
import subprocess
import sys
from pathlib import Path

from motefit import __version__
from motefit.measure.bench_machine import usable_cores
from motefit.spec.card import Provenance


def provenance(*, seed: int, data_sha256: str) -> Provenance:
    """Facts about this process, for a card.

    Args:
        seed: of the candidate.
        data_sha256: content hash of the data.
    """
    arguments = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return Provenance(
        command=shlex.join(arguments),
        commit=_commit(),
        version=__version__,
        seed=seed,
        machine=machine(),
        data_sha256=data_sha256,
    )


def machine() -> str:
    """Processor and usable cores, e.g. ``"Intel(R) Xeon(R) Processor, 4 cores, Linux"``."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass  # no Linux: the platform's own name stays
    return f"{name}, {usable_cores()} cores, {platform.system()}"


def _commit() -> str:
    """Commit of the checkout this file is tracked in; empty when it was installed elsewhere."""
    here = Path(__file__).resolve()
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return ""
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
