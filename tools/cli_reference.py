"""Write docs/cli.md, or print it with ``--print``: every command of ``motefit``, from the program.

Run it with the Python that motefit is installed in: ``.venv/bin/python tools/cli_reference.py``.
"""

import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from motefit.cli.app import app

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
    for name, command in every_command():
        rows = [_parameter(parameter) for parameter in command.params]
        usage = " ".join([name, *(row.usage for row in rows)])
        lines = [f"## `{name}`", "", _filled(command.help), "", f"    {usage}", ""]
        lines += ["| argument or option | default | meaning |", "|---|---|---|"]
        lines += [f"| `{_cell(row.name)}` | {row.default} | {_cell(row.meaning)} |" for row in rows]
        shown = (command.epilog or "").splitlines()[2:]
        lines += ["", "Examples:", "", *(f"    {line.strip()}" for line in shown)] if shown else []
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def every_command() -> Iterator[tuple[str, Any]]:
    """List all commands of ``motefit``, in the order of its help.

    Yields:
        The full name, e.g. ``"motefit data synth"``, and the command, as it renders its help.
    """
    yield from _commands(typer.main.get_command(app), "motefit")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - click's
    context = typer.Context(command)
    if not hasattr(command, "list_commands"):
        command.get_params(context)  # which words the placeholders and limits
        yield name, command
        return
    for inner in command.list_commands(context):
        yield from _commands(command.get_command(context, inner), f"{name} {inner}")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One argument or option, as the page shows it."""

    name: str
    usage: str
    default: str
    meaning: str


def _parameter(parameter: Any) -> Parameter:  # noqa: ANN401 - click's
    is_argument = parameter.param_type_name == "argument"
    name = " ".join([*([] if is_argument else parameter.opts), parameter.metavar]).strip()
    repeated = "..." if parameter.nargs != 1 or getattr(parameter, "multiple", False) else ""
    return Parameter(
        name=name,
        usage=(name if parameter.required else f"[{name}]") + repeated,
        default="required" if parameter.required else _default(parameter.default),
        meaning=parameter.help.replace("<", "&lt;"),
    )


def _filled(text: str) -> str:
    parts = text.split("\n\n")
    return "\n\n".join(part if part[:1] == " " else textwrap.fill(part, 100) for part in parts)


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
