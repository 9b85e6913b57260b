"""Mistakes on the command line, and help and tables in a terminal of any width."""

import re
import runpy
from pathlib import Path
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from motefit.cli import output
from motefit.cli.app import app
from motefit.spec.tables import ResultTable

ROOT = Path(__file__).parents[2]
COMMANDS = list(runpy.run_path(str(ROOT / "tools" / "cli_reference.py"))["every_command"]())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", "up-down", "words"), ("one argument too many: words", "--data FOLDER")),
        (("check",), ("MODEL is missing: name of", "usage: motefit check [OPTIONS] MODEL")),
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


@pytest.fixture(scope="module")
def pages():
    """Help of every command, by columns of the terminal and name."""
    names = ["", "data", "study", *(name.removeprefix("motefit ") for name, _ in COMMANDS)]
    runner = CliRunner()
    found = {}
    for width in (80, 40, 1):
        for name in names:
            done = runner.invoke(app, [*name.split(), "--help"], env={"COLUMNS": str(width)})
            assert done.exit_code == 0, (width, name, done.output)
            found[width, name] = done.output
    return found


@pytest.mark.parametrize("width", [80, 40])
def test_the_help_names_what_to_give_as_the_page_of_the_commands_does(pages, width):
    """docs/cli.md has the same placeholders, and neither a type of Python."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## `motefit (.+?)`$(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == {name.removeprefix("motefit ") for name, _ in COMMANDS}
    for name, section in sections.items():
        shown = pages[width, name]
        assert not re.search(r"<\w+|bool|TEXT|INTEGER|x[<>]=", shown + section), name
        for given in re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE):
            words = map(re.escape, given.replace("\\|", "|").split(" "))
            assert re.search(rf"{' +'.join(words)}\s", shown), (name, given)


def test_every_option_names_the_kind_of_its_value():
    for name, command in COMMANDS:
        types = get_type_hints(command.callback)
        for parameter in command.params:
            counts = parameter.metavar != "N" or "int" in str(types[parameter.name])
            assert counts, f"{name} {parameter.name}: say in metavar what to give"


@pytest.mark.parametrize("width", [80, 40])
def test_no_word_of_the_help_is_cut_off(pages, width):
    for (columns, _), page in pages.items():
        if columns == width:
            assert "\N{HORIZONTAL ELLIPSIS}" not in page, page


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
