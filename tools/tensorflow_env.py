"""An environment with TensorFlow, for golden vectors and benchmarks; never for the product.

``python tools/tensorflow_env.py SCRIPT [ARGUMENT...]`` runs a script in it; without a script it
prints the path of its interpreter. The first call creates it (about 1.3 GB and a minute or two) in
``$MOTEFIT_TF_ENV``, or in the user's cache.
"""

import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "2.20.0"


def folder() -> Path:
    """Where the environment is, or will be."""
    name = os.environ.get("MOTEFIT_TF_ENV", "")
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Path(name) if name else cache / "motefit" / f"tensorflow-{VERSION}-py{python}"


def requirement() -> str:
    """The build without CUDA, where there is one."""
    plain = platform.system() == "Linux" and platform.machine() == "x86_64"
    return f"tensorflow-cpu=={VERSION}" if plain else f"tensorflow=={VERSION}"


def interpreter() -> Path:
    """Create the environment if it is absent or incomplete, and give its interpreter.

    Raises:
        subprocess.CalledProcessError: when pip cannot install TensorFlow.
    """
    target = folder()
    python = target / "bin" / "python"
    done = target / f"tensorflow-{VERSION}.installed"
    if done.exists():
        return python
    if target.exists() and not (target / "pyvenv.cfg").exists():
        sys.exit(f"{target} exists and is no virtual environment; name another: MOTEFIT_TF_ENV=...")
    print(f"installing {requirement()} into {target}", file=sys.stderr)
    venv.create(target, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", requirement()]
    subprocess.run(command, check=True, stdout=sys.stderr)
    done.touch()
    return python


if __name__ == "__main__":
    if sys.argv[1:]:
        python_path = interpreter()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        sys.exit(subprocess.run([python_path, *sys.argv[1:]], check=False).returncode)
    print(interpreter())
