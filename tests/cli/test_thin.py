"""The command line is a thin shell over the public API, and loads what a command needs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import motefit
from motefit.cli.app import app, command_names

COMMANDS = Path(motefit.__file__).parent / "cli" / "commands"
FILES = sorted(COMMANDS.glob("*_command.py"))
ALLOWED = {"motefit", "motefit.spec.errors", "motefit.spec.tables", "typer", "rich"}


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_only_use_the_api(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {n for n in imports(tree) if n.partition(".")[0] not in sys.stdlib_module_names}
    assert {n for n in found if not n.startswith("motefit.cli.")} <= ALLOWED
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "motefit"
    }
    assert used <= set(motefit.__all__)


def test_each_file_is_one_command():
    assert len(FILES) > 10
    assert sorted(command_names()) == [path.stem.removesuffix("_command") for path in FILES]
    assert command_names()[0] == "zoo"  # as in the help: what a newcomer needs first


REPORT = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from motefit.cli import main
main()
"""


def loaded(environment, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["kws", "--help"]], ids=" ".join)
def test_help_needs_neither_numpy_nor_litert(environment, arguments):
    assert not loaded(environment, *arguments) & {"numpy", "ai_edge_litert", "torch", "optuna"}


def test_a_command_loads_no_other(environment):
    found = loaded(environment, "kws", "--help")
    commands = {name for name in found if name.startswith("motefit.cli.commands.")}
    assert commands == {"motefit.cli.commands.kws_command"}
    assert len([name for name in found if name.partition(".")[0] == "motefit"]) < 20


def test_no_help_has_brackets_which_typer_takes_for_markup_and_drops():
    def texts(command):
        yield command.help or ""
        yield from (getattr(param, "help", None) or "" for param in command.params)
        for child in getattr(command, "commands", {}).values():
            yield from texts(child)

    group = typer.main.get_group(app)
    found = [text for name in command_names() for text in texts(group.get_command(None, name))]
    assert len(found) > 100
    assert [text for text in found if "[" in text.split("Examples:")[0]] == []


FIRST = """
import json, sys
from motefit.cli.output import err

class Watched:
    def write(self, text):
        sys.stdout.write(json.dumps([text, sorted(sys.modules)]))
        sys.stdout.flush()
        sys.exit(0)
    def flush(self): pass
    def isatty(self): return True

err.file = Watched()
from motefit.cli import main
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "up-down", "--data", "clips"],
        ["check", "up-down", "--data", "clips"],
        ["study", "list"],
    ],
    ids=" ".join,
)
def test_a_terminal_sees_a_line_before_heavy_imports(environment, arguments):
    done = subprocess.run(
        [sys.executable, "-c", FIRST, *arguments], env={**environment, "TERM": "xterm"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text, modules = json.loads(done.stdout)
    assert text.strip()
    assert not set(modules) & {"torch", "optuna", "sqlalchemy", "numpy", "ai_edge_litert"}
