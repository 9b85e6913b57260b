"""Every block of code in the pages is run, or says why it is not.

Console blocks and named files are run by test_console_pages.py, python.md by test_docs.py, and the
generated pages are compared with the program there; the rest is run here.
"""

import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
from markdown_it import MarkdownIt

import motefit
from motefit.cli.app import app
from motefit.deploy.node_settings import read_settings
from motefit.recipes.catalog import recipe_text
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"api.md", "cli.md", "recipe.md", "recipes.md", "results.md"}
"""Written by the program; test_docs.py compares them, and the doctests are those of the source."""
MARK = re.compile(r"<!-- not run: (\S.+) -->")
OF_THE_README = {
    "python3 -m venv .venv && source .venv/bin/activate": "tools/pictures.py runs it",
    "make demo    # the whole way, with torch: synthesize speech, train, certify, check; no data "
    "download, no GPU": "these are the two commands, of which CI runs the tests",
    "motefit fit up-down --data data/speech                    # one folder per word; any "
    "common format and rate": "an overview; each command has a page",
}
"""Reasons for the blocks of the README, which shows no marks to its readers."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    name: str
    text: str
    reason: str

    def __str__(self):
        return f"{self.page.name}:{self.line}"


def guess(text):
    """Language of an indented block."""
    first = text.split()[0]
    return "toml" if first.startswith("[") else "python" if first in {"import", "from"} else "sh"


def blocks_of(page):
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type not in {"fence", "code_block"}:
            continue
        language, _, name = (token.info or guess(token.content)).partition(" ")
        mark = MARK.match(before.content) if before and before.type == "html_block" else None
        reason = mark[1] if mark else OF_THE_README.get(token.content.splitlines()[0], "")
        yield Block(page, token.map[0] + 1, language, name, token.content, reason)


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for page in PAGES if page.name not in GENERATED for block in blocks_of(page)]


def each(language):
    elsewhere = {"python.md"}  # test_docs.py runs it in a process of its own
    found = [b for b in BLOCKS if (b.language, b.name, b.reason) == (language, "", "")]
    found = [block for block in found if block.page.name not in elsewhere]
    assert found, language
    return pytest.mark.parametrize("block", found, ids=str)


def test_every_block_is_of_a_kind_that_is_run_or_says_why_not():
    assert len(BLOCKS) > 60
    run = {"console", "python", "toml", "c"}
    unsaid = [
        str(b)
        for b in BLOCKS
        if not (b.language in run or b.name or b.reason or b.language == "text")
    ]
    assert not unsaid, "precede it with <!-- not run: why -->"
    needless = [str(b) for b in BLOCKS if b.reason and b.language in {"console", "text"}]
    assert not needless


def test_a_reason_is_of_a_block():
    marks = [mark for page in PAGES for mark in MARK.findall(page.read_text(encoding="utf-8"))]
    reasons = [block.reason for block in BLOCKS if block.reason]
    assert sorted(reasons) == sorted([*marks, *OF_THE_README.values()])


def test_a_named_file_is_used_by_commands_of_its_page():
    for block in (b for b in BLOCKS if b.name):
        typed = [b.text for b in BLOCKS if b.page == block.page and b.language == "console"]
        assert any(block.name in text for text in typed), block


def test_text_has_no_commands():
    for block in (b for b in BLOCKS if b.language == "text" and not b.name):
        assert not re.search(r"^(\$ |motefit |import |make |pip )", block.text, re.MULTILINE), block


def names_in_text(text):
    """Commands of motefit in a block, as lists of words."""
    for line in text.splitlines():
        words = shlex.split(line.partition(" > ")[0], comments=True)
        if words and Path(words[0]).name == "motefit":
            yield words[1:]


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "sh"], ids=str)
def test_the_command_line_accepts_what_is_not_run(block):
    for words in names_in_text(block.text):
        command, rest = typer.main.get_command(app), words
        context = command.make_context("motefit", ["--help"], resilient_parsing=True)
        while hasattr(command, "resolve_command"):
            name, command, rest = command.resolve_command(context, rest)
            if not hasattr(command, "resolve_command"):
                command.make_context(name, rest, parent=context)  # an error of usage raises


@each("toml")
def test_settings_are_understood(block, tmp_path):
    """A part of a recipe, over one that is shipped; or the settings of a node."""
    table = tomllib.loads(block.text)
    if "sensors" in table:
        path = tmp_path / "node.toml"
        path.write_text(block.text, encoding="utf-8")
        assert read_settings(path, {}).sensors
        return
    errors = []
    for base in ("up-down", "climate-6"):
        whole = tomllib.loads(recipe_text(base, full=True))
        for key, value in table.items():
            keep = key not in {"model", "search", "budget"}  # their keys depend on each other
            whole[key] = {**(whole.get(key, {}) if keep else {}), **value}
        try:
            assert Recipe.from_table(whole, name=base)
        except RecipeError as error:
            errors.append(str(error))
        else:
            return
    pytest.fail("\n".join(errors))


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the examples call by name: bundles in this folder, a clip, a window, a model file."""
    for model in motefit.shipped_models().models:
        shutil.copy(model.path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return {
        "numpy": np,
        "pcm": np.random.default_rng(0).integers(-99, 99, 16_000).astype(np.int16),
        "window": np.full((6, 2), 20.0, np.float32),
        "data": (ROOT / "tests" / "golden" / "converters" / "dscnn8.int8.tflite").read_bytes(),
    }


@each("python")
def test_python_runs(block, names, capsys):
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - the page's own text
    printed = capsys.readouterr().out
    assert bool(printed) == ("print(" in block.text)


@each("c")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_c_compiles(block, tmp_path):
    motefit.generate_c("yes-no", out=tmp_path)
    (tmp_path / "page.c").write_text("void led_on(void);\n" + block.text, encoding="utf-8")
    command = ["cc", "-std=c99", "-fsyntax-only", "-Wall", "-Werror", "page.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
