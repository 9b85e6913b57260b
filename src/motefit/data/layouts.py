"""Folders read by a layout: speakers, sets and words in any order, or in file names."""

from collections.abc import Iterator
from pathlib import Path

from motefit.data.labeled_files import (
    Labeled,
    LabeledFile,
    arrange,
    edge_impulse_labels,
    subset_of,
)
from motefit.data.tree import Tree, composed, hidden_name
from motefit.spec.errors import DataError
from motefit.spec.layout_pattern import LayoutPattern, parse_layout
from motefit.spec.tasks.speech_spec import SPEAKER_FOLDERS, SpeechData


def find_layout(tree: Tree, data: SpeechData, reserved: frozenset[str]) -> str:
    """Return the layout that the recipe names, or one that can be only one thing.

    Sets in folders are taken if the recipe asks for the given split; labels in file names, if there
    are no folders and every name starts with a label and a dot.

    Args:
        tree: of the data folder.
        data: the recipe's section.
        reserved: names of folders that are neither words nor sets.

    Raises:
        DataError: if the recipe asks for the given split and the folders do not show it.
    """
    if data.layout:
        return data.layout
    folders = {n: f for n, f in tree.folders.items() if n not in reserved and not hidden_name(n)}
    if data.split == "given":
        return _given(tree, folders, data)
    flat = not any(folder.holds_sound() for folder in folders.values())
    return "word.*" if flat and _dotted(tree) else ""


def gives_sets(folder: Path) -> bool:
    """Return whether a folder has folders or tables of a training and a test set."""
    if not folder.is_dir():
        return False
    names = [path.stem if path.is_file() else path.name for path in folder.iterdir()
             if path.is_dir() or path.suffix.lower() in {".csv", ".tsv", ".jsonl"}]  # fmt: skip
    return {subset_of(name) for name in names} >= {"train", "test"}


def _given(tree: Tree, folders: dict[str, Tree], data: SpeechData) -> str:
    sets = {name: folder for name, folder in folders.items() if subset_of(name)}
    if {subset_of(name) for name in sets} >= {"train", "test"}:
        inner = "word/speaker" if data.speaker == SPEAKER_FOLDERS else "word"
        if all(folder.sounds and _dotted(folder) for folder in sets.values()):
            return "split/word.*"
        if not any(folder.sounds for folder in sets.values()):
            return f"split/{inner}"
    words = [folder for name, folder in folders.items() if folder.folders and not subset_of(name)]
    if words and all(all(map(subset_of, word.folders)) for word in words):
        return "word/split"
    shown = ", ".join(folders) or "none"
    raise DataError(
        f'{tree.path}: split = "given" needs folders of the sets, such as train, validation and '
        f"test, with one folder per word in each, or a manifest; found folders: {shown}; for other "
        'layouts give [data] layout, e.g. "split/speaker/word", or manifest'
    )


def _dotted(tree: Tree) -> bool:
    """Return whether file names start with one of at least two labels, and a dot."""
    stems = [path.stem for path in tree.clips]
    labels = {stem.partition(".")[0] for stem in stems}
    return bool(stems) and all("." in stem for stem in stems) and 2 <= len(labels) <= len(stems) / 2


def read_layout(tree: Tree, data: SpeechData, layout: str, reserved: frozenset[str]) -> Labeled:
    """Read words, speakers and sets from the paths of all files.

    Args:
        tree: of the data folder.
        data: the recipe's section.
        layout: its layout.
        reserved: names of folders and words that are not used.

    Raises:
        DataError: if no file matches, or a set is named in a way that is not known.
    """
    pattern = parse_layout(layout)
    labels = edge_impulse_labels(tree.path)
    files = list(_matching(tree, pattern, labels, reserved))
    if not files:
        example = next((path for path in tree.below()), None)
        found = f"; found for example {example.relative_to(tree.path)}" if example else ""
        raise DataError(f'{tree.path}: no audio file matches the layout "{layout}"{found}')
    source = "info.labels and file names" if labels else "paths"
    return arrange(files, data, where=tree.path, how=[f'layout: {source}, as "{layout}"'])


def _matching(
    tree: Tree, pattern: LayoutPattern, labels: dict[Path, str], reserved: frozenset[str]
) -> Iterator[LabeledFile]:
    for path in _clips(tree):
        folders = tuple(map(composed, path.relative_to(tree.path).parts[:-1]))
        place = pattern.place(folders, composed(path.stem))
        if place is None or not reserved.isdisjoint((*folders, place.word)):
            continue
        subset = "" if place.split is None else subset_of(place.split)
        if place.split is not None and not subset:
            raise DataError(
                f"{path}: {place.split!r} is not the name of a set; allowed are train, validation "
                "and test in common spellings"
            )
        yield LabeledFile(
            path=path,
            word=labels.get(path, place.word),
            name="/".join((*place.rest, composed(path.stem))),
            speaker=place.speaker,
            subset=subset,
        )


def _clips(tree: Tree) -> Iterator[Path]:
    yield from tree.clips
    for name, folder in tree.folders.items():
        if not hidden_name(name):
            yield from _clips(folder)
