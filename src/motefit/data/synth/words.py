"""User-supplied words, checked and turned into folder names."""

import unicodedata
from collections.abc import Sequence

from motefit.spec.errors import DataError

_FORBIDDEN = frozenset('/\\<>:"|?*')
_LONGEST_NAME_BYTES = 100


def checked_words(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words as they are spoken and as their folders are named.

    Surrounding blanks are removed, inner blanks become one space, and letters are composed (NFC);
    everything else stays as typed: umlauts, digits, several words, capitals.

    Raises:
        DataError: without a word, for a word that cannot name a folder on every system, and for
            words whose folders would be the same on a system that ignores case.
    """
    if not words:
        raise DataError("no word to synthesize; give one or more, e.g. up,down")
    clean = tuple(" ".join(unicodedata.normalize("NFC", word).split()) for word in words)
    for typed, word in zip(words, clean, strict=True):
        problem = _problem(word)
        if problem:
            raise DataError(f"the word {typed!r} {problem}; choose another spelling")
    seen: dict[str, str] = {}
    for word in clean:
        other = seen.setdefault(word.casefold(), word)
        if other is not word:
            raise DataError(f"the words {other!r} and {word!r} are the same; give each word once")
    return clean


def _problem(word: str) -> str:
    if not word:
        return "is empty"
    bad = sorted({mark for mark in word if mark in _FORBIDDEN or not mark.isprintable()})
    if bad:
        marks = " ".join(repr(mark) for mark in bad)
        return f"has {marks}, which a folder name cannot have"
    if word[0] in "._" or word[-1] == ".":
        return "starts with '.' or '_' or ends with '.', which folder names here may not"
    if len(word.encode()) > _LONGEST_NAME_BYTES:
        return f"is longer than {_LONGEST_NAME_BYTES} bytes"
    return ""
