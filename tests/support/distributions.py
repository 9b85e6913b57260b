"""Distributions of motefit: built as for a release, and installed where nothing else is."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

TOOL = Path(__file__).parents[2] / "tools" / "build_dist.py"


def build(folder: Path, *, epoch: int = 1_700_000_000) -> None:
    """Build sdist and wheel."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run([sys.executable, TOOL, "--out", folder], env=environment, check=True)


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel in a new environment; return its Python.

    The packages that the wheel needs are linked from this environment: nothing is downloaded.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-compile"]
    command = [sys.executable, "-m", "pip", "--python", python, "install", *quiet, wheel]
    subprocess.run(command, check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (own,) = metadata.distributions(name="motefit", path=[str(site)])
    for name in needed(own, {}):
        package = metadata.distribution(name)
        for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(package.locate_file(top))
    return python


def needed(package: metadata.Distribution, found: dict[str, None]) -> dict[str, None]:
    """Collect the names of all packages that one needs without its extras."""
    for line in package.requires or ():
        other = Requirement(line)
        if other.name not in found and (not other.marker or other.marker.evaluate({"extra": ""})):
            found[other.name] = None
            needed(metadata.distribution(other.name), found)
    return found
