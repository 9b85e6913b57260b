"""What works without the extras, in a process that cannot import them."""

import subprocess
import sys
from collections.abc import Callable

import pytest

EXTRAS = ("torch", "soundfile", "soxr", "jinja2", "matplotlib", "espeakng_loader", "tflite_micro")
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


@pytest.fixture
def base(environment) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as after ``pip install motefit``."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", BASE.format(extras=EXTRAS), *map(str, arguments)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["recipes"], ["recipes", "quickstart"], ["fit", "--help"],
     ["data", "synth", "--help"]],
    ids=" ".join,
)  # fmt: skip
def test_help_and_recipes(base, arguments):
    done = base(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_keyword_is_heard(base, tones_run):
    clip = next((tones_run.data / "low").iterdir())
    done = base("kws", tones_run.bundle, clip)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("low")


def test_a_forecast_is_made(base, climate_run):
    done = base("forecast", climate_run.bundle, climate_run.data)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 2


def test_a_model_is_inspected(base, climate_run):
    done = base("inspect", climate_run.bundle)
    assert done.returncode == 0, done.stderr
    assert "FULLY_CONNECTED" in done.stdout


def test_a_series_is_audited_and_synthesised(base, climate_csv, tmp_path):
    assert base("data", "audit", climate_csv).returncode == 0
    done = base("data", "synth", "--climate-days", 3, "--out", tmp_path / "c.csv")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["fit", "{climate.recipe}", "--data", "{climate.data}", "--out", "{tmp}/run"], "train"),
        (["check", "{climate.bundle}", "--data", "{climate.data}", "--out", "{tmp}"], "report"),
        (["data", "synth", "--words", "a,b", "--out", "{tmp}/words"], "synth"),
        (["data", "audit", "{tones.data}"], "train"),
    ],
    ids=["fit", "check", "synth", "audit"],
)
def test_what_needs_an_extra_names_it(base, climate_run, tones_run, tmp_path, arguments, extra):
    given = [a.format(climate=climate_run, tones=tones_run, tmp=tmp_path) for a in arguments]
    done = base(*given)
    assert done.returncode == 2
    assert f"pip install 'motefit[{extra}]'" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("module", EXTRAS)
def test_the_command_line_imports_no_extra(environment, module):
    code = f"import sys, motefit.cli; sys.exit({module!r} in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
