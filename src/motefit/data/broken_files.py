"""Errors that list unusable audio files."""

from collections.abc import Sequence
from pathlib import Path

from motefit.spec.errors import DataError

_SHOWN = 5


def broken_error(root: Path, problems: Sequence[str], total: int) -> DataError:
    """Return an error that counts all unusable files and shows some.

    Args:
        root: of the data.
        problems: one message per unusable file.
        total: files in all.
    """
    shown = list(problems[:_SHOWN])
    if len(problems) > len(shown):
        shown = [*shown, f"... and {len(problems) - len(shown)} more"]
    lines = "\n  ".join(shown)
    return DataError(
        f"{root}: {len(problems)} of {total} audio files cannot be used:\n  {lines}\n"
        f"'motefit data audit {root}' lists all of them; [data] damaged_percent is the share that "
        "may be left out"
    )
