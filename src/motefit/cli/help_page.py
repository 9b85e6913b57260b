"""The help of commands, and docs/cli.md: what to give to an option, in a terminal of any width."""

import re
import shutil
from collections.abc import Sequence
from typing import Any

NUMBER = "N"
"""Placeholder of a number without a unit; options with other values name theirs."""

NARROW, NARROWEST = 60, 20
"""Columns below which options and meanings no longer fit side by side; and the least filled."""


class HelpPage:
    """Help of a command or group: placeholders for types; in a narrow terminal, without boxes."""

    rich_markup_mode: Any

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401 - click's, or typer's own copy of click
        """List the arguments and options."""
        return readable(super().get_params(ctx))  # type: ignore[misc]

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - as above
        """Return the page as text, or print it if the terminal is wide enough for boxes."""
        columns = shutil.get_terminal_size().columns
        if columns < NARROW:
            ctx.terminal_width = max(columns, NARROWEST)
            self.rich_markup_mode = None
        page: str = super().get_help(ctx)  # type: ignore[misc]
        return page

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """Write each option above its meaning, then each command above its summary."""
        records = (parameter.get_help_record(ctx) for parameter in self.get_params(ctx))
        _write(formatter, "Options", [record for record in records if record])
        names = self.list_commands(ctx) if hasattr(self, "list_commands") else ()
        inner = [(name, self.get_command(ctx, name)) for name in names]  # type: ignore[attr-defined]
        _write(formatter, "Commands", [(n, c.help.partition("\n\n")[0]) for n, c in inner])


def _write(formatter: Any, title: str, records: Sequence[tuple[str, str]]) -> None:  # noqa: ANN401
    if not records:
        return
    with formatter.section(title):
        for name, meaning in records:
            formatter.write_text(name)
            with formatter.indentation():
                formatter.write_text(unwrapped(meaning))


def readable(parameters: Sequence[Any]) -> Sequence[Any]:
    """Return parameters whose help shows a placeholder for each value, and limits in words."""
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            parameter.metavar = parameter.name.upper()
            parameter.display_type_rich = _no_type
        elif parameter.metavar is None:
            parameter.metavar = "" if parameter.is_flag else "|".join(_choices(parameter)) or NUMBER
        _limits_in_words(parameter)
    return parameters


def _no_type(ctx: Any) -> None:  # noqa: ANN401 - click's, or typer's own copy of click
    """Return no type, which typer shows beside an argument."""


def _choices(parameter: Any) -> Sequence[str]:  # noqa: ANN401 - as above
    described = getattr(parameter, "type_descriptor", None) or parameter.type
    return [str(getattr(choice, "value", choice)) for choice in described.choices or ()]


def _limits_in_words(parameter: Any) -> None:  # noqa: ANN401 - as above
    """Move the limits that typer shows as ``[x>=1]`` into the help; values stay checked."""
    least, most = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if most is not None:
        parameter.help += f" From {least} to {most}."
    elif least:  # that a count is not negative goes without saying
        parameter.help += f" At least {least}."
    parameter.min = parameter.max = None


def usage_pieces(pieces: Sequence[str]) -> list[str]:
    """Return the parts of a usage line with required arguments bare.

    >>> usage_pieces(["[OPTIONS]", "{MODEL}", "{AUDIO}..."])
    ['[OPTIONS]', 'MODEL', 'AUDIO...']
    """
    return [re.sub(r"\{(\w+)\}", r"\1", piece) for piece in pieces]


def unwrapped(text: str) -> str:
    r"""Return a help text with one line per paragraph, to be wrapped by the terminal.

    Indented lines are output of a program, and stay as they are.

    >>> unwrapped("Count.\n\nExit code 0: done; 1:\nnot.")
    'Count.\n\nExit code 0: done; 1: not.'
    """
    parts = text.split("\n\n")
    return "\n\n".join(part if part[:1] == " " else " ".join(part.split()) for part in parts)
