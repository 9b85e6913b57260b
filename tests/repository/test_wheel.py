"""The wheel holds what is not Python."""

import shutil
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Names in a wheel built from a copy of the tree, so that the checkout stays clean."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += [".", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("motefit-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel, root):
    package = root / "src" / "motefit"
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    kinds = {path.suffix for path in files}
    assert {".py", ".toml", ".html", ".typed"} <= kinds | {
        "." + p.name.split(".")[-1] for p in files
    }
    for path in files:
        name = f"motefit/{path.relative_to(package).as_posix()}"
        assert wheel.get(name) == path.read_bytes(), f"{name} is missing in the wheel, or differs"


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_nothing_else(wheel):
    (entry,) = (name for name in wheel if name.endswith("entry_points.txt"))
    assert b"motefit = motefit.cli:main" in wheel[entry]
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"motefit"}
