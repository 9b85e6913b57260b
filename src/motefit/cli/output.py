"""What the commands print: text for people, JSON for programs."""

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape

from motefit.spec.codec import dumps_json

__all__ = ["INTERRUPTED", "MISTAKE", "err", "escape", "fail", "out", "print_json"]

MISTAKE, INTERRUPTED = 2, 130
"""Exit codes beside 0 and 1; the latter is the shell's own for Ctrl-C."""

WIDE = 160
"""Columns where there is no terminal: a table in a log or a pipe keeps its words whole."""

err = Console(stderr=True, highlight=False, emoji=False)
out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever dumps_json takes
    """Write one JSON document to standard output, and nothing else."""
    sys.stdout.write(dumps_json(value))


def fail(text: str) -> None:
    """Say what went wrong, on standard error."""
    err.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)
