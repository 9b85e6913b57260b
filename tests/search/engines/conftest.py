"""The jobs are importable, here and in workers; one engine of each kind serves a module."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import motefit
from motefit.search.engines import ENGINES, Engine, open_engine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session", autouse=True)
def importable() -> Iterator[None]:
    """Workers that are not our children (Ray's) find motefit and the jobs by PYTHONPATH."""
    paths = [str(HERE), str(Path(motefit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        yield


NAMES = [
    pytest.param(name, marks=[pytest.mark.proof] if name == "ray" else [])
    for name in ENGINES.names()
]
"""Ray takes seconds to start; tests/fitting/test_engines.py trains with it, as a proof."""


@pytest.fixture(scope="module", params=NAMES)
def engine(request) -> Iterator[Engine]:
    """An engine of two workers."""
    with open_engine(request.param, workers=2) as engine:
        yield engine


@pytest.fixture
def results() -> Callable[..., dict[int, object]]:
    """Run jobs to their end; results by index."""

    def run(engine: Engine, work, jobs, *, poll=lambda: None) -> dict[int, object]:
        return {ended.index: ended.result() for ended in engine.run(work, jobs, poll=poll)}

    return run
