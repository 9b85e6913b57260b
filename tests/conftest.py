"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# shared machines pause at any time: an example that took long says nothing
settings.register_profile("motefit", deadline=None)
settings.load_profile("motefit")


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
