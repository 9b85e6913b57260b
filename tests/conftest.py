"""Fixtures shared by all tests."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# shared machines pause at any time: an example that took long says nothing
settings.register_profile("motefit", deadline=None)
settings.load_profile("motefit")

# a shell's background jobs ignore Ctrl-C, and so would all that the tests start and interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache goes to a folder of this session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTEFIT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with motefit's base install; downloads its four packages.

    Installed from a copy, so that the checkout stays as it is.
    """
    folder = tmp_path_factory.mktemp("clean")
    copy = folder / "project"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", copy]
    subprocess.run(install, check=True)
    return python


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with ``speech/`` and ``climate/``, named by the environment variable MOTEFIT_DATA."""
    name = os.environ.get("MOTEFIT_DATA", "")
    if not name:
        pytest.skip("real data absent: MOTEFIT_DATA must name the folder of speech/ and climate/")
    folder = Path(name)
    if not (folder / "speech").is_dir() or not (folder / "climate").is_dir():
        pytest.fail(f"MOTEFIT_DATA={name} holds no speech/ and climate/ folders")
    return folder
