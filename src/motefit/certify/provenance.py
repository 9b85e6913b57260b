"""Provenance of a measurement: command, commit, version, machine."""

import platform
import shlex
import subprocess
import sys
from pathlib import Path

from motefit import __version__
from motefit.measure.machine import usable_cores
from motefit.recipes.catalog import recipe_names
from motefit.recipes.published import published_names
from motefit.spec.card import Provenance


def provenance(*, seed: int, data_sha256: str, command: str = "") -> Provenance:
    """Describe this process, for a card.

    Args:
        seed: seed of the candidate.
        data_sha256: content hash of the data.
        command: command that reproduces the model; empty: the command line of this process, with
            absolute paths reduced to names, since a card is published.
    """
    return Provenance(
        command=command or _typed(),
        commit=_commit(),
        version=__version__,
        seed=seed,
        machine=machine(),
        data_sha256=data_sha256,
    )


def fit_command(recipe: str, data: Path | None) -> str:
    """Return the command line that reproduces the model, wherever the data are.

    Args:
        recipe: name of the recipe.
        data: folder or file of the data; None if they are synthesized.
    """
    shipped = recipe in {*recipe_names(), *published_names()}
    parts = ["motefit", "fit", recipe if shipped else f"{recipe}.toml"]
    return shlex.join([*parts, *(["--data", data.name] if data is not None else [])])


def _typed() -> str:
    names = [Path(given).name if Path(given).is_absolute() else given for given in sys.argv]
    return shlex.join([Path(names[0]).name, *names[1:]])


def machine() -> str:
    """Describe this machine, e.g. ``"Intel(R) Xeon(R) Processor, 4 cores, Linux"``."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass  # not Linux: keep the platform's own name
    return f"{name}, {usable_cores()} cores, {platform.system()}"


def _commit() -> str:
    """Return the commit of the checkout that tracks this file; empty for an installed package."""
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
