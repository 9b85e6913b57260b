"""Terminal output in which no text can send commands to the terminal."""

from typing import Any

from rich.console import Console

from motefit.spec.visible import visible


class SafeConsole(Console):
    """A console that replaces control characters in the text it is given.

    Cells of tables and styled texts have already gone through
    :func:`~motefit.spec.visible.visible`.
    """

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print as :meth:`rich.console.Console.print`."""
        super().print(*map(_shown, objects), **options)

    def out(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print as :meth:`rich.console.Console.out`, without markup."""
        super().out(*map(_shown, objects), **options)


def _shown(value: object) -> object:
    return visible(value) if isinstance(value, str) else value
