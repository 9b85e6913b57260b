"""The wheel holds what is not Python, too."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a wheel is built from, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    """The files in the wheel, by name."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += [".", "--no-deps", "--no-build-isolation", "-w", str(source.parent)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = source.parent.glob("motefit-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel, source):
    files = {
        path.relative_to(source / "src").as_posix(): path.read_bytes()
        for path in (source / "src" / "motefit").rglob("*")
        if path.is_file()
    }
    assert {"motefit/py.typed", "motefit/recipes/quickstart.toml"} <= files.keys()
    assert any(name.startswith("motefit/report/templates/") for name in files)
    assert {name: wheel.get(name) for name in files} == files


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_nothing_else(wheel):
    (entry,) = (name for name in wheel if name.endswith("entry_points.txt"))
    assert b"motefit = motefit.cli:main" in wheel[entry]
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"motefit"}
