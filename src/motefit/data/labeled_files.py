"""Clips labeled by a layout or a manifest instead of by one folder per word."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from motefit.data.cuts import AGREE_S, Cut
from motefit.data.tree import composed
from motefit.spec.errors import DataError
from motefit.spec.labels import is_word
from motefit.spec.tasks.speech_spec import SpeechData

_SUBSET_NAMES = {
    "train": "train|trainings?|trn|entrenamiento|apprentissage|entra[iî]nement|addestramento",
    "validation": "val|valid|validate|validation|dev|development|validierungs?|validaci[oó]n",
    "test": "test|tests|testing|tst|eval|evaluation|holdout|pruebas?",
}
_SUBSET = {
    subset: re.compile(
        rf"({names})(sets?|data|daten|dataset|audio|wavs?|splits?|part|clips|words|files)?",
        re.IGNORECASE,
    )
    for subset, names in _SUBSET_NAMES.items()
}
_HOLD_OUT = re.compile(r"hold[-_ .]out", re.IGNORECASE)
_PIECES = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
"""Pieces of a name: between other characters than letters, and of TrainingSet."""
_INVISIBLE = {"Cf", "Cc"}
OF_OTHER_WORDS = "of other words"
OF_OTHER_SOUND = "of other sound"


@dataclass(frozen=True, kw_only=True)
class LabeledFile:
    """One clip.

    Attributes:
        path: of the file.
        cut: the part of the file that is the clip; None: all of it.
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
    cut: Cut | None = None

    def part(self, cut: Cut) -> "LabeledFile":
        """Return a clip that is a part of this one's file."""
        return replace(self, name=f"{self.name}@{cut}", cut=cut)


