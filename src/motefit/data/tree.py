"""Audio files below a folder, found in one walk; names are compared in Unicode NFC."""

import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from motefit.data.decode import AUDIO_SUFFIXES
from motefit.spec.errors import DataError
from motefit.spec.labels import is_one_line

OTHER_SUFFIXES = (
    ".16sv", ".3gp", ".8svx", ".aac", ".ac3", ".amr", ".ape", ".avr", ".awb", ".dff", ".dsf",
    ".dts", ".eac3", ".flv", ".g722", ".gsm", ".htk", ".iff", ".ircam", ".m4a", ".m4b", ".m4r",
    ".mka", ".mkv", ".mov", ".mp+", ".mp2", ".mp4", ".mpc", ".mpga", ".mpp", ".ofr", ".paf", ".pcm",
    ".pvf", ".qoa", ".ra", ".raw", ".rm", ".sd2", ".sds", ".sf", ".shn", ".smp", ".spx", ".svx",
    ".tak", ".tta", ".vqf", ".weba", ".webm", ".wma", ".wv", ".wve", ".xi",
)  # fmt: skip
"""Extensions of audio files that are not read."""
_SOUND = frozenset((*AUDIO_SUFFIXES, *OTHER_SUFFIXES))
_OF_SYSTEMS = frozenset(
    {"$recycle.bin", "system volume information", "lost+found", "@eadir", "#recycle", "@tmp"}
)
"""Folders that Windows, Linux and network drives make, in lower case."""
DEEPEST = 6
"""Folders further below the given folder are not searched."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder and everything below it.

    Attributes:
        path: of the folder.
        sounds: audio files directly in it, readable or not, hidden or not; sorted.
        folders: its sub-folders by name in Unicode NFC, sorted; hidden ones too.
    """

    path: Path
    sounds: tuple[Path, ...]
    folders: Mapping[str, "Tree"]

    @property
    def clips(self) -> tuple[Path, ...]:
        """The files directly in it that can be read: known extension, not hidden."""
        return tuple(path for path in self.sounds if is_readable(path))

    def below(self) -> Iterator[Path]:
        """Yield all audio files, at any depth.

        Yields:
            their paths: those of a folder before those of its sub-folders.
        """
        yield from self.sounds
        for tree in self.folders.values():
            yield from tree.below()

    def holds_sound(self) -> bool:
        """Return whether there is an audio file that is not hidden, at any depth."""
        return any(not is_hidden(path, self.path) for path in self.below())


def composed(name: str) -> str:
    """Compose a name (NFC): as keyboards type it, whatever form the file system uses."""
    return unicodedata.normalize("NFC", name)


def is_there(path: Path) -> bool:
    """Return whether there is a file of that name; of a name that no file can have, False."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_readable(path: Path) -> bool:
    """Return whether a file has a supported extension and is not hidden."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def is_hidden(path: Path, below: Path) -> bool:
    """Return whether the file, or a folder between ``below`` and the file, is hidden."""
    return any(map(hidden_name, path.relative_to(below).parts))


def hidden_name(name: str) -> bool:
    """Return whether a name is hidden: it starts with a dot or ``__``, or systems make it."""
    return name.startswith((".", "__")) or name.casefold() in _OF_SYSTEMS


def read_tree(folder: Path) -> Tree:
    """Walk a folder once.

    Raises:
        DataError: for two sub-folders whose names differ only in their Unicode form, a name that is
            not UTF-8 or has a line break, or a sound that is a pipe or a link to nothing.
        OSError: if a folder cannot be read.
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
                _require_text(folder, entry.name)
                if not entry.is_file():
                    raise DataError(
                        f"{folder / entry.name}: is not a file (a broken link, a pipe or a "
                        "device); remove it"
                    )
                sounds.append(folder / entry.name)
    return Tree(path=folder, sounds=tuple(sounds), folders=dict(sorted(folders.items())))


def _is_above(path: Path, above: tuple[tuple[int, int], ...]) -> bool:
    """Return whether a link leads back to a folder that contains it."""
    status = path.stat()
    return (status.st_dev, status.st_ino) in above


def _require_text(folder: Path, name: str) -> None:
    """Refuse a name that is not read as UTF-8: cards and recipes name words and clips as text."""
    encoding = sys.getfilesystemencoding()
    if not name.isascii() and encoding != "utf-8":
        raise DataError(
            f"{folder / name}: names of files are read as {encoding} here, not as UTF-8: run "
            "motefit with PYTHONUTF8=1 in its environment, or set the locale to C.UTF-8"
        )
    if not name.isprintable() and any("\ud800" <= mark <= "\udfff" for mark in name):
        raise DataError(
            f"{folder / name}: the name is not UTF-8; rename it, e.g. with: "
            "convmv -f latin1 -t utf8"
        )


def _add(folders: dict[str, Tree], tree: Tree) -> None:
    if tree.holds_sound():
        _require_text(tree.path.parent, tree.path.name)
        if tree.path.name and not is_one_line(tree.path.name):
            raise DataError(
                f"{tree.path.parent}: the folder {tree.path.name!r} has a line break in its name; "
                "rename it, as it would break the lines of what is printed"
            )
    name = composed(tree.path.name)
    if name in folders:
        raise DataError(
            f"{tree.path.parent}: two folders are named {name}, which differ in their Unicode form "
            "only; join them"
        )
    folders[name] = tree
