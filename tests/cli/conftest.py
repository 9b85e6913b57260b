"""Fixtures that run the real command line, in this process or another one."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import motefit
from motefit.cli.app import app

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
import json, os
import ai_edge_litert.interpreter, motefit.certify.check, motefit.cli.app, numpy
from motefit.cli import main

for line in sys.stdin:
    arguments, streams = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, path in enumerate(streams):
        os.dup2(os.open(path, (os.O_RDWR if number else os.O_RDONLY) | os.O_CREAT), number)
    sys.argv[1:] = arguments
    main()
    break
"""

Process = Callable[..., subprocess.CompletedProcess[str]]


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
def extras() -> tuple[str, ...]:
    """List the modules that the base install does not need."""
    return EXTRAS


@pytest.fixture(scope="session")
def base_server(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process without the extras that has imported what is slow, and forks for a line."""
    with subprocess.Popen(
        [sys.executable, "-c", BASE.format(extras=EXTRAS)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        yield server


@pytest.fixture
def base(base_server: subprocess.Popen[str], tmp_path: Path) -> Process:
    """Run the command line as after ``pip install motefit``, in a process of its own."""

    def run(*arguments: object, sent: Path = Path(os.devnull)) -> subprocess.CompletedProcess[str]:
        given = list(map(str, arguments))
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        out, err = folder / "out", folder / "err"
        print(json.dumps([given, list(map(str, (sent, out, err)))]), file=base_server.stdin)
        base_server.stdin.flush()
        code = int(base_server.stdout.readline())
        done = subprocess.CompletedProcess(given, code, out.read_text(), err.read_text())
        assert "Traceback" not in done.stderr
        return done

    return run


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