@dataclass(frozen=True, kw_only=True)
class Labeled:
    """Clips by id, with what is known about them.

    Attributes:
        clips: per word (sorted) the files by clip id (sorted).
        cuts: by clip id, the part of the file that is the clip, where it is not all of it.
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
    cuts: Mapping[str, Cut] = field(default_factory=dict)


def subset_of(name: str) -> str:
    """Return the set that a folder or table is named after; empty if it is none, or several.

    >>> subset_of("Training"), subset_of("dev"), subset_of("test_set"), subset_of("up")
    ('train', 'validation', 'test', '')
    >>> subset_of("train_part"), subset_of("dev.part"), subset_of("1-trainset_16k")
    ('train', 'validation', 'train')
    >>> subset_of("TestSet"), subset_of("dev_test"), subset_of("contest")
    ('test', '', '')
    """
    found = subsets_in(name)
    return found.pop() if len(found) == 1 else ""


def subsets_in(name: str) -> set[str]:
    """Return the sets that pieces of a name are named after."""
    pieces = _PIECES.findall(_HOLD_OUT.sub("holdout", name))
    return {
        subset
        for subset, pattern in _SUBSET.items()
        if any(pattern.fullmatch(piece) for piece in pieces)
    }


def arrange(
    files: Iterable[LabeledFile],
    data: SpeechData,
    *,
    where: Path,
    how: Sequence[str],
    reserved: frozenset[str] = frozenset(),
) -> Labeled:
    """Sort labeled files by word, and choose the recipe's words.

    Args:
        files: in any order.
        data: its words.
        where: the folder or manifest, for errors.
        how: sentences on how words were determined.
        reserved: labels of other sound, which are no words.

    Raises:
        DataError: for a clip or file that exists twice, a label that is no word, or few words.
    """
    clips: dict[str, dict[str, Path]] = {}
    speakers: dict[str, str] = {}
    subsets: dict[str, str] = {}
    skipped: dict[Path, str] = {}
    found: Counter[str] = Counter()
    places: dict[tuple[str, Cut | None], LabeledFile] = {}
    cuts: dict[str, Cut] = {}
    for file in files:
        _require_once(file, places)
        found[file.word] += 1
        if file.word in reserved:
            skipped[file.path] = OF_OTHER_SOUND
            continue
        if data.words and file.word not in data.words:
            skipped[file.path] = OF_OTHER_WORDS
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
        if file.cut:
            cuts[name] = file.cut
    _require_words(clips, found, data, where)
    return Labeled(
        clips={word: dict(sorted(clips[word].items())) for word in sorted(clips)},
        speakers=speakers,
        subsets=subsets,
        how=(*how, *_parts(clips, cuts), *case_hints(clips)),
        skipped=skipped,
        cuts=cuts,
    )


def _require_words(
    clips: Mapping[str, Mapping[str, Path]], found: Mapping[str, int], data: SpeechData, where: Path
) -> None:
    """Refuse words without clips, and too few words.

    Raises:
        DataError: naming the labels that were found.
    """
    if missing := [word for word in data.words if word not in clips]:
        raise DataError(
            f"{where}: there are no clips of {', '.join(missing)}; found: {_counted(found)}"
        )
    if len(clips) < 2 and not data.unknown:
        raise DataError(
            f"{where}: at least two words are needed; found: {_counted(found)}; a single one needs "
            "other speech to be told from: set unknown in [data]"
        )


def _parts(clips: Mapping[str, Mapping[str, Path]], cuts: Mapping[str, Cut]) -> list[str]:
    """Say how many recordings have the clips that are parts of one, and which clips overlap."""
    parts: dict[Path, list[Cut]] = {}
    for name, path in ((n, p) for held in clips.values() for n, p in held.items() if n in cuts):
        parts.setdefault(path, []).append(cuts[name])
    if not parts:
        return []
    recordings = f"{len(parts)} recordings" if len(parts) > 1 else "one recording"
    notes = [f"{len(cuts)} clips are parts of {recordings}"]
    overlapping = sum(
        after.start_s < one.end_s - AGREE_S
        for held in parts.values()
        for one, after in pairwise(sorted(held))
    )
    if overlapping:
        notes.append(
            f"clips that begin before the one before them ends: {overlapping}; a word in both may "
            "be in the training and in the test set, and has both labels: correct the times"
        )
    return notes


def _require_word(file: LabeledFile) -> None:
    """Refuse a label that cannot be the name of a word.

    Raises:
        DataError: naming the file.
    """
    if not is_word(file.word):
        raise DataError(
            f"{file.path}: the label {file.word!r} is empty, or has a slash or a line break; a "
            "label is the name of a word: correct it"
        )


def _require_once(file: LabeledFile, places: dict[tuple[str, Cut | None], LabeledFile]) -> None:
    """Refuse a file that is listed twice, whatever its path looks like, or whose label is no word.

    Raises:
        DataError: saying with which labels or in which sets it is listed.
    """
    _require_word(file)
    other = places.setdefault((os.path.realpath(file.path), file.cut), file)
    if other is file:
        return
    said = [f"as {one.word!r}{f' for {one.subset}' * bool(one.subset)}" for one in (other, file)]
    what = f"the part {file.cut} s" if file.cut else "the file"
    raise DataError(f"{file.path}: {what} is listed twice, {' and '.join(said)}; remove one")


def case_hints(words: Iterable[str]) -> list[str]:
    """Point out labels that differ only by case, spaces, width or characters that are not shown."""
    groups: dict[str, list[str]] = {}
    for word in sorted(words):
        shown = (c for c in word if unicodedata.category(c) not in _INVISIBLE)
        plain = unicodedata.normalize("NFKC", "".join(shown)).casefold().rstrip(".,!?;:")
        groups.setdefault(" ".join(plain.split()), []).append(word)
    hints = []
    for group in (group for group in groups.values() if len(group) > 1):
        by_case = len({word.casefold() for word in group}) == 1
        shown_words = ", ".join(group if by_case else map(ascii, group))
        how = "case" if by_case else "case, spaces, marks or characters that are not shown"
        hints.append(
            f"the words {shown_words} differ by {how} only; if they are one word, join them"
        )
    return hints


def edge_impulse_labels(folder: Path) -> dict[Path, str]:
    """Read the labels of an Edge Impulse export (``info.labels``); empty if it has none.

    Raises:
        DataError: if the file cannot be read.
    """
    path = folder / "info.labels"
    if not path.is_file():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8-sig")).get("files", [])
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
