"""Write docs/cli.md, or print it with ``--print``: every command of ``motefit``, from the program.

Run it with the Python that motefit is installed in: ``.venv/bin/python tools/cli_reference.py``.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, ParameterInfo

from motefit.cli.app import command_names, load_command

TARGET = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEAD = """\
# Command line

<!-- Written by tools/cli_reference.py from the program; do not edit. -->

Exit code 0: done, and a budget is met; 1: it is not met, or what the command says below; 2: there
is a mistake to fix, and the message says what; 130: interrupted. `motefit --version` prints the
version; `--help` works everywhere.
"""


def render() -> str:
    """Render the page as Markdown."""
    parts = [HEAD]
    for name, function in every_command():
        parameters = _parameters(function)
        usage = " ".join([name, *(p.usage for p in parameters)])
        lines = [f"## `{name}`", "", inspect.getdoc(function) or "", "", f"    {usage}", ""]
        lines += ["| argument or option | default | meaning |", "|---|---|---|"]
        lines += [f"| `{_cell(p.name)}` | {p.default} | {_cell(p.meaning)} |" for p in parameters]
        shown = getattr(inspect.getmodule(function), "EXAMPLES", "").splitlines()[2:]
        lines += ["", "Examples:", "", *(f"    {line.strip()}" for line in shown)] if shown else []
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def every_command() -> Iterator[tuple[str, Callable[..., Any]]]:
    """List all commands of ``motefit``, in the order of its help.

    Yields:
        The full name, e.g. ``"motefit data synth"``, and the function.
    """
    for name in command_names():
        app = typer.Typer()
        load_command(app, name)
        yield from commands(app, "motefit")


def commands(group: typer.Typer, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """List the commands of an application or group, with their full names.

    Yields:
        The full name, e.g. ``"motefit data synth"``, and the function.
    """
    for command in group.registered_commands:
        if command.callback is not None:
            own = command.name or command.callback.__name__.replace("_", "-")
            yield f"{name} {own}", command.callback
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from commands(inner.typer_instance, f"{name} {inner.name}")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One argument or option, as the page shows it."""

    name: str
    usage: str
    default: str
    meaning: str


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        kind, info = typing.get_args(hints[parameter.name])[:2]
        required = parameter.default is parameter.empty
        name = _name(parameter.name, kind, info)
        usage = f"{name}..." if typing.get_origin(kind) is list else name
        meaning = info.help.replace("<", "&lt;")
        if info.min is not None:
            meaning += f" At least {info.min}."
        found.append(
            Parameter(
                name=name,
                usage=usage if required else f"[{usage}]",
                default="required" if required else _default(parameter.default),
                meaning=meaning,
            )
        )
    return found


def _name(name: str, kind: object, info: ParameterInfo) -> str:
    if isinstance(info, ArgumentInfo):
        return name.upper()
    # within Annotated, the first argument of typer.Option(...) is a name and not a default
    declared = [d for d in (info.default, *(info.param_decls or ())) if isinstance(d, str)]
    declared = declared or [f"--{name.replace('_', '-')}"]
    if kind is bool:
        return "/".join(declared)
    return f"{'/'.join(declared)} {info.metavar or _value(kind) or 'PATH'}"


def _value(kind: object) -> str:
    """Return the placeholder of a value: its choices, if it has any; empty if it has none."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(kind)
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(typing.get_args(kind))
    inner = (_value(argument) for argument in typing.get_args(kind))
    return {int: "N", float: "X", str: "TEXT"}.get(kind) or next(filter(None, inner), "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(value: object) -> str:
    return "" if value is None or value is False or value == "" else f"`{value}`"


def main() -> None:
    """Write the page, or print it."""
    if "--print" in sys.argv[1:]:
        sys.stdout.write(render())
    else:
        TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
