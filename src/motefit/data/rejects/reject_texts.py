"""Texts for synthetic speech that is to be rejected: words like the recipe's, and sentences."""

import re
from collections.abc import Sequence

import numpy as np

_OPENINGS = (
    "the weather", "my brother", "this morning the teacher", "nobody in the house", "the old car",
    "her new neighbor", "every second visitor", "a friend of mine", "the man at the counter",
    "our little dog", "the radio", "somebody outside", "the last train", "your sister",
    "one of the children", "the doctor",
)  # fmt: skip
_VERBS = (
    "was talking about", "never liked", "will bring us", "has forgotten", "could not find",
    "is waiting for", "asked me about", "would rather have", "painted", "keeps selling",
    "remembered", "heard about", "wrote a letter about", "borrowed", "saw", "paid for",
)  # fmt: skip
_OBJECTS = (
    "the garden", "a cup of coffee", "seven green apples", "the blue umbrella", "his first guitar",
    "the meeting on Thursday", "a bottle of water", "that strange noise", "the kitchen window",
    "two loaves of bread", "a very long story", "the price of milk", "an empty box",
    "the football game", "some music", "the keys",
)  # fmt: skip
_ENDINGS = (
    "", "yesterday", "in the evening", "before breakfast", "with a smile", "for the third time",
    "at the station", "because it was late",
)  # fmt: skip
_STARTS = ("b", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "sh", "t", "v",
           "w", "st", "gr", "")  # fmt: skip
_VOWELS = "aeiou"
_LETTERS = "bdfgklmnprstvz"


def reject_texts(words: Sequence[str], count: int, *, rng: np.random.Generator) -> list[str]:
    """Make texts without the words: half of them sentences, half one to three similar words.

    Args:
        words: of the recipe.
        count: of texts.
        rng: the only source of randomness.
    """
    spoken = [f" {' '.join(_tokens(word))} " for word in words]
    texts: list[str] = []
    while len(texts) < count:
        if len(texts) % 2:
            text = " ".join(str(rng.choice(p)) for p in (_OPENINGS, _VERBS, _OBJECTS, _ENDINGS))
        else:
            near = [
                similar_word(str(rng.choice(words)), rng=rng) for _ in range(rng.integers(1, 4))
            ]
            text = ", ".join(near)
        heard = f" {' '.join(_tokens(text))} "
        if not any(word in heard for word in spoken):
            texts.append(text.strip())
    return texts


def similar_word(word: str, *, rng: np.random.Generator) -> str:
    """Change one sound of a word, by spelling: its start, a vowel, its end, or leave a half out."""
    text, kind = word.lower(), int(rng.integers(4))
    vowel = re.search(f"[{_VOWELS}y]", text)
    first = vowel.start() if vowel else 0
    if kind == 0:
        return str(rng.choice(_STARTS)) + text[first:]
    if kind == 1 and vowel:
        return text[:first] + str(rng.choice(list(_VOWELS))) + text[first + 1 :]
    if kind == 2 and len(text) > first + 1:
        return text[:-1] + str(rng.choice(list(_LETTERS)))
    half = -(-len(text) // 2)
    return text[:half] if rng.integers(2) else text[half:] or text


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())
