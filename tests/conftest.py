"""Fixtures shared by all tests."""

import builtins
import fcntl
import functools
import gc
import hashlib
import io
import os
import signal
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import bytecode
import distributions
import pytest
from _pytest.doctest import DoctestModule
from hypothesis import settings
from small_recipes import CLIMATE, TONES
from small_runs import Run, finished, make_tones, write_climate, write_recipe

from motefit.tflite.flatbuffer import reader

# shared machines pause at any time: an example that took long says nothing
settings.register_profile("motefit", deadline=None, max_examples=20)
settings.register_profile("proof", deadline=None, max_examples=1000)
# a change is refused for what it broke: new examples are looked for in other runs, and in proofs
settings.register_profile("ci", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "motefit")

# a shell's background jobs ignore Ctrl-C, and so would all that the tests start and interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage among the objects of thousands of tests, all of which stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class DocstringExamples:
    """Look for examples in docstrings only where there are some: in a fifth of the package."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path) -> Iterator[None]:
        found = yield
        if b">>> " in file_path.read_bytes():
            return found
        return [one for one in found if not isinstance(one, DoctestModule)]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(DocstringExamples())


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before there are several processes that would."""
    if session.config.getoption("numprocesses", 0) and not hasattr(session.config, "workerinput"):
        bytecode.write_bytecode(session.config, ROOT, processes=os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files with slow tests first in the share of each process, or the last one is waited for.

    Tests of a file stay together, because of their fixtures; xdist gives each process an equal
    share of the list, and those that are done take from the ends of the others' shares.
    """
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = {path: tests for path, tests in files.items() if any(map(_is_slow, tests))}
    dealt = [list(slow.values())[n::processes] for n in range(processes)]
    shares = [list(chain.from_iterable(files_of_one)) for files_of_one in dealt]
    others = iter([item for item in items if item.path not in slow])
    for share in shares:
        share.extend(islice(others, max(0, len(items) // processes - len(share))))
    items[:] = [*chain.from_iterable(shares), *others]


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache goes to a folder of this session, which all its processes share, as a user's do.

    Zips are some percent longer than a user's, and found in a fiftieth of the time.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTEFIT_CACHE", str(folder))
        patch.setenv("MOTEFIT_ZIP_ROUNDS", "1")
        yield folder


@pytest.fixture(scope="session", autouse=True)
def migrations() -> Iterator[None]:
    """Read Optuna's migrations once: it does so three times for each storage that it makes."""
    storage = sys.modules.get("optuna.storages._rdb.storage")
    if storage is None:  # a few tests, which do not pay for its import
        yield
        return
    read = functools.cache(storage._VersionManager._create_alembic_script)
    of_none = object.__new__(storage._VersionManager)
    of_none.url = "sqlite://"  # migrations are the same for all storages
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage._VersionManager, "_create_alembic_script", lambda _: read(of_none))
        yield


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Paths of the sdist and the wheel, built once for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "distribution"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            distributions.build(folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory, distribution: tuple[Path, Path]) -> Path:
    """Python of a new environment with motefit's wheel and the packages that it needs."""
    folder = tmp_path_factory.mktemp("clean")
    return distributions.install(distribution[1], folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with ``speech/`` and ``climate/``, named by the environment variable MOTEFIT_DATA."""
    name = os.environ.get("MOTEFIT_DATA", "")
    if not name:
        pytest.skip("real data absent: MOTEFIT_DATA must name the folder of speech/ and climate/")
    folder = Path(name)
    if not (folder / "speech").is_dir() or not (folder / "climate").is_dir():
        pytest.fail(f"MOTEFIT_DATA={name} has no speech/ and climate/ folders")
    return folder


@pytest.fixture(scope="session")
def climate_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 30 synthetic days."""
    return write_climate(tmp_path_factory.mktemp("climate") / "climate.csv")


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Make a folder of two words that a test may damage."""
    return make_tones(tmp_path / "tones")


@pytest.fixture
def climate_recipe(tmp_path: Path) -> Path:
    """Write the recipe file of a small forecaster."""
    return write_recipe(tmp_path / "tiny-climate.toml", CLIMATE.format(epochs=3))


@pytest.fixture
def tones_recipe(tmp_path: Path) -> Path:
    """Write the recipe file of a small keyword spotter."""
    return write_recipe(tmp_path / "tiny-tones.toml", TONES)


@pytest.fixture(scope="session")
def climate_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run of the small forecaster; tests must not change it."""
    return finished(tmp_path_factory, "tiny-climate", CLIMATE.format(epochs=3), "climate.csv")


@pytest.fixture(scope="session")
def tones_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run of the small keyword spotter; tests must not change it."""
    return finished(tmp_path_factory, "tiny-tones", TONES, "tones")


@dataclass(kw_only=True)
class Reads:
    """How often files were read: by path; zips opened; models parsed, by their hash."""

    files: Counter[Path] = field(default_factory=Counter)
    zips: int = 0
    models: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="session")
def count_reads() -> Callable[[], AbstractContextManager[Reads]]:
    """Counts what is read in a ``with`` block, in this process."""
    return _counted


@contextmanager
def _counted() -> Iterator[Reads]:
    reads = Reads()
    real_open, real_zip, real_file = io.open, zipfile.ZipFile.__init__, reader._File.__init__

    def counting_open(file, *args, **kwargs):
        if isinstance(file, str | Path):
            reads.files[Path(file)] += 1
        return real_open(file, *args, **kwargs)

    def counting_zip(self, file, *args, **kwargs):
        reads.zips += not isinstance(file, str | Path)  # Python opens its own by path
        return real_zip(self, file, *args, **kwargs)

    def counting_file(self, data):
        reads.models[hashlib.sha256(data).hexdigest()] += 1
        real_file(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", counting_open)
        patch.setattr(builtins, "open", counting_open)
        patch.setattr(zipfile.ZipFile, "__init__", counting_zip)
        patch.setattr(reader._File, "__init__", counting_file)
        yield reads
