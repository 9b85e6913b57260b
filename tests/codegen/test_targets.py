"""Every target of codegen: its files, and that what it lays out builds and computes the same."""

import ctypes
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_bundles import bundle_of
from family_cases import make
from typer.testing import CliRunner

import motefit
from motefit.cli.app import app
from motefit.codegen.compiled import CompiledModel, build_library
from motefit.codegen.firmware import write_firmware
from motefit.codegen.targets import TARGETS
from motefit.codegen.targets.tflm_target import ADDED
from motefit.runtime.bundle import load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.errors import MissingExtraError
from motefit.tflite import micro
from motefit.tflite.importer import recurrent
from motefit.tflite.importer.state import IMPORT_RULES

TOOL = Path(__file__).resolve().parents[2] / "tools" / "cortex_m"
CROSS = ("arm-none-eabi-gcc", "qemu-system-arm")
SPOTTER, FORECASTER = "words", "climate-3-clock"
SLOW = "tflm", FORECASTER
"""A second search for an arena."""


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")


@pytest.fixture(scope="module")
def bundles():
    return {
        SPOTTER: bundle_of(make("dscnn", "int8").graph),
        FORECASTER: load_bundle(motefit.find_model(FORECASTER)),
    }


@pytest.fixture(scope="module")
def projects(bundles, tmp_path_factory):
    """``projects(target, name)``: a model laid out for a target, once."""
    top, made = tmp_path_factory.mktemp("targets"), {}

    def project(target, name):
        if target == "tflm" and micro.arena_bytes(bundles[name].file) is None:
            pytest.skip("the extra micro is not installed")
        if (target, name) not in made:
            folder = top / target / name
            made[target, name] = write_firmware(bundles[name], folder, name=name, target=target)
        return made[target, name]

    return project


CASES = [
    pytest.param(target, name, marks=pytest.mark.proof if (target, name) == SLOW else ())
    for target in TARGETS.names()
    for name in (SPOTTER, FORECASTER)
]


@pytest.mark.parametrize(("target", "name"), CASES)
def test_a_target_lays_out_the_whole_model(target, name, projects, bundles, tmp_path):
    source = projects(target, name)
    found = {str(p.relative_to(source.folder)) for p in source.folder.rglob("*") if p.is_file()}
    assert found == set(source.files)
    assert source.target == target
    texts = {file: (source.folder / file).read_text(encoding="utf-8") for file in source.files}
    for file, text in texts.items():
        assert not re.search(r"\bmodel_|MODEL_|@\w+@", file + text), file
    assert name in texts["README.md"]
    assert any(re.search(rf"\b{source.name}_(classify|forecast)\(", t) for t in texts.values())
    again = write_firmware(bundles[name], tmp_path, name=name, target=target)
    assert {f: (tmp_path / f).read_text("utf-8") for f in again.files} == texts
    assert source.hint in str(source)


def test_the_help_names_every_target_and_an_unknown_one_is_refused(tmp_path):
    assert len(TARGETS.names()) >= 5
    help_text = " ".join(CliRunner().invoke(app, ["codegen", "--help"]).stdout.split())
    doc = inspect.getdoc(motefit.generate_c)
    for name in TARGETS.names():
        assert f"{name}:" in help_text
        assert f'"{name}"' in doc
    done = CliRunner().invoke(
        app, ["codegen", FORECASTER, "--target", "arduno", "--out", str(tmp_path / "x")]
    )
    assert done.exit_code == 2
    assert "did you mean 'arduino'" in " ".join(done.stderr.split())
    assert not (tmp_path / "x").exists()


