"""Near-words: what a model for a word must not answer although it sounds much like the word.

They are made of the word's own phonemes, by espeak-ng's transcription, so they exist for any word
or phrase in any of its languages, and no list of words is needed.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from motefit.data.synth.free_speech import OTHER_WORDS, is_english
from motefit.data.synth.phonemes import (
    STRESS,
    WORD_BOUNDARY,
    Phonemes,
    is_vowel,
    parse,
    phoneme_distance,
    sound_class,
    spoken,
    words_of,
)
from motefit.data.synth.process import SpeakerProcess
from motefit.data.synth.voices import ENGLISH_ACCENTS
from motefit.spec.errors import DataError

_NEAREST = 1.0
"""Smallest distance from the word in any accent; what is nearer is the word itself."""
_TRIES = 60
"""Draws for each near-word wanted, after which there are no more to be found."""
_LISTENED = 100
_EVERY_LANGUAGE = " ".join(map(str, range(21))) + " 30 40 50 60 70 80 90 100 1000"
_LETTERS = " ".join("abcdefghijklmnopqrstuvwxyz")


def near_words(
    word: str,
    count: int,
    *,
    seed: int = 0,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    words: Sequence[str] = (),
) -> tuple[str, ...]:
    """Make texts that sound almost like a word: :attr:`Utterance.text` of one utterance each.

    Half of them differ by one phoneme, exchanged, added or left out; a quarter by two; a quarter is
    the beginning or the end of the word (of a phrase, some of its words, too). None is nearer than
    one phoneme to the word or to one of ``words`` in any accent; see
    :func:`~motefit.data.synth.phonemes.phoneme_distance`.

    Args:
        word: any text that espeak-ng can transcribe.
        count: how many; a very short word has fewer. The first of more are the same.
        seed: equal seeds give equal texts.
        accents: espeak-ng language codes; phonemes are those of the first.
        words: all words of the model, none of which may be among the near-words.

    Raises:
        DataError: if espeak-ng is silent for the word, or knows no such accent.
        MissingExtraError: without ``espeakng_loader``.
    """
    with SpeakerProcess() as speaker:
        base = parse(speaker.transcribe(word, accents[0]))
        if not any(map(is_vowel, base)):
            raise DataError(
                f"espeak-ng is silent for {word!r}; choose a word that can be pronounced"
            )
        kept_away = [
            parse(speaker.transcribe(text, accent))
            for text in dict.fromkeys((word, *words))
            for accent in accents
        ]
        sounds = _sounds(speaker, accents[0])
    rng = np.random.default_rng([seed, zlib.crc32(word.encode())])
    ways: tuple[Callable[[], Phonemes], ...] = (
        lambda: _edited(base, sounds, rng=rng),
        lambda: _edited(base, sounds, rng=rng),
        lambda: _edited(_edited(base, sounds, rng=rng), sounds, rng=rng),
        lambda: _part(base, rng=rng),
    )
    found: dict[str, None] = {}
    for tries in range(_TRIES * count):
        if len(found) == count:
            break
        near = _stressed(ways[tries % len(ways)]())
        if any(map(is_vowel, near)) and _apart(near, kept_away):
            found[spoken(near)] = None
    return tuple(found)


def _sounds(speaker: SpeakerProcess, accent: str) -> Phonemes:
    """List the phonemes of a language, without stress, as found in numbers and letters."""
    text = f"{_EVERY_LANGUAGE}, {_LETTERS}"
    if is_english(accent):
        text += f", {' '.join(OTHER_WORDS[:_LISTENED])}"
    found = {symbol.lstrip(STRESS) for symbol in parse(speaker.transcribe(text, accent))}
    return tuple(sorted(found - {WORD_BOUNDARY}))


def _apart(near: Phonemes, words: Sequence[Phonemes]) -> bool:
    return all(phoneme_distance(near, word) >= _NEAREST for word in words)


def _edited(base: Phonemes, sounds: Phonemes, *, rng: np.random.Generator) -> Phonemes:
    """Exchange a phoneme for another of its kind, leave it out, or add one before or after it."""
    places = [at for at, symbol in enumerate(base) if symbol != WORD_BOUNDARY]
    if not places:
        return base
    at = int(rng.choice(places))
    symbol, edit = base[at], rng.random()
    if edit < 0.6:
        mark = symbol[: len(symbol) - len(symbol.lstrip(STRESS))]
        kind, known = is_vowel(symbol), sound_class(symbol)
        others = [s for s in sounds if is_vowel(s) == kind and sound_class(s) != known]
        middle: Phonemes = (mark + str(rng.choice(others)),) if others else (symbol,)
    elif edit < 0.8:
        middle = ()
    else:
        added = str(rng.choice(sounds))
        middle = (added, symbol) if rng.random() < 0.5 else (symbol, added)
    return (*base[:at], *middle, *base[at + 1 :])


def _part(base: Phonemes, *, rng: np.random.Generator) -> Phonemes:
    """Take the beginning or the end of a word, or some words of a phrase."""
    words = words_of(base)
    if len(words) > 1 and rng.random() < 0.5:
        size = int(rng.integers(1, len(words)))
        start = int(rng.integers(len(words) - size + 1))
        chosen = [symbol for word in words[start : start + size] for symbol in (" ", *word)]
        return tuple(chosen[1:])
    if len(base) < 2:
        return base
    size = int(rng.integers(max(1, len(base) // 3), max(2, 1 + 3 * len(base) // 4)))
    part = base[:size] if rng.random() < 0.5 else base[-size:]
    return part[part[0] == WORD_BOUNDARY : len(part) - (part[-1] == WORD_BOUNDARY)]


def _stressed(phonemes: Phonemes) -> Phonemes:
    """Stress the first vowel if no phoneme has the main stress: espeak-ng would mumble."""
    if any("'" in symbol for symbol in phonemes):
        return phonemes
    first = next((at for at, symbol in enumerate(phonemes) if is_vowel(symbol)), None)
    if first is None:
        return phonemes
    stressed = "'" + phonemes[first].lstrip(STRESS)
    return (*phonemes[:first], stressed, *phonemes[first + 1 :])
