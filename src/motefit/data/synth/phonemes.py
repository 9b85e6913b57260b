"""Phonemes of espeak-ng: read from its transcriptions, compared, and written as its input.

A symbol is espeak-ng's own, with its stress mark: ``k_@_m_p_j_'u:_t_3`` is "computer". They differ
by language; what follows holds for all languages that espeak-ng speaks.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

Phonemes = tuple[str, ...]

WORD_BOUNDARY = " "
"""Separates the symbols of two words."""
STRESS = "',%="
_SYMBOL = re.compile(rf"[{STRESS}]*[A-Za-z0-9@&][A-Za-z0-9@&#:~^*?\"-]*")
_VOWELS = "aAeEiIoOuUyYVW0389@&"
_QUALITY = {"a": "A", "&": "A", "0": "O", "o": "O", "e": "E", "i": "I", "u": "U"}
_QUALITY |= {"V": "@", "3": "@", "8": "@", "9": "@"}
_VOICELESS = {"b": "p", "d": "t", "g": "k", "v": "f", "z": "s", "Z": "S", "D": "T", "dZ": "tS"}
_WEAK = frozenset({"@", "h", "j", "r", "w"})


def parse(transcription: str) -> Phonemes:
    """Read a transcription whose symbols are separated by ``_`` and whose words by blanks.

    >>> parse("s_m_'A@_t m_'I_r_3")
    ('s', 'm', "'A@", 't', ' ', 'm', "'I", 'r', '3')
    """
    words = []
    for word in transcription.split():
        symbols = [part for part in word.split("_") if _SYMBOL.fullmatch(part)]
        words += [WORD_BOUNDARY, *symbols] if symbols else []
    return tuple(words[1:])


def spoken(phonemes: Sequence[str]) -> str:
    """Write phonemes as a text that espeak-ng speaks.

    >>> spoken(("'V", "p"))
    "[['V|p]]"
    """
    words = " ".join("|".join(word) for word in words_of(phonemes))
    return f"[[{words}]]"


def words_of(phonemes: Sequence[str]) -> list[Phonemes]:
    """Split phonemes into words."""
    ends = [at for at, symbol in enumerate(phonemes) if symbol == WORD_BOUNDARY]
    starts = [0, *(end + 1 for end in ends)]
    found = zip(starts, [*ends, len(phonemes)], strict=True)
    return [tuple(phonemes[start:end]) for start, end in found if end > start]


def is_vowel(symbol: str) -> bool:
    """Return whether a symbol is a vowel or diphthong."""
    return symbol.lstrip(STRESS)[:1] in tuple(_VOWELS)


def sound_class(symbol: str) -> str:
    """Return the class of a symbol: what speakers of one language with other accents mix up.

    Voiced and voiceless consonants are one class, long and short vowels of a quality, too.

    >>> sound_class("'i:") == sound_class("I2"), sound_class("d") == sound_class("t#")
    (True, True)
    """
    bare = symbol.lstrip(STRESS)
    if bare == "a#":  # a reduced vowel, in espeak-ng's English the a of "about"
        return "@"
    core = re.sub(r"[:#~^*?\"-]|(?<=.)[2-9]", "", bare)
    if is_vowel(core):
        core = core[0] + core[1:].replace("@", "")
        return "".join(_QUALITY.get(mark, mark) for mark in core)
    return _VOICELESS.get(core, core)


def phoneme_distance(one: Sequence[str], two: Sequence[str]) -> float:
    """Return the edit distance of two words or phrases in phonemes that differ in class.

    A sound left out, added or exchanged counts 1; 0.5 for what speakers vary anyway: the vowel of
    an unstressed syllable, and leaving out or adding one of ``@ h j r w``. Repeated sounds are one,
    and word boundaries count nothing.

    >>> phoneme_distance(parse("l_'aI_t_s"), parse("l_'aI_k_s"))
    1.0
    >>> phoneme_distance(parse("k_'0_f_i"), parse("k_'O2_f_i:"))
    0.0
    """
    a, b = _sounds(one), _sounds(two)
    row = [0.0]
    for sound in b:
        row.append(row[-1] + _weight(sound))
    for x in a:
        last, row = row, [row[0] + _weight(x)]
        for at, y in enumerate(b):
            row.append(
                min(last[at] + _exchange(x, y), last[at + 1] + _weight(x), row[at] + _weight(y))
            )
    return row[-1]


class _Sound(NamedTuple):
    kind: str
    loose: bool
    """Whether it is a vowel without the main stress."""


def _sounds(phonemes: Sequence[str]) -> list[_Sound]:
    sounds = [
        _Sound(sound_class(symbol), is_vowel(symbol) and "'" not in symbol)
        for symbol in phonemes
        if symbol != WORD_BOUNDARY
    ]
    return [s for at, s in enumerate(sounds) if at == 0 or s.kind != sounds[at - 1].kind]


def _weight(sound: _Sound) -> float:
    return 0.5 if sound.kind in _WEAK else 1.0


def _exchange(one: _Sound, two: _Sound) -> float:
    return 0.0 if one.kind == two.kind else 0.5 if one.loose and two.loose else 1.0