def test_the_command_lays_out_a_library(tmp_path):
    command = ["codegen", FORECASTER, "--target", "arduino", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code == 0
    properties = dict(
        line.split("=", 1)
        for line in (tmp_path / "library.properties").read_text("utf-8").splitlines()
    )
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category"}
    assert required | {"url", "architectures", "includes"} == set(properties)
    assert (tmp_path / "src" / properties["includes"]).exists()
    words = (tmp_path / "keywords.txt").read_text("utf-8").splitlines()
    header = (tmp_path / "src" / properties["includes"]).read_text("utf-8")
    assert all(line.count("\t") == 1 and line.split("\t")[0] in header for line in words)


@pytest.mark.parametrize("name", [SPOTTER, FORECASTER])
def test_the_sketches_and_samples_are_valid(name, projects):
    need("g++", "gcc")
    arduino, zephyr = projects("arduino", name), projects("zephyr", name)
    core = TOOL / "arduino_core"
    for sketch in arduino.folder.glob("examples/*/*.ino"):
        where = [f"-I{path}" for path in (core, arduino.folder / "src", sketch.parent)]
        strict = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++"]
        done = run("g++", *strict, *where, "-include", core / "Arduino.h", sketch)
        assert done.returncode == 0, done.stderr
    where = [f"-I{path}" for path in (TOOL / "zephyr_core" / "include", zephyr.folder / "src")]
    main = zephyr.folder / "samples" / "blink" / "src" / "main.c"
    done = run("gcc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *where, main)
    assert done.returncode == 0, done.stderr
    listed = (zephyr.folder / "CMakeLists.txt").read_text("utf-8")
    assert set(re.findall(r"src/\S+\.c", listed)) == {
        f for f in zephyr.files if f.startswith("src/") and f.endswith(".c")
    }


@pytest.mark.parametrize(
    "core",
    ["M33", *(pytest.param(core, marks=pytest.mark.proof) for core in ("M3", "M4", "M7", "M55"))],
)
def test_the_self_test_passes_on_an_emulated_board(core, projects):
    need(*CROSS, "make")
    project = projects("cortex-m", FORECASTER)
    done = run("make", "-s", f"CORE={core}", "run", cwd=project.folder, timeout=120)
    said = done.stdout + done.stderr  # qemu's versions differ in where a program's text goes
    assert done.returncode == 0, said
    assert "self-test passed" in said


def test_every_operator_that_a_model_may_have_can_be_registered():
    builtin = set(IMPORT_RULES.names()) - {recurrent.NAME}
    assert len(builtin) > 20
    assert builtin <= set(ADDED)


INVOKE = """
static void (*invoke)(const {name}_input *, {name}_output *);
void set_invoke(void (*function)(const {name}_input *, {name}_output *)) {{ invoke = function; }}
void {name}_invoke(const {name}_input *input, {name}_output *output) {{ invoke(input, output); }}
"""


def test_the_chain_around_tensorflow_lite_micro_answers_like_python(
    compiler, projects, bundles, tmp_path
):
    """Its interpreter, with exactly the arena that was written, runs inside the generated C."""
    del compiler
    source, bundle = projects("tflm", SPOTTER), bundles[SPOTTER]
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    header = (source.folder / "words_data.h").read_text("utf-8")
    arena = int(re.search(r"_TENSOR_ARENA_BYTES (\d+)", header)[1])
    array = (source.folder / "words_data.cc").read_text("utf-8").partition("{")[2]
    assert bytes(map(int, re.findall(r"\d+", array))) == bundle.model
    interpreter = runtime.Interpreter.from_bytes(bundle.model, arena_size=arena)
    sizes = [int(np.prod(shape)) for shape in (source.graph.input_shape, source.graph.output_shape)]

    @ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int8), ctypes.POINTER(ctypes.c_int8))
    def invoke(inputs, outputs):
        given = np.ctypeslib.as_array(inputs, (sizes[0],))
        interpreter.set_input(given.reshape(1, *source.graph.input_shape), 0)
        interpreter.invoke()
        np.ctypeslib.as_array(outputs, (sizes[1],))[:] = interpreter.get_output(0).reshape(-1)

    shim = tmp_path / "shim.c"
    shim.write_text('#include "words.h"\n' + INVOKE.format(name="words"), encoding="utf-8")
    files = [source.folder / file for file in source.files if file.endswith(".c")]
    shutil.copytree(source.folder, tmp_path / "src")
    moved = [tmp_path / "src" / file.name for file in files]
    shim = shim.rename(tmp_path / "src" / "shim.c")
    build_library([*moved, shim], tmp_path / "chain.so", optimize="-O0")
    chain = CompiledModel(source=source, library=tmp_path / "chain.so")
    ctypes.CDLL(str(tmp_path / "chain.so")).set_invoke(invoke)
    io = bundle.card.io
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (12, 1)) * rng.normal(0, 4000, (12, io.frontend.clip_samples))
    pcm = np.clip(noise, -32768, 32767).astype(np.int16)
    best, probabilities = chain.classify(pcm, len(io.labels))
    expected = KeywordSpotter(bundle.model, io, xnnpack=False).classify_batch(pcm)
    np.testing.assert_array_equal(best, expected.argmax(axis=1))
    np.testing.assert_allclose(probabilities, expected, atol=0.02)
    assert np.ptp(probabilities, axis=0).max() > 0.01


def test_the_tflm_project_is_valid_and_registers_its_operators(projects, bundles, tmp_path):
    need("g++")
    source = projects("tflm", SPOTTER)
    done = run(
        "g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
        f"-I{Path(__file__).parent / 'tflm_interface'}", *source.folder.glob("*.cc"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (source.folder / "words_ops.h").read_text("utf-8")
    names = {op.name for op in bundles[SPOTTER].file.inspection.ops}
    assert set(re.findall(r"ops\.Add(\w+)\(\)", text)) == {ADDED[name] for name in names}
    assert f"Resolver<{len(names)}>" in text


def test_without_the_wheel_the_arena_is_not_guessed(bundles, monkeypatch, tmp_path):
    monkeypatch.setattr(micro, "WHEEL", "no_such_wheel")
    with pytest.raises(MissingExtraError, match=r"motefit\[micro\]"):
        write_firmware(bundles[SPOTTER], tmp_path / "x", name="words", target="tflm")


@pytest.mark.proof
@pytest.mark.data
def test_examples_of_arduino_and_zephyr_run_on_emulated_boards(real_data):
    """The microphone hears two words: the LED is on after one, off after the other."""
    need(*CROSS, "cmake", "ninja")
    clips = [sorted(real_data.rglob(f"mini_speech_commands/{w}/*.*"))[4] for w in ("no", "yes")]
    done = run(sys.executable, TOOL / "firmware.py", "yes-no", "climate-6-clock", "--sound", *clips)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 18
    for line in (line for line in lines if "Listen" in line):
        assert re.search(r"no; .*yes; ", line)
        assert line.index("led on") < line.index("led off")
