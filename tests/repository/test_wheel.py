"""The distributions: all files of the package, nothing else, and equal bytes from equal sources."""

import os
import zipfile
from pathlib import Path

import distributions
import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 5_000_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(distribution):
    """The files in the wheel, by name."""
    with zipfile.ZipFile(distribution[1]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_every_file_of_the_package(wheel):
    files = {
        (path := Path(folder, name)).relative_to(ROOT / "src").as_posix(): path.read_bytes()
        for folder, _, names in os.walk(ROOT / "src" / "motefit", followlinks=True)
        for name in names
        if not name.endswith(".pyc")
    }
    assert {"motefit/py.typed", "motefit/recipes/quickstart.toml"} <= files.keys()
    assert "motefit/zoo/up-down.zip" in files
    assert any(name.startswith("motefit/report/templates/") for name in files)
    assert {name: wheel.get(name) for name in files} == files


def test_the_wheel_brings_the_command_and_nothing_else(wheel):
    (entry,) = (name for name in wheel if name.endswith("entry_points.txt"))
    assert b"motefit = motefit.cli:main" in wheel[entry]
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"motefit"}


@pytest.mark.proof
def test_equal_sources_give_equal_bytes(distribution, tmp_path):
    distributions.build(tmp_path)
    again = next(tmp_path.glob("*.tar.gz")), next(tmp_path.glob("*.whl"))
    for first, second in zip(distribution, again, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size < LARGEST_BYTES
