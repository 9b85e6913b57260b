"""Write requirements/lock.txt: the exact versions that `make` installs.

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


def main() -> None:
    """Resolve and write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", TORCH, "setuptools", f"{ROOT}[dev]"],
            check=True,
        )
        frozen = subprocess.run(
            [python, "-m", "pip", "list", "--format=freeze", "--exclude=pip"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    pins = [line.split("+")[0] for line in frozen if not line.startswith("motefit==")]
    target = ROOT / "requirements" / "lock.txt"
    target.write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(pins)} packages pinned in {target.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
