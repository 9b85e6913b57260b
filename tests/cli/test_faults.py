"""A bug in motefit is distinguished from a user's mistake and from a missed budget."""

import subprocess
import sys

import pytest

PROGRAM = """
import math
import sys

from motefit.cli import main
from motefit.cli.app import app
from motefit.search.engines import open_engine


@app.command()
def broken():
    {body}


sys.argv = ["motefit", *sys.argv[1:]]
main()
"""
HERE = "math.sqrt(-1)"
IN_A_WORKER = """
    with open_engine("local", workers=1) as engine:
        list(engine.run(math.sqrt, [-1.0], poll=lambda: None))
"""


@pytest.fixture
def program(environment):
    def run(body, *arguments):
        return subprocess.run(
            [sys.executable, "-c", PROGRAM.format(body=body), *arguments],
            env=environment, capture_output=True, text=True, check=False, timeout=1200,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(("body", "tracebacks"), [(HERE, 1), (IN_A_WORKER, 2)])
def test_a_bug_has_its_own_exit_code_and_a_traceback(program, body, tracebacks):
    done = program(body, "broken")
    assert done.returncode == 70
    assert done.stderr.count("Traceback") == tracebacks
    assert done.stderr.count("ValueError: ") == 1
    assert done.stdout == ""


def test_other_exit_codes_are_as_before(program):
    assert program(HERE, "--version").returncode == 0
    assert program(HERE, "no-such-command").returncode == 2


def test_a_library_without_memory_is_no_bug(program):
    done = program("raise ImportError('x.so: failed to map segment from shared object')", "broken")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: not enough memory")
    assert program("raise ImportError('no module named y')", "broken").returncode == 70


def test_no_folder_for_temporary_files_is_no_bug(program):
    body = "import tempfile; tempfile._candidate_tempdir_list = list; tempfile.mkdtemp()"
    done = program(body, "broken")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No usable temporary directory")
    assert done.stderr.endswith("; name one that can be written in TMPDIR\n")
