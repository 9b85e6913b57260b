"""Files that cannot be decoded: named, counted, and left out if they are few."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from motefit.data.splits import Split, word_of
from motefit.spec.errors import DataError

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class BrokenFile:
    """A file that cannot be used.

    Attributes:
        path: of the file.
        problem: message that says what was found and what to do.
    """

    path: Path
    problem: str


def path_free(problem: str, path: Path) -> str:
    """Write a message as a format string without the path, since data may be moved.

    >>> path_free("/a/b.wav: {odd}", Path("/a/b.wav"))
    '{path}: {{odd}}'
    """
    escaped, own = (t.replace("{", "{{").replace("}", "}}") for t in (problem, str(path)))
    return escaped.replace(own, "{path}")


def damaged_files(facts: Mapping[str, Any], files: Sequence[Path]) -> tuple[BrokenFile, ...]:
    """Return the files that were left out.

    Args:
        facts: ``damaged`` has an index and a message of :func:`path_free` for each.
        files: all files.
    """
    return tuple(
        BrokenFile(path=files[index], problem=problem.format(path=files[index]))
        for index, problem in facts["damaged"]
    )


def damage_note(damaged: Sequence[BrokenFile], total: int) -> str:
    """Count the files that were left out, and show some."""
    shown = "; ".join(file.problem for file in damaged[:_SHOWN])
    more = f"; and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
    return f"{len(damaged)} of {total} audio files are damaged and left out: {shown}{more}"


def damaged_words(names: Sequence[str], facts: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Count the clips that were left out by word, under ``"damaged"``; empty if there are none.

    Args:
        names: ids of all clips, in the order of the files.
        facts: as for :func:`damaged_files`.
    """
    lost = Counter(word_of(names[i]) for i, _ in facts["damaged"] if i < len(names))
    return {"damaged": dict(sorted(lost.items()))} if lost else {}


def without_damaged(split: Split, names: Sequence[str], facts: Mapping[str, Any]) -> Split:
    """Remove the clips that were left out from the sets.

    Args:
        split: of all clips.
        names: ids of all clips, in the order of the files.
        facts: as for :func:`damaged_files`.

    Raises:
        DataError: if a set, or the training clips of a word, are then empty.
    """
    lost = {names[index] for index, _ in facts["damaged"] if index < len(names)}
    if not lost:
        return split
    kept = {subset: tuple(n for n in own if n not in lost) for subset, own in split.subsets.items()}
    words = {word_of(name) for name in names}
    if not all(kept.values()) or {word_of(name) for name in kept["train"]} != words:
        raise DataError(
            f"without the damaged files, e.g. {min(lost)}, a set or the training clips of a word "
            "are empty; replace them, or add clips"
        )
    return replace(split, **kept)
