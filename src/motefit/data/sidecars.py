"""Clips with their labels in text files beside them: clip.wav and clip.txt, which says "up"."""

from collections.abc import Iterator
from pathlib import Path

from motefit.data.labeled_files import LabeledFile
from motefit.data.text_files import text_lines
from motefit.data.tree import Tree, composed, is_there
from motefit.spec.errors import DataError

SUFFIXES = (".txt", ".lab")
_LONGEST = 60
"""Characters of a label; a longer text is a transcript."""
_LARGEST_BYTES = 4096


def find_sidecars(tree: Tree) -> list[LabeledFile]:
    """Read the labels of clips from the text files beside them.

    Returns:
        the clips; none unless every clip of the folder, at any depth, has one line of text beside
        it, and the lines are of at least two words, each of at least two clips.
    """
    files = list(_labeled(tree)) if tree.holds_sound() else []
    if not files or any(file is None for file in files):
        return []
    found = [file for file in files if file is not None]
    labels = [file.word for file in found]
    words = set(labels)
    return found if len(words) > 1 and all(labels.count(word) > 1 for word in words) else []


def _labeled(tree: Tree) -> Iterator[LabeledFile | None]:
    for path in tree.below():
        if path.name.startswith("."):
            continue
        label = _label(path)
        if not label:
            yield None
            return
        name = path.relative_to(tree.path).with_suffix("").as_posix()
        yield LabeledFile(path=path, word=label, name=composed(name))


def _label(path: Path) -> str:
    """Return the text beside a clip; empty if there is none, or more than a label."""
    beside = next((b for s in SUFFIXES if is_there(b := path.with_suffix(s))), None)
    if beside is None or beside.stat().st_size > _LARGEST_BYTES:
        return ""
    try:
        lines = [line.strip() for line in text_lines(beside, []) if line.strip()]
    except DataError:
        return ""
    plain = len(lines) == 1 and len(lines[0]) <= _LONGEST and not set("\t/") & set(lines[0])
    return composed(lines[0]) if plain else ""
