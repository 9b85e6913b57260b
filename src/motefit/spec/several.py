"""Arguments of the API that may be one or several: a text is one of them, never its letters."""

from collections.abc import Iterable
from pathlib import Path


def several_paths(given: str | Path | Iterable[str | Path]) -> tuple[str | Path, ...]:
    """Return one or several paths, or names of shipped models, as a tuple.

    >>> several_paths("yes-no"), several_paths(["up.wav", "down.wav"])
    (('yes-no',), ('up.wav', 'down.wav'))
    """
    return (given,) if isinstance(given, str | Path) else tuple(given)


def several_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple; a text has commas between them, as on the command line.

    >>> several_names("up, down"), several_names(["up", "down"]), several_names("")
    (('up', 'down'), ('up', 'down'), ())
    """
    if not isinstance(given, str):
        return tuple(given)
    return tuple(name.strip() for name in given.split(",") if name.strip())
