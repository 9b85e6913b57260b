"""Clips labeled by a layout or a manifest instead of by one folder per word."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from motefit.data.tree import composed
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

_SUBSET_NAMES = {
    "train": "train|training|trn",
    "validation": "val|valid|validate|validation|dev|development",
    "test": "test|testing|tst|eval|evaluation|holdout",
}
_SUBSET = {
    subset: re.compile(
        rf"({names})([-_ .]?(set|data|audio|wavs?|split|part|clips|words|\d+))?", re.IGNORECASE
    )
    for subset, names in _SUBSET_NAMES.items()
}
OTHER_WORDS = "of other words"


@dataclass(frozen=True, kw_only=True)
class LabeledFile:
    """One clip.

    Attributes:
        path: of the file.
        word: its label, in Unicode NFC.
        name: of the clip within its word, unique there.
        speaker: who speaks; None if that is not said.
        subset: its set, ``"train"``, ``"validation"`` or ``"test"``; empty if that is not said.
    """

    path: Path
    word: str
    name: str
    speaker: str | None = None
    subset: str = ""


@dataclass(frozen=True, kw_only=True)
class Labeled:
    """Clips by id, with what is known about them.

    Attributes:
        clips: per word (sorted) the files by clip id (sorted).
        speakers: by clip id, where known.
        subsets: by clip id, where given.
        how: sentences on how words and sets were determined.
        skipped: files of other words.
    """

    clips: dict[str, dict[str, Path]]
    speakers: Mapping[str, str]
    subsets: Mapping[str, str]
    how: tuple[str, ...]
    skipped: Mapping[Path, str] = field(default_factory=dict)


def subset_of(name: str) -> str:
    """Return the set that a folder or table is named after; empty if it is none.

    >>> subset_of("Training"), subset_of("dev"), subset_of("test_set"), subset_of("up")
    ('train', 'validation', 'test', '')
    >>> subset_of("train_part"), subset_of("dev.part"), subset_of("train_subset")
    ('train', 'validation', '')
    """
    return next((subset for subset, found in _SUBSET.items() if found.fullmatch(name)), "")


def arrange(
    files: Iterable[LabeledFile], data: SpeechData, *, where: Path, how: Sequence[str]
) -> Labeled:
    """Sort labeled files by word, and choose the recipe's words.

    Args:
        files: in any order.
        data: its words.
        where: the folder or manifest, for errors.
        how: sentences on how words were determined.

    Raises:
        DataError: for a clip with two files, a missing word, or fewer than two words.
    """
    clips: dict[str, dict[str, Path]] = {}
    speakers: dict[str, str] = {}
    subsets: dict[str, str] = {}
    skipped: dict[Path, str] = {}
    found: Counter[str] = Counter()
    for file in files:
        found[file.word] += 1
        if data.words and file.word not in data.words:
            skipped[file.path] = OTHER_WORDS
            continue
        name = f"{file.word}/{file.name}"
        held = clips.setdefault(file.word, {})
        if name in held:
            raise DataError(f"{file.path}: the clip {name} exists twice, also as {held[name]}")
        held[name] = file.path
        if file.speaker:
            speakers[name] = file.speaker
        if file.subset:
            subsets[name] = file.subset
    if missing := [word for word in data.words if word not in clips]:
        raise DataError(
            f"{where}: there are no clips of {', '.join(missing)}; found: {_counted(found)}"
        )
    if len(clips) < 2 and not data.unknown:
        raise DataError(
            f"{where}: at least two words are needed; found: {_counted(found)}; a single one needs "
            "other speech to be told from: set unknown in [data]"
        )
    return Labeled(
        clips={word: dict(sorted(clips[word].items())) for word in sorted(clips)},
        speakers=speakers,
        subsets=subsets,
        how=(*how, *case_hints(clips)),
        skipped=skipped,
    )


def case_hints(words: Iterable[str]) -> list[str]:
    """Point out labels that differ by case only."""
    groups: dict[str, list[str]] = {}
    for word in sorted(words):
        groups.setdefault(word.casefold(), []).append(word)
    return [
        f"the words {', '.join(group)} differ by case only; if they are one word, join them"
        for group in groups.values()
        if len(group) > 1
    ]


def edge_impulse_labels(folder: Path) -> dict[Path, str]:
    """Read the labels of an Edge Impulse export (``info.labels``); empty if it has none.

    Raises:
        DataError: if the file cannot be read.
    """
    path = folder / "info.labels"
    if not path.is_file():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8")).get("files", [])
        return {
            folder / entry["path"]: composed(entry["label"]["label"])
            for entry in files
            if entry["label"].get("type", "label") == "label"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: not the label file of an Edge Impulse export ({error!r}); correct it, or "
            "remove it"
        ) from None


def _counted(found: Mapping[str, int]) -> str:
    shown = ", ".join(f"{word} ({found[word]})" for word in sorted(found)[:8]) or "none"
    return f"{shown}, ... ({len(found)} in all)" if len(found) > 8 else shown
