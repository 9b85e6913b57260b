"""Commands that work without the extras, in a process that cannot import them."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile


def printed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["recipes", "quickstart"],
        ["data", "synth", "--help"],
        *(
            pytest.param(arguments, marks=pytest.mark.proof)
            for arguments in (["--help"], ["--version"], ["recipes"], ["fit", "--help"])
        ),
    ],
    ids=" ".join,
)
def test_help_and_recipes(base, arguments):
    done = base(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_model_is_inspected(base, climate_run):
    done = base("inspect", climate_run.bundle)
    assert done.returncode == 0, done.stderr
    assert "FULLY_CONNECTED" in done.stdout


def run_all(run, tones_run, climate_run, folder) -> None:
    """Run every command that a device needs, on models of both tasks."""
    clip = next((tones_run.data / "low").iterdir())
    assert re.match(r"low|no word \(low", printed(run("kws", tones_run.bundle, clip)))
    forecast = printed(run("forecast", climate_run.bundle, climate_run.data))
    assert len(forecast.splitlines()) == 2 + 2
    bench = run("bench", tones_run.bundle, climate_run.bundle, "--rounds", 4, "--json")
    assert len(json.loads(printed(bench))["models"]) == 2
    lines = run("latency", tones_run.bundle, "--protocol", "2024", "--pause", 0)
    assert printed(lines).startswith("Preprocessing Latency: ")
    heard = printed(run("listen", tones_run.bundle, "--input", clip)).splitlines()
    assert {line.split()[2] for line in heard} <= {"low", "high"}
    inside = run("export", tones_run.bundle, "--frontend", "in-graph", "--out", folder / "in.zip")
    assert "wrote" in printed(inside)
    for made in (tones_run, climate_run):
        out = folder / made.bundle.stem
        said = printed(run("check", made.bundle, "--data", made.data, "--out", out))
        assert "every size, accuracy and error of the card was reproduced exactly" in said
        assert "not written; it needs: pip install 'motefit[report]'" in said
        assert json.loads((out / "certificate.json").read_text())["met"] is True
        assert not (out / "report.html").exists()


def test_the_commands_of_a_device(base, tones_run, climate_run, tmp_path):
    run_all(base, tones_run, climate_run, tmp_path)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.proof
def test_the_commands_of_a_device_in_a_clean_environment(clean, tones_run, climate_run, tmp_path):
    run_all(clean, tones_run, climate_run, tmp_path)


def test_clips_of_another_rate_count_as_other_data(base, tones_run, tmp_path):
    """Clips are resampled as with the extras, and are other data than the card's."""
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


def test_data_are_audited_and_a_series_synthesized(base, climate_csv, tones_run, tmp_path):
    assert base("data", "audit", climate_csv).returncode == 0
    assert base("data", "audit", tones_run.data).returncode == 0
    done = base("data", "synth", "--climate-days", 3, "--out", tmp_path / "c.csv")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["fit", "{climate.recipe}", "--data", "{climate.data}", "--out", "{tmp}/run"], "train"),
        (["data", "synth", "--words", "a,b", "--out", "{tmp}/words"], "synth"),
        (["kws", "{tones.bundle}", "{tmp}/clip.flac"], "audio"),
        pytest.param(["kws", "{tones.bundle}", "{tmp}/clip.ogg"], "audio", marks=pytest.mark.proof),
        pytest.param(
            ["listen", "{tones.bundle}", "--input", "{tmp}/clip.flac"],
            "audio",
            marks=pytest.mark.proof,
        ),
        (["check", "{tones.bundle}", "--data", "{tmp}/words"], "audio"),
    ],
    ids=["fit", "synth", "flac", "ogg", "listen", "check"],
)
def test_a_command_that_needs_an_extra_names_it(
    base, climate_run, tones_run, tmp_path, arguments, extra
):
    for form in ("flac", "ogg"):
        soundfile.write(tmp_path / f"clip.{form}", np.zeros(8000), 8000)
    if arguments[0] == "check":
        for clip in range(20):
            word = tmp_path / "words" / ("low", "high")[clip % 2]
            word.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "clip.flac", word / f"{clip}_nohash_0.flac")
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


def test_a_32_bit_system_gets_an_explanation(environment):
    """As on a 32-bit Raspberry Pi OS, for which LiteRT does not exist."""
    done = subprocess.run(
        [sys.executable, "-c", NARROW, "kws", "up-down", "clip.wav"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: LiteRT (the package ai-edge-litert) cannot be imported")
    assert re.search(r"this is 32-bit Python \S+ on Linux armv7l", done.stderr)
    assert "64-bit Raspberry Pi OS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [("struct.calcsize = lambda _format: 4", "64-bit"), ("sys.version_info = (3, 10)", "3.11")],
    ids=["bits", "version"],
)
def test_the_makefile_names_its_requirements(change, said):
    tool = Path(__file__).parents[2] / "tools" / "check_python.py"
    code = f"import runpy, struct, sys; {change}; runpy.run_path({str(tool)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert subprocess.run([sys.executable, tool], check=False).returncode == 0


def test_the_command_line_imports_no_extra(environment, extras):
    code = f"import sys, motefit.cli; print(sorted(set({extras!r}) & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
