"""What the commands print: text for people, JSON for programs."""

import sys
from typing import Any

from rich.console import Console

from motefit.spec.codec import dumps_json

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:  # noqa: ANN401
    """Write one JSON document to standard output, and nothing else."""
    sys.stdout.write(dumps_json(value))


def fail(text: str) -> None:
    """Say what went wrong, on standard error."""
    err.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def escape(text: str) -> str:
    """Protect square brackets of data from rich's markup."""
    return text.replace("[", "\\[")
