"""The audio files below a folder, found in one walk; names are compared in Unicode's form NFC."""

import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from motefit.data.decode import AUDIO_SUFFIXES
from motefit.spec.errors import DataError

OTHER_SUFFIXES = (
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flv", ".gsm",
    ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpga", ".oga", ".opus", ".ra",
    ".rf64", ".snd", ".sph", ".voc", ".w64", ".wave", ".weba", ".webm", ".wma", ".wv",
)  # fmt: skip
"""Endings of files that hold sound and are not read."""
_SOUND = frozenset((*AUDIO_SUFFIXES, *OTHER_SUFFIXES))
DEEPEST = 6
"""Folders further below the folder given are not looked into."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder and all below it.

    Attributes:
        path: of the folder.
        sounds: files directly in it that hold sound, readable or not, hidden or not; sorted.
        folders: its sub-folders by name in form NFC, sorted; hidden ones too.
    """

    path: Path
    sounds: tuple[Path, ...]
    folders: Mapping[str, "Tree"]

    @property
    def clips(self) -> tuple[Path, ...]:
        """The files directly in it that can be read: known ending, not hidden."""
        return tuple(path for path in self.sounds if is_readable(path))

    def below(self) -> Iterator[Path]:
        """All files that hold sound, at any depth.

        Yields:
            their paths: those of a folder before those of its sub-folders.
        """
        yield from self.sounds
        for tree in self.folders.values():
            yield from tree.below()

    def holds_sound(self) -> bool:
        """Whether a file that is not hidden lies at any depth."""
        return any(not is_hidden(path, self.path) for path in self.below())


def composed(name: str) -> str:
    """A name in form NFC: as keyboards type it, whatever the file system made of it."""
    return unicodedata.normalize("NFC", name)


def is_readable(path: Path) -> bool:
    """Whether a file has an ending that is read and is not hidden."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def is_hidden(path: Path, below: Path) -> bool:
    """Whether the file, or a folder between ``below`` and the file, is hidden."""
    return any(map(hidden_name, path.relative_to(below).parts))


def hidden_name(name: str) -> bool:
    """Whether a name is hidden: it begins with a dot or, as ``__MACOSX``, with two underscores."""
    return name.startswith((".", "__"))


def read_tree(folder: Path) -> Tree:
    """Walk a folder once.

    Raises:
        DataError: two sub-folders whose names differ in their Unicode form only.
        OSError: when a folder cannot be read.
    """
    return _read(folder, (), DEEPEST)


def _read(folder: Path, above: tuple[tuple[int, int], ...], depth: int) -> Tree:
    status = folder.stat()
    here = (*above, (status.st_dev, status.st_ino))
    sounds: list[Path] = []
    folders: dict[str, Tree] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                if depth and not _is_above(Path(entry.path), here):
                    _add(folders, _read(Path(entry.path), here, depth - 1))
            elif entry.name[entry.name.rfind(".") :].lower() in _SOUND:
                sounds.append(folder / entry.name)
    return Tree(path=folder, sounds=tuple(sounds), folders=dict(sorted(folders.items())))


def _is_above(path: Path, above: tuple[tuple[int, int], ...]) -> bool:
    """Whether a link leads back to a folder that it lies in."""
    status = path.stat()
    return (status.st_dev, status.st_ino) in above


def _add(folders: dict[str, Tree], tree: Tree) -> None:
    name = composed(tree.path.name)
    if name in folders:
        raise DataError(
            f"{tree.path.parent}: two folders are named {name}, which differ in their Unicode form "
            "only; join them"
        )
    folders[name] = tree
