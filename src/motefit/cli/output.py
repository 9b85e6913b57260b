"""Output of the commands: text for people, JSON for programs."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text as RichText

from motefit.api.safe_console import SafeConsole
from motefit.spec.codec import dumps_json, encode
from motefit.spec.tables import Item, Printable, ResultTable, Style, Styled, Text, parts, plain
from motefit.spec.visible import visible

__all__ = [
    "CHANNEL_HELP", "INTERRUPTED", "MISTAKE", "announce", "encode", "err", "escape", "examples",
    "fail", "given", "out", "print_json", "show", "silence", "tell", "waiting", "write",
]  # fmt: skip

MISTAKE, INTERRUPTED = 2, 130
"""Exit codes besides 0 and 1; 130 is what the shell itself reports for Ctrl-C."""

CHANNEL_HELP = (
    "Which of several channels to take: 1, 2, ...; mean: their average; auto: of two, the one "
    "that is not silent, else their average, unless they cancel each other."
)

WIDE = 160
"""Columns without a terminal, so that tables in a log or pipe do not wrap words."""

TEXT_COLUMN = 20
"""Columns down to which a column of texts may be wrapped in a narrow terminal."""

COLORS: Mapping[Style, str] = {
    "good": "green",
    "bad": "bold red",
    "doubtful": "yellow",
    "dim": "dim",
    "strong": "bold",
}


def silence() -> None:
    """Discard further output: the reader closed the pipe, which is not an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Output(SafeConsole):
    """Console on standard output that leaves a closed pipe to its caller."""

    def on_broken_pipe(self) -> None:
        """Discard the rest.

        Raises:
            BrokenPipeError: always; :func:`motefit.cli.main` ends the program without an error.
        """
        silence()
        raise BrokenPipeError


err = SafeConsole(stderr=True, highlight=False, emoji=False)
out = Output(highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)


def show(result: Printable | Iterable[Item]) -> None:
    """Print a result on standard output, in color if the terminal supports it.

    If nobody reads it, the command still ends with its own exit code.
    """
    with suppress(BrokenPipeError):
        for item in result.content() if isinstance(result, Printable) else result:
            if isinstance(item, ResultTable):
                out.print(_rich_table(item) if _fits(item) else _blocks(item))
            else:
                out.print(_rich_text(item), soft_wrap=True)


def _fits(table: ResultTable) -> bool:
    """Return whether the terminal is wide enough for all numbers, and for texts that wrap."""
    lines = [[len(visible(plain(cell))) for cell in row] for row in (table.titles, *table.rows)]
    widths = (max(column) for column in zip(*lines, strict=True))
    least = (
        width if side == "r" else min(width, TEXT_COLUMN)
        for width, side in zip(widths, table.align, strict=True)
    )
    needed: int = sum(least) + 2 * (len(table.titles) - 1)
    width: int = out.width
    return needed <= width


def _blocks(table: ResultTable) -> RichText:
    """Return the rows of a table one below the other, each value beside its title."""
    made = RichText()
    if table.title:
        made.append(f"{visible(table.title)}\n", "italic")
    for name, *cells in table.rows:
        made.append_text(_rich_text(name)).append("\n")
        for title, cell in zip(table.titles[1:], cells, strict=True):
            if plain(cell):
                made.append("  ").append_text(_rich_text(title)).append(" ")
                made.append_text(_rich_text(cell)).append("\n")
    made.right_crop(1)
    return made


def _rich_table(table: ResultTable) -> RichTable:
    title = visible(table.title) or None
    made = RichTable(box=None, pad_edge=False, title=title, title_justify="left")
    for heading, side in zip(table.titles, table.align, strict=True):
        number = side == "r"  # never broken: texts give way in a narrow terminal
        made.add_column(
            _rich_text(heading),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,
        )
    for row in table.rows:
        made.add_row(*map(_rich_text, row))
    return made


def _rich_text(text: Text) -> RichText:
    made = RichText()
    for part in parts(text):
        made.append(visible(str(part)), COLORS[part.style] if isinstance(part, Styled) else None)
    return made


def given(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - options of any command
    """Select the options that were given; the others keep the API's defaults.

    >>> given(threads=None, rounds=4)
    {'rounds': 4}
    """
    return {name: value for name, value in options.items() if value is not None}


def examples(*lines: str) -> str:
    """Return the end of a command's help: commands to copy, one per line.

    >>> examples("motefit zoo").splitlines()[1:]
    ['Examples:', '  motefit zoo']
    """
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever dumps_json takes
    """Write one JSON document to standard output, and nothing else."""
    try:
        sys.stdout.write(dumps_json(value))
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def write(text: str) -> None:
    """Write text that may come from a file to standard output, with control characters shown."""
    sys.stdout.write(visible(text))


def fail(text: str) -> None:
    """Report an error on standard error."""
    err.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def announce(text: str) -> None:
    """Say in a terminal, before anything heavy is imported, what the command is about to do.

    A log or a pipe does not need it.
    """
    if err.is_terminal:
        err.print(escape(visible(text)), style="dim", soft_wrap=True)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Say what the command is about to do, and in a terminal how long it has been doing it."""
    announce(text)
    if not err.is_terminal:
        yield
        return
    from rich.progress import Progress, TimeElapsedColumn  # noqa: PLC0415 - after the first line

    with Progress(TimeElapsedColumn(), console=err, transient=True, refresh_per_second=1) as shown:
        shown.add_task("")
        yield


def tell(text: str) -> None:
    """Report progress on standard error."""
    err.print(escape(text), soft_wrap=True)
