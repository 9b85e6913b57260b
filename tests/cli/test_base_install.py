"""What works without the extras, in a process that cannot import them."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

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


def test_a_model_is_inspected(base, climate_run):
    done = base("inspect", climate_run.bundle)
    assert done.returncode == 0, done.stderr
    assert "FULLY_CONNECTED" in done.stdout


def run_all(run: Callable[..., str], tones_run, climate_run, folder) -> None:
    """Every command a device needs, on models of both tasks."""
    clip = next((tones_run.data / "low").iterdir())
    assert run("kws", tones_run.bundle, clip).startswith("low")
    assert len(run("forecast", climate_run.bundle, climate_run.data).splitlines()) == 1 + 2
    bench = run("bench", tones_run.bundle, climate_run.bundle, "--rounds", 4, "--json")
    assert len(json.loads(bench)["models"]) == 2
    lines = run("latency", "--model", tones_run.bundle, "--protocol", "2024", "--pause", 0)
    assert lines.startswith("Preprocessing Latency: ")
    for made in (tones_run, climate_run):
        out = folder / made.bundle.stem
        said = run("check", made.bundle, "--data", made.data, "--out", out)
        assert "every size, accuracy and error of the card was reproduced exactly" in said
        assert "not written; it needs: pip install 'motefit[report]'" in said
        assert json.loads((out / "certificate.json").read_text())["met"] is True
        assert not (out / "report.html").exists()


def test_the_commands_of_a_device(base, tones_run, climate_run, tmp_path):
    def run(*arguments: object) -> str:
        done = base(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run_all(run, tones_run, climate_run, tmp_path)


@pytest.mark.slow
@pytest.mark.network
def test_the_commands_of_a_device_in_a_clean_environment(
    clean_python, tones_run, climate_run, tmp_path
):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["MOTEFIT_CACHE"] = str(tmp_path / "cache")

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [clean_python.with_name("motefit"), *map(str, arguments)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    run_all(run, tones_run, climate_run, tmp_path)


def test_clips_of_another_rate_are_checked_as_other_data(base, tones_run, tmp_path):
    """The device's resampler gives other samples than soxr; nothing must call them the same."""
    frontend = "\n".join(["rate_hz = 4000", "frame_length = 128", "frame_step = 128"])
    text = tones_run.recipe.read_text().replace("upper_hz = 3800", "upper_hz = 1900")
    for old in ("rate_hz = 8000", "frame_length = 256", "frame_step = 256"):
        text = text.replace(old, frontend if old.startswith("rate") else "")
    recipe = tmp_path / "slow.toml"
    recipe.write_text(text)
    model = tmp_path / "model.tflite"
    with zipfile.ZipFile(tones_run.bundle) as archive:
        model.write_bytes(archive.read("model.tflite"))
    options = ["--data", tones_run.data, "--recipe", recipe, "--out", tmp_path / "out"]
    done = base("check", model, *options)
    assert done.returncode in {0, 1}, done.stderr
    assert "test clips" in done.stdout


def test_data_are_audited_and_a_series_synthesised(base, climate_csv, tones_run, tmp_path):
    assert base("data", "audit", climate_csv).returncode == 0
    assert base("data", "audit", tones_run.data).returncode == 0
    done = base("data", "synth", "--climate-days", 3, "--out", tmp_path / "c.csv")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["fit", "{climate.recipe}", "--data", "{climate.data}", "--out", "{tmp}/run"], "train"),
        (["data", "synth", "--words", "a,b", "--out", "{tmp}/words"], "synth"),
        (["kws", "{tones.bundle}", "{tmp}/clip.flac"], "train"),
    ],
    ids=["fit", "synth", "flac"],
)
def test_what_needs_an_extra_names_it(base, climate_run, tones_run, tmp_path, arguments, extra):
    (tmp_path / "clip.flac").write_bytes(b"fLaC" + bytes(100))
    given = [a.format(climate=climate_run, tones=tones_run, tmp=tmp_path) for a in arguments]
    done = base(*given)
    assert done.returncode == 2
    assert f"pip install 'motefit[{extra}]'" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


NARROW = """
import ctypes, platform, struct, sys
platform.machine = lambda: "armv7l"
struct.calcsize = lambda _format: 4
sys.modules["ai_edge_litert"] = None
from motefit.cli import main
main()
"""


def test_a_32_bit_system_is_told_in_words(environment):
    """As on a 32-bit Raspberry Pi OS, for which LiteRT does not exist."""
    done = subprocess.run(
        [sys.executable, "-c", NARROW, "recipes"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: LiteRT (the package ai-edge-litert) cannot be imported")
    assert "of 32 bits on Linux armv7l" in done.stderr
    assert "64-bit Raspberry Pi OS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [("struct.calcsize = lambda _format: 4", "64-bit"), ("sys.version_info = (3, 10)", "3.11")],
    ids=["bits", "version"],
)
def test_the_makefile_says_what_is_needed(change, said):
    tool = Path(__file__).parents[2] / "tools" / "check_python.py"
    code = f"import runpy, struct, sys; {change}; runpy.run_path({str(tool)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert subprocess.run([sys.executable, tool], check=False).returncode == 0


@pytest.mark.parametrize("module", EXTRAS)
def test_the_command_line_imports_no_extra(environment, module):
    code = f"import sys, motefit.cli; sys.exit({module!r} in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
