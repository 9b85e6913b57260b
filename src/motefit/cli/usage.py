"""Mistakes on the command line, reported like all others: what is wrong, usage, examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from motefit.spec.visible import visible

UsageError: Any = typer.BadParameter.__base__
"""Base class of all mistakes on a command line, in typer's own copy of click or in click."""

EXTRA = "Got unexpected extra argument(s)"
FORMER: Mapping[str, Mapping[str, str]] = {
    "latency": {"--model": ""},
    "monitor": {"--mic": "--input"},
    "readings": {"--as": "--format"},
    "synth": {"--rate-hz": "--rate"},
}
"""By command, former spellings of options that still work; empty: the value is now an argument."""


def modern(command: str | None, arguments: Sequence[str]) -> list[str]:
    """Return a command line in which former spellings are replaced by today's.

    >>> modern("latency", ["--model=m.zip", "--pause", "0"])
    ['m.zip', '--pause', '0']
    """
    changed = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        today = FORMER.get(command or "", {}).get(name, name)
        changed.append(f"{today}{equals}{value}" if today else value)
    return [c for c, argument in zip(changed, arguments, strict=True) if c or not argument]


def is_mistake(error: Exception) -> bool:
    """Return whether an error is a mistake on the command line, and not a call for help."""
    return isinstance(error, UsageError) and type(error).__name__ != "NoArgsIsHelpError"


def explain(error: Any) -> str:  # noqa: ANN401 - click's, or typer's own copy of click
    """Say what is wrong with a command line, how the command is called, and give its examples.

    Args:
        error: a mistake, see :func:`is_mistake`.
    """
    context = error.ctx
    problem = _problem(error)
    if context is None:
        return problem
    command = context.command_path
    examples = [
        line.strip()
        for line in (context.command.epilog or "").splitlines()
        if line.strip().startswith("motefit ")
    ]
    usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
    lines = [problem, f"usage: {usage}"]
    lines += [f"for example: {example}" for example in examples[:2]]
    return "\n".join([*lines, f"all options: {command} --help"])


def _problem(error: Any) -> str:  # noqa: ANN401 - as above
    message = visible(error.format_message()).replace("Value error, ", "").rstrip(".")
    message = message.replace(": Input should be", ": it should be")
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        is_option = parameter.opts[0].startswith("-")
        name = parameter.opts[0] if is_option else parameter.name.upper()
        text = (getattr(parameter, "help", "") or "").split(". ")[0].rstrip(".")
        return f"{name} is missing: {text[:1].lower()}{text[1:]}" if text else f"{name} is missing"
    if message.startswith(EXTRA):
        given = message.removeprefix(f"{EXTRA} (").removesuffix(")")
        return f"one argument too many: {given}"
    return message[:1].lower() + message[1:]
