"""The folder of C source: its files, that they compile without a warning, and its self-test."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from c_bundles import ODD_LAYERS, bundle_of, odd_layers, series_io, speech_io
from family_cases import make
from typer.testing import CliRunner

import motefit
from motefit.cli.app import app
from motefit.codegen.agreement import compare_series, compiled_bundle
from motefit.codegen.compiled import NoCompilerError, compile_source
from motefit.codegen.project import write_c_source
from motefit.runtime.bundle import load_bundle
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd

DILATED = 7
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Spotters, one with an LSTM, a forecaster with a calendar, and dilated layers in folders."""
    top = tmp_path_factory.mktemp("projects")
    spotter = bundle_of(make("lstm", "int8").graph)
    forecaster = load_bundle(motefit.find_model("climate-6-clock"))
    write_c_source(spotter, top / "lstm", name="lstm")
    write_c_source(forecaster, top / "climate", name="climate-6-clock")
    write_c_source(load_bundle(motefit.find_model("yes-no")), top / "yes-no", name="yes-no")
    dilated = bundle_of(odd_layers(ODD_LAYERS[DILATED], np.random.default_rng(3)))
    write_c_source(dilated, top / "dilated", name="dilated")
    return sorted(top.iterdir())


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_no_compiler_warns(folders, name):
    if shutil.which(name) is None:
        pytest.skip(f"no {name} (tools/system_packages.sh installs gcc)")
    each_once = {file.name: file for folder in folders for file in folder.glob("*.c")}
    for form in ("-DMF_FIXED=0", "-DMF_FIXED=1"):
        done = run(name, *STRICT, form, "-fsyntax-only", *each_once.values())
        assert done.returncode == 0, done.stderr


def test_there_is_no_heap(folders):
    for file in (file for folder in folders for file in folder.glob("*.[ch]")):
        text = file.read_text(encoding="utf-8")
        assert not any(f"{name}(" in text for name in ("malloc", "calloc", "realloc", "alloca"))
        assert "model_" not in text
        assert "MODEL_" not in text


def test_the_command_writes_a_folder_whose_self_test_passes(compiler, tmp_path):
    done = CliRunner().invoke(
        app, ["codegen", str(motefit.find_model("yes-no")), "--out", str(tmp_path / "c"), "--json"]
    )
    assert done.exit_code == 0, done.output
    table = json.loads(done.stdout)
    assert table["name"] == "yes_no"
    assert table["arena_optimal"]
    made = run("make", f"CC={compiler}", "CFLAGS=-O0 -Werror", cwd=tmp_path / "c")
    assert made.returncode == 0, made.stderr
    assert "network: 0 of 8 outputs differ" in made.stdout
    assert "self-test passed" in made.stdout
    readme = (tmp_path / "c" / "README.md").read_text(encoding="utf-8")
    assert f"{table['arena_bytes']} bytes of static memory" in readme
    assert "yes_no_classify(pcm" in readme


def test_a_wrong_golden_vector_fails_the_self_test(compiler, tmp_path):
    write_c_source(load_bundle(motefit.find_model("climate-3")), tmp_path, name="climate-3")
    golden = tmp_path / "climate_3_golden.h"
    text = golden.read_text(encoding="utf-8")
    start = text.index("golden_answers[")
    golden.write_text(text[:start] + text[start:].replace("= {\n    ", "= {\n    9"), "utf-8")
    made = run("make", f"CC={compiler}", "CFLAGS=-O0", cwd=tmp_path)
    assert made.returncode != 0
    assert "self-test FAILED" in made.stdout


def test_equal_models_give_equal_source(tmp_path):
    bundle = load_bundle(motefit.find_model("climate-9"))
    texts = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        source = write_c_source(bundle, folder, name="climate-9")
        texts.append({file: (folder / file).read_bytes() for file in source.files})
    assert texts[0] == texts[1]


def test_the_comparison_sees_what_it_should(compiler):
    del compiler
    rng = np.random.default_rng(0)
    bundle = bundle_of(make("mlp", "int8").graph, series_io(12, 12))
    windows = rng.normal(12, 7, (40, 12, 1))
    times = np.full(40, np.datetime64("2024-03-25T13:50:00"))
    with compiled_bundle(bundle, "m") as compiled:
        found = compare_series(compiled, bundle, windows, times)
        assert found.proven
        assert (found.examples, found.equal_outputs, found.equal_answers) == (40, 40, 40)
        other = bundle_of(make("mlp", "int8-tensor").graph, series_io(12, 12))
        wrong = compare_series(compiled, other, windows, times)
    assert not wrong.proven
    assert wrong.equal_outputs < 40


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        (lambda: bundle_of(make("dscnn", "float32").graph), "no C kernel for Conv2D"),
        (lambda: bundle_of(make("mlp", "dynamic").graph), "no C kernel for Dense"),
        (
            lambda: bundle_of(
                make("dscnn", "int8").graph,
                speech_io(
                    FrontEnd(
                        rate_hz=4000, seconds=0.5, frame_length=74, frame_step=76, mel_bins=10,
                        upper_hz=2000.0, coefficients=0,
                    )
                ),
            ),
            "prime factor 37",
        ),
    ],
    ids=["float", "dynamic", "frame"],
)  # fmt: skip
def test_what_has_no_c_source_is_refused_by_name(bundle, said, tmp_path):
    with pytest.raises(ModelFileError, match=said):
        write_c_source(bundle(), tmp_path / "c", name="m")
    assert not (tmp_path / "c").exists()


def test_a_machine_without_a_compiler_is_told_so(monkeypatch, tmp_path):
    source = motefit.generate_c("climate-3", out=tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NoCompilerError, match="no-such-compiler did not run"):
        compile_source(source)
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoCompilerError, match="there is no C compiler here"):
        compile_source(source)


@pytest.mark.proof
@pytest.mark.data
@pytest.mark.parametrize("name", motefit.model_names())
def test_the_zoo_in_c_answers_like_python_on_whole_test_sets(name, compiler, real_data, tmp_path):
    del compiler
    data = real_data / ("climate" if name.startswith("climate") else "speech")
    if "-live" in name and not (real_data / "debian").is_dir():
        pytest.skip("hours of other sound are absent: sh tools/negatives.sh $MOTEFIT_DATA/debian")
    found = motefit.check(name, data=data, c_source=True, out=tmp_path).c_source
    assert found.equal_outputs == found.equal_answers == found.examples
    assert found.feature_error < 1e-3


@pytest.mark.proof
def test_the_sanitizers_find_nothing(compiler, folders):
    for folder in folders:
        checked = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g"]
        made = run("make", f"CC={compiler}", f"CFLAGS={' '.join(checked)}", cwd=folder)
        assert made.returncode == 0, made.stdout + made.stderr
        assert "self-test passed" in made.stdout
