"""In a terminal, every command says what it does before it begins: the API is called after that.

How soon is measured by ``benchmarks/first_line``.
"""

import io
import runpy
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import motefit
from motefit.api.safe_console import SafeConsole
from motefit.cli import output
from motefit.cli.app import app

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "first_line" / "run.py"
AT_ONCE = {"kws", "recipes", "zoo"}
"""Their result is their first line."""
COMMANDS = {
    "bench": "up-down",
    "check": "up-down --data words",
    "codegen": "up-down --out c",
    "dashboard": "runs/a",
    "data audit": "words",
    "data cut": "a.wav --list cuts.csv",
    "data fetch": "jena --out data",
    "data record": "--words go,stop --out words",
    "data synth": "--words go,stop --out words",
    "deploy": "pi@raspberrypi up-down",
    "estimate": "up-down",
    "export": "up-down --streaming --out a.zip",
    "fit": "up-down --data words",
    "forecast": "climate-6 a.csv",
    "inspect": "up-down",
    "kws": "up-down a.wav",
    "latency": "--model up-down",
    "listen": "up-down",
    "monitor": "--sensor room",
    "readings": "sqlite:a.db",
    "recipes": "",
    "report": "up-down",
    "reproduce": "--data data",
    "shrink": "a.tflite",
    "study compare": "runs/a runs/b",
    "study export": "runs/a --out a.csv",
    "study list": "runs",
    "study show": "runs/a",
    "zoo": "",
}


class StartedError(Exception):
    """The first call of the API."""


def leaves(command: object, path: tuple[str, ...] = ()) -> set[str]:
    """Names of the commands that do something, with the groups they are in."""
    if not hasattr(command, "list_commands"):
        return {" ".join(path)}
    context = typer.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {leaf for name, member in found.items() for leaf in leaves(member, (*path, name))}


def test_every_command_is_here_and_in_the_benchmark():
    names = leaves(typer.main.get_command(app))
    assert names == set(COMMANDS)
    timed = runpy.run_path(str(BENCHMARK))["COMMANDS"]
    assert not {name for name in names if not any(f"{c} ".startswith(f"{name} ") for c in timed)}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_line_comes_before_the_work(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = io.StringIO()
    monkeypatch.setattr(output, "err", SafeConsole(file=text, force_terminal=True))
    seen = []

    def start(*_arguments, **_options):
        seen.append(text.getvalue())
        raise StartedError

    for verb in motefit.__all__:
        if verb.islower() and callable(getattr(motefit, verb)):
            monkeypatch.setattr(motefit, verb, start)
    done = CliRunner().invoke(app, [*name.split(), *COMMANDS[name].split()])
    assert isinstance(done.exception, StartedError), done.output
    assert bool(seen[0].strip()) is (name not in AT_ONCE)
