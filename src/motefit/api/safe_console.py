"""Terminal output whose texts cannot command the terminal."""

from typing import Any

from rich.console import Console

from motefit.spec.visible import visible


class SafeConsole(Console):
    """A console that replaces control characters in the text it is given.

    Tables and styled texts are made of cells that :func:`~motefit.spec.visible.visible` has seen.
    """

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print as :meth:`rich.console.Console.print`."""
        super().print(*map(_shown, objects), **options)

    def out(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print as :meth:`rich.console.Console.out`, without markup."""
        super().out(*map(_shown, objects), **options)


def _shown(value: object) -> object:
    return visible(value) if isinstance(value, str) else value
