"""Layouts of folders of recordings: which part of a path is the word, the speaker, the set."""

import re
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError

NAMES = ("word", "speaker", "split")
_EXAMPLES = '"word", "word/speaker", "speaker/word", "split/word", "split/word.*", "word_speaker_*"'
_TOKEN = re.compile(r"word|speaker|split|\*|[._-]|.")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a path says about a clip.

    Attributes:
        word: its label.
        speaker: who speaks; None if the layout does not say.
        split: name of its set as it is spelled; None if the layout does not say.
        rest: the names of the other folders.
    """

    word: str
    speaker: str | None
    split: str | None
    rest: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class LayoutPattern:
    """Names of folders, from the data folder down, and what file names contain.

    ``word``, ``speaker`` and ``split`` are folders with that meaning, ``*`` is any folder. The last
    element is a file name if it joins such names by ``.``, ``_`` or ``-``; otherwise files may have
    any name.

    Attributes:
        folders: meaning of each folder.
        file: regular expression of file names without their extension.
        names: meanings that occur, folders first.
    """

    folders: tuple[str, ...]
    file: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)

    def place(self, folders: tuple[str, ...], stem: str) -> Place | None:
        """Read a path.

        Args:
            folders: names of the folders, from the data folder down.
            stem: of the file name.

        Returns:
            what it says; None if it does not match.

        >>> parse_layout("speaker/word").place(("ann", "up"), "3").speaker
        'ann'
        >>> parse_layout("split/word.*").place(("training",), "up.3.wav").word
        'up'
        """
        match = re.fullmatch(self.file, stem, re.DOTALL)
        if len(folders) != len(self.folders) or match is None:
            return None
        found = match.groupdict()
        found |= {k: n for k, n in zip(self.folders, folders, strict=True) if k != "*"}
        kinds = zip(self.folders, folders, strict=True)
        return Place(
            word=found["word"],
            speaker=found.get("speaker"),
            split=found.get("split"),
            rest=tuple(name for kind, name in kinds if kind != "word"),
        )


def parse_layout(text: str) -> LayoutPattern:
    """Parse a layout.

    Args:
        text: e.g. ``"split/word.*"``.

    Raises:
        RecipeError: for anything but the names above, a name twice, or no word.
    """
    elements = text.split("/")
    last = [] if elements[-1] in {*NAMES, "*"} else _TOKEN.findall(elements[-1])
    folders = elements[:-1] if last else elements
    names = [name for name in (*folders, *last) if name in NAMES]
    allowed = {*NAMES, "*"}
    if not (
        all(name in allowed for name in folders)
        and all(token in (allowed if i % 2 == 0 else "._-") for i, token in enumerate(last))
        and len(last) % 2 == (1 if last else 0)
        and len(set(names)) == len(names)
        and "word" in names
    ):
        raise RecipeError(
            "layout must name folders by word, speaker, split or *, the word exactly once, and may "
            f"end in a file name such as word.*; for example {_EXAMPLES}; got {text!r}"
        )
    pattern = "".join(
        _piece(token, last[i + 1] if i + 1 < len(last) else "") for i, token in enumerate(last)
    )
    return LayoutPattern(folders=tuple(folders), file=pattern or ".*", names=tuple(names))


def _piece(kind: str, separator: str) -> str:
    """Return the pattern of one name in a file name, or of the separator itself."""
    if kind == "*":
        return ".*"
    if kind in NAMES:
        return f"(?P<{kind}>[^{re.escape(separator)}]+)" if separator else f"(?P<{kind}>.+)"
    return re.escape(kind)
