"""Fixtures that run the real command line, in this process or another one, on small real files."""

import fcntl
import os
import subprocess
import sys
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from small_recipes import CLIMATE
from typer.testing import CliRunner, Result

import motefit
from motefit.cli.app import app
from motefit.data.synth.climate import synthesize_climate

RATE_HZ = 8000
TONES_HZ = {"high": 1500.0, "low": 400.0}
CLIPS = 16

TONES = """
description = "two tones"
task = "keyword-spotting"
[data]
words = ["low", "high"]
[frontend]
rate_hz = 8000
frame_length = 256
frame_step = 256
mel_bins = 12
lower_hz = 100
upper_hz = 3800
coefficients = 0
[model]
family = "dscnn"
width = 8
blocks = 1
[train]
epochs = 12
batch_size = 8
learning_rate = 0.02
[budget]
accuracy = ">= 75 %"
size.tflite_bytes = "< 10 KB"
[search]
repeats = 1
"""

EXTRAS = (
    "torch", "soundfile", "optuna", "sqlalchemy", "ray", "optuna_dashboard", "psycopg",
    "espeakng_loader", "hibari", "jinja2", "tflite_micro", "sounddevice", "scipy", "tensorflow",
    "zopfli",
)  # fmt: skip
BASE = """
# as where the extras are not installed
import sys

class Without:
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in {extras!r}
        return None if hidden else self._finder.find_spec(name, path, target)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from motefit.cli import main
main()
"""

Process = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run with its recipe and data."""

    folder: Path
    recipe: Path
    data: Path
    printed: str

    @property
    def bundle(self) -> Path:
        return self.folder / f"{self.recipe.stem}.zip"


@pytest.fixture(scope="session")
def environment(cache: Path) -> Mapping[str, str]:
    """Return the environment of a process that imports this copy of motefit."""
    source = str(Path(motefit.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "MOTEFIT_CACHE": str(cache)}


@pytest.fixture(scope="session")
def command() -> tuple[str, ...]:
    """Return the command that starts the command line as a process."""
    return (sys.executable, "-c", "from motefit.cli import main; main()")


@pytest.fixture(scope="session")
def motefit_process(
    command: tuple[str, ...], environment: Mapping[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a separate process, to its end."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *map(str, arguments)],
            env=environment, capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def invoke() -> Callable[..., Result]:
    """Run the command line in this process."""
    runner = CliRunner()

    def run(*arguments: object) -> Result:
        result = runner.invoke(app, list(map(str, arguments)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def refused(invoke: Callable[..., Result]) -> Callable[..., str]:
    """Run a command that must fail with a user's mistake; return its message."""

    def run(*arguments: object) -> str:
        result = invoke(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        _, mark, said = result.stderr.partition("error: ")
        assert mark
        return said

    return run


@pytest.fixture(scope="session")
def climate_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 30 synthetic days."""
    return write_climate(tmp_path_factory.mktemp("climate") / "climate.csv")


def write_climate(path: Path) -> Path:
    """Write 30 synthetic days."""
    synthesize_climate(path, days=30, rng=np.random.default_rng(0), gaps=1)
    return path


def write_wav(path: Path, samples: np.ndarray, *, rate_hz: int = RATE_HZ) -> None:
    """Write samples (n,) or (n, channels) int16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def tone(word: str, *, rng: np.random.Generator, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Synthesize one second of a word's tone in noise, int16 (rate_hz,)."""
    phase = 2 * np.pi * TONES_HZ[word] * rng.uniform(0.95, 1.05) * np.arange(rate_hz) / rate_hz
    clip = rng.uniform(0.1, 0.5) * np.sin(phase) + rng.normal(0, 0.02, rate_hz)
    return np.asarray(np.clip(clip, -1, 1) * 32767, np.int16)


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Make a folder of two words that a test may damage."""
    return make_tones(tmp_path / "tones")


def make_tones(folder: Path) -> Path:
    """Write the words of TONES_HZ as folders."""
    rng = np.random.default_rng(1)
    for word in TONES_HZ:
        for clip in range(CLIPS):
            write_wav(folder / word / f"s{clip:02d}_nohash_0.wav", tone(word, rng=rng))
    return folder


@pytest.fixture
def climate_recipe(tmp_path: Path) -> Path:
    """Write the recipe file of a small forecaster."""
    return write_recipe(tmp_path / "tiny-climate.toml", CLIMATE.format(epochs=3))


@pytest.fixture
def tones_recipe(tmp_path: Path) -> Path:
    """Write the recipe file of a small keyword spotter."""
    return write_recipe(tmp_path / "tiny-tones.toml", TONES)


def write_recipe(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def finished(
    factory: pytest.TempPathFactory, recipe: str, text: str, data: str, fit: Callable[[Run], str]
) -> Run:
    """Return a finished run, made once for all processes of the tests; the others wait for it.

    Args:
        factory: of this process.
        recipe: stem of the recipe's file.
        text: of the recipe.
        data: name of the data in the folder.
        fit: makes data and run, and returns what was printed.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / recipe
    folder.mkdir(exist_ok=True)
    run = Run(
        folder=folder / "run", recipe=folder / f"{recipe}.toml", data=folder / data, printed=""
    )
    printed = folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            write_recipe(run.recipe, text)
            printed.write_text(fit(run), encoding="utf-8")
    return replace(run, printed=printed.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def climate_run(
    tmp_path_factory: pytest.TempPathFactory,
    motefit_process: Callable[..., subprocess.CompletedProcess[str]],
) -> Run:
    """Return a finished run of the small forecaster; tests must not change it."""

    def fit(run: Run) -> str:
        write_climate(run.data)
        done = motefit_process(
            "fit", run.recipe, "--data", run.data, "--out", run.folder, "--workers", 1
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    text = CLIMATE.format(epochs=3)
    return finished(tmp_path_factory, "tiny-climate", text, "climate.csv", fit)


@pytest.fixture(scope="session")
def tones_run(
    tmp_path_factory: pytest.TempPathFactory,
    motefit_process: Callable[..., subprocess.CompletedProcess[str]],
) -> Run:
    """Return a finished run of the small keyword spotter; tests must not change it."""

    def fit(run: Run) -> str:
        make_tones(run.data)
        done = motefit_process("fit", run.recipe, "--data", run.data, "--out", run.folder, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return finished(tmp_path_factory, "tiny-tones", TONES, "tones", fit)


@pytest.fixture(scope="session")
def extras() -> tuple[str, ...]:
    """List the modules that the base install does not need."""
    return EXTRAS


@pytest.fixture
def base(environment: Mapping[str, str]) -> Process:
    """Run the command line as after ``pip install motefit``."""
    return runner([sys.executable, "-c", BASE.format(extras=EXTRAS)], environment)


@pytest.fixture
def clean(clean_python: Path, tmp_path: Path) -> Process:
    """Run the command of a new environment that has only the base install."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["MOTEFIT_CACHE"] = str(tmp_path / "cache")
    return runner([str(clean_python.with_name("motefit"))], environment)


def runner(command: list[str], environment: Mapping[str, str]) -> Process:
    def run(*arguments: object, sent: Path = Path(os.devnull)) -> subprocess.CompletedProcess[str]:
        with sent.open("rb") as pipe:
            done = subprocess.run(
                [*command, *map(str, arguments)], stdin=pipe,
                env=environment, capture_output=True, text=True, timeout=1200, check=False,
            )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    return run
