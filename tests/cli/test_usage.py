"""Mistakes on the command line, and tables in a narrow terminal."""

import pytest

from motefit.cli import output
from motefit.spec.tables import ResultTable


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", "up-down", "words"), ("one argument too many: words", "--data FOLDER")),
        (("check",), ("MODEL is missing: bundle", "usage: motefit check [OPTIONS] MODEL")),
        (("data", "synth", "--words", "a"), ("--out is missing: folder", "data synth --words")),
        (("fit", "--dta", "x"), ("no such option: --dta", "motefit fit --help")),
        (("--colors",), ("no such option: --colors", "motefit kws up-down clip.wav")),
        (("fit", "--workers", "two"), ("'--workers'", "valid integer")),
    ],
)
def test_a_mistake_is_named_with_the_usage_and_an_example(refused, arguments, said):
    told = refused(*arguments)
    assert all(text in told for text in said), told


@pytest.mark.parametrize(
    ("former", "today"),
    [
        (("latency", "--model", "no.zip"), "no.zip"),
        (("latency", "--model=no.zip"), "no.zip"),
        (("monitor", "--mic=arecord:x", "--sensor", "none"), "none"),
        (("readings", "--as", "csv", "csv:no"), "no"),
        (("data", "synth", "--rate-hz=1", "--words", "a", "--out", "words"), "rate"),
    ],
)
def test_former_spellings_of_options_work(refused, former, today, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = refused(*former)
    assert today in told
    assert "usage" not in told, told


def test_a_flag_has_no_type_in_the_help(invoke):
    for command in ((), ("fit",), ("data", "synth")):
        shown = invoke(*command, "--help").output
        assert "--help" in shown
        assert "bool" not in shown.lower()


def test_a_folder_is_no_model_but_may_hold_one(refused, tmp_path):
    assert "give a bundle (.zip) or .tflite file" in refused("inspect", tmp_path)
    (tmp_path / "m.zip").write_bytes(b"PK")
    assert f"one of its models: {tmp_path / 'm.zip'}" in refused("inspect", tmp_path)


def test_the_bare_name_of_a_run_suggests_its_bundle(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "lamp").mkdir(parents=True)
    (tmp_path / "runs" / "lamp" / "lamp.zip").write_bytes(b"PK")
    assert "did you mean runs/lamp/lamp.zip?" in refused("kws", "lamp", "clip.wav")


@pytest.mark.parametrize("width", [24, 40, 80])
def test_no_cell_of_a_table_is_lost_in_a_narrow_terminal(width, monkeypatch, capsys):
    rows = [("eight-words", "64 132", "1 280 376", "met"), ("go", "968", "216", "missed")]
    table = ResultTable(titles=("model", "bytes", "MACs", "budget"), align="lrrl", rows=rows)
    monkeypatch.setattr(output.out, "width", width)
    output.show([table])
    printed = capsys.readouterr().out
    assert all(cell in printed for row in rows for cell in row)
    assert max(map(len, printed.splitlines())) <= width
