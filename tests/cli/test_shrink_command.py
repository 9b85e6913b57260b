"""``motefit shrink`` on files of official converters."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from motefit.cli.app import app
from motefit.spec.metrics import grouped

GOLDEN = Path(__file__).parent.parent / "golden" / "converters"


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copy(GOLDEN / "dscnn8.int8.tflite", tmp_path / "kws.tflite"))


def run(*arguments):
    return CliRunner().invoke(app, ["shrink", *map(str, arguments)])


def test_it_writes_next_to_the_model_and_says_what_was_removed(model):
    result = run(model)
    target = model.with_name("kws.min.tflite")
    assert result.exit_code == 0
    sizes = model.stat().st_size, target.stat().st_size
    assert sizes[1] < 0.5 * sizes[0]
    for text in (
        *map(grouped, sizes),
        "names",
        "bit for bit",
        "builtin and xnnpack",
        "kws.min.tflite",
    ):
        assert text in result.stdout
    assert sorted(path.name for path in model.parent.iterdir()) == [target.name, model.name]


def test_json(model, tmp_path):
    target = tmp_path / "there" / "small.tflite"
    result = run(model, "--out", target, "--json", "--inputs", 2)
    facts = json.loads(result.stdout)
    assert facts["after_bytes"]["raw"] == target.stat().st_size
    assert facts["before_bytes"]["raw"] == model.stat().st_size
    assert facts["after_bytes"]["zip"] < facts["before_bytes"]["zip"]
    gone = facts["before_bytes"]["raw"] - facts["after_bytes"]["raw"]
    assert sum(facts["removed_bytes"].values()) == gone
    assert facts["proof"]["values"] == 2 * 2 * 8
    assert facts["written"] == str(target)


def test_signatures_and_metadata_cost_bytes(model, tmp_path):
    sizes = []
    for options in ([], ["--keep-signatures"], ["--keep-signatures", "--keep-metadata"]):
        target = tmp_path / "out.tflite"
        assert run(model, "--out", target, *options).exit_code == 0
        sizes.append(target.stat().st_size)
    assert sizes == sorted(set(sizes))


def test_a_small_file_is_left_alone(model):
    run(model)
    small = model.with_name("kws.min.tflite")
    result = run(small)
    assert result.exit_code == 0
    assert "would not get smaller" in result.stdout
    assert not small.with_name("kws.min.min.tflite").exists()
    facts = json.loads(run(small, "--json").stdout)
    assert not {"written", "proof"} & facts.keys()


def test_a_model_that_litert_cannot_run_is_proven_by_another_or_refused_unless_accepted(model):
    data = model.read_bytes()
    # a four-byte field, the operator code's version: no kernel has version 99
    from ai_edge_litert import schema_py_generated as official  # noqa: PLC0415

    root = official.Model.GetRootAs(bytearray(data), 0)
    place = root.OperatorCodes(0)._tab
    at = place.Pos + place.Offset(8)
    model.write_bytes(data[:at] + (99).to_bytes(4, "little") + data[at + 4 :])
    result = run(model)
    if importlib.util.find_spec("tflite_micro") is not None:  # it does not look at versions
        assert result.exit_code == 0
        assert "TensorFlow Lite Micro, since LiteRT cannot run it" in result.stdout
        return
    assert result.exit_code == 2
    assert "--unrun" in result.stderr
    assert not model.with_name("kws.min.tflite").exists()
    accepted = run(model, "--unrun")
    assert accepted.exit_code == 0
    assert "not run" in accepted.stdout


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x10\0\0\0TFL3\0\0"])
def test_mistakes_end_with_2(tmp_path, content):
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    result = run(path)
    assert result.exit_code == 2
    assert "error" in result.stderr
    assert "Traceback" not in result.stderr
