"""An environment with TensorFlow, for references, golden vectors and benchmarks; not the product's.

``python tools/tensorflow_env.py SCRIPT [ARGUMENT...]`` runs a script in it; without a script it
prints the path of its interpreter: ``motefit reproduce --reference "$(python
tools/tensorflow_env.py)"``. The first call creates it (about 1.5 GB and a minute or two) in
``$MOTEFIT_TF_ENV``, or in the user's cache. It has SciPy too, which the published scripts resample
with.
"""

import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "2.20.0"
SCIPY_VERSION = "1.17.1"


def folder() -> Path:
    """Return the folder of the environment, whether or not it exists."""
    name = os.environ.get("MOTEFIT_TF_ENV", "")
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Path(name) if name else cache / "motefit" / f"tensorflow-{VERSION}-py{python}"


def requirements() -> list[str]:
    """Return TensorFlow, in the build without CUDA if there is one, and SciPy."""
    plain = platform.system() == "Linux" and platform.machine() == "x86_64"
    name = "tensorflow-cpu" if plain else "tensorflow"
    return [f"{name}=={VERSION}", f"scipy=={SCIPY_VERSION}"]


def installed() -> Path | None:
    """Return the interpreter of the environment; None if it is missing or incomplete."""
    done = _mark()
    there = done.exists() and done.read_text(encoding="utf-8").split() == requirements()
    return folder() / "bin" / "python" if there else None


def interpreter() -> Path:
    """Create the environment if it is missing or incomplete, and return its interpreter.

    Raises:
        subprocess.CalledProcessError: if pip cannot install the packages.
    """
    if python := installed():
        return python
    target, python = folder(), folder() / "bin" / "python"
    if target.exists() and not (target / "pyvenv.cfg").exists():
        sys.exit(
            f"{target} exists and is not a virtual environment; name another: MOTEFIT_TF_ENV=..."
        )
    print(f"installing {' and '.join(requirements())} into {target}", file=sys.stderr)
    venv.create(target, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *requirements()]
    subprocess.run(command, check=True, stdout=sys.stderr)
    _mark().write_text("\n".join(requirements()), encoding="utf-8")
    return python


def _mark() -> Path:
    """Return the path of the file that marks a complete environment and lists its packages."""
    return folder() / f"tensorflow-{VERSION}.installed"


if __name__ == "__main__":
    if sys.argv[1:]:
        python_path = interpreter()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        sys.exit(subprocess.run([python_path, *sys.argv[1:]], check=False).returncode)
    print(interpreter())
