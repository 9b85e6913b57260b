"""Write requirements/lock.txt and notebook.txt: the exact versions that `make` installs.

Installs the development extra into a fresh virtual environment and freezes it. torch is pinned
before anything else, so that its small CPU wheel is taken where one is offered. Run with the oldest
Python that the project supports, so that every pin exists for all of them.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
HEADER = f"""\
# Written by `make lock` with Python {sys.version_info[0]}.{sys.version_info[1]}; do not edit.
# {TORCH} is pinned first: an open range takes builds with gigabytes of CUDA libraries.
"""
NOTEBOOK = f"""\
# Written by `make lock` with Python {sys.version_info[0]}.{sys.version_info[1]}; do not edit.
# What executing docs/walkthrough.ipynb needs besides lock.txt: only `make proof` installs it.
"""


def main() -> None:
    """Resolve and write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", TORCH, "setuptools", f"{ROOT}[dev]"],
            check=True,
        )
        pins = _frozen(python)
        _write("lock.txt", HEADER, pins)
        constraints = ["--constraint", str(ROOT / "requirements" / "lock.txt")]
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *constraints, f"{ROOT}[notebook]"],
            check=True,
        )
        _write("notebook.txt", NOTEBOOK, [pin for pin in _frozen(python) if pin not in pins])


def _frozen(python: str) -> list[str]:
    """List what is installed, besides pip and motefit, as pins."""
    frozen = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze", "--exclude=pip"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [line.split("+")[0] for line in frozen if not line.startswith("motefit==")]


def _write(name: str, head: str, pins: list[str]) -> None:
    target = ROOT / "requirements" / name
    target.write_text(head + "\n".join(pins) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(pins)} packages pinned in {target.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
