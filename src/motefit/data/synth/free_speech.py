"""Other words and free sentences to speak, from lists and templates of our own."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from motefit.data.synth.phonemes import Phonemes, parse, sound_class, words_of
from motefit.data.synth.process import SpeakerProcess
from motefit.data.synth.voices import ENGLISH_ACCENTS

_SLOTS_TEXT = """\
who: my sister, your neighbor, the doctor, a friend, Anna, Peter, the teacher, our uncle, Maria,
  the driver, nobody, everyone, the children, George, the woman upstairs, somebody
thing: book, kettle, umbrella, ticket, blanket, garden, bicycle, picture, window, basket, letter,
  engine, melon, camera, mountain, jacket, turnip, river, candle, hammer, orange, poem, pencil,
  island, bottle, carpet, ladder, paper, village, wallet, flower, chicken
place: kitchen, office, station, market, bathroom, library, harbor, hotel, school, museum,
  hallway, park, bedroom, village, airport, cellar
time: tomorrow morning, at half past four, on Sunday, last winter, in twenty minutes, every
  evening, before breakfast, in September, a week ago, after the match, at noon, all night
how: red, heavy, broken, quiet, wonderful, narrow, cheap, modern, empty, friendly, yellow,
  ancient, slippery, tiny, comfortable, dangerous, loud, frozen, expensive, gentle
do: find, carry, clean, forget, repair, borrow, paint, describe, sell, open, measure, wrap, bring,
  hide, throw away, look after, pay for, talk about
filler: well, actually, you know, listen, I think, maybe, of course, by the way, anyway, sorry
number: three, seventeen, forty two, nine hundred, a dozen, sixty, one hundred and five, thirteen
"""
_SLOTS = {
    name: tuple(choices.split(", "))
    for name, _, choices in (
        line.partition(": ") for line in _SLOTS_TEXT.replace("\n  ", " ").splitlines()
    )
}
_TEMPLATES = (
    "{who} left the {how} {thing} in the {place}",
    "could you {do} the {thing} {time}",
    "there are {number} {thing}s behind the {place}",
    "{filler}, {who} wants to {do} a {how} {thing}",
    "is the {place} still {how} {time}",
    "we walked to the {place} and back {time}",
    "please do not {do} my {thing}",
    "{who} said that the {thing} was {how}, {filler}",
    "how many {thing}s can {who} {do} {time}",
    "the {how} {thing} costs {number} dollars",
    "turn around and {do} that {thing}",
    "why did {who} {do} a {thing} in the {place}",
    "it rained {time}, so {who} stayed in the {place}",
    "a {how} {thing}, {number} {thing}s and a {place}",
    "{filler}, what happened {time}",
    "read me the news about the {how} {place}",
    "remind {who} to {do} the {thing} {time}",
    "the number is {number}, {number}, {number}",
)
_MORE_WORDS = """\
about answer apple army bird blue bread bridge brother button cheese chair church city cloud color
cousin dance dinner door dream eleven evening family father finger fire fish forest fruit future
glass gold grass green hair hand happy heart honey horse house hundred ice idea iron jump juice
key king knife lake language laugh leaf leather lemon lion machine matter measure milk minute
mirror money month moon morning mother mouth movie music name nature nose ocean oil onion owner
page pepper piano plane please pocket pretty queen question rabbit rain reason ring road rose salt
season seven shadow sheep shirt shoulder silver sleep snow soap sound spring square street sugar
summer table tea thank thunder toy treasure tree uncle under vase vision voice wagon water weather
wheel white wind wood world yard yellow young zebra zero
"""
_SLOT_WORDS = " ".join(" ".join(choices) for choices in _SLOTS.values()).lower()
OTHER_WORDS = tuple(
    dict.fromkeys(word for word in f"{_SLOT_WORDS} {_MORE_WORDS}".split() if len(word) > 2)
)
"""Common English words."""


def is_english(accent: str) -> bool:
    """Return whether an espeak-ng language code is English."""
    return accent.partition("-")[0] == "en"


def sentences(
    count: int,
    *,
    seed: int = 0,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    without: Sequence[str] = (),
) -> tuple[str, ...]:
    """Make sentences of 1 to 5 s, by templates; in languages other than English, spoken numbers.

    Args:
        count: how many; the first of more are the same.
        seed: equal seeds give equal sentences.
        accents: espeak-ng language codes; the first decides on the language.
        without: words and phrases that no sentence may contain, also not spelled in another way.

    Raises:
        DataError: if espeak-ng knows no such accent.
        MissingExtraError: without ``espeakng_loader``.
    """
    rng, english = np.random.default_rng([seed, 1]), is_english(accents[0])
    with SpeakerProcess() as speaker:
        unwanted = _Unwanted(speaker, accents[0], without)
        drawn = (_sentence(rng) if english else _numbers(rng) for _ in range(50 * count))
        found: dict[str, None] = {}
        for text in drawn:
            if len(found) == count:
                break
            if not unwanted.inside(text):
                found[text] = None
    return tuple(found)


def other_words(
    count: int,
    *,
    seed: int = 0,
    accents: Sequence[str] = ENGLISH_ACCENTS,
    without: Sequence[str] = (),
) -> tuple[str, ...]:
    """Choose common words, then pairs of them; in languages other than English, numbers.

    Args:
        count: how many; the first of more are the same.
        seed: equal seeds give equal words.
        accents: espeak-ng language codes; the first decides on the language.
        without: words and phrases that may not be among them, also not spelled in another way.

    Raises:
        DataError: if espeak-ng knows no such accent.
        MissingExtraError: without ``espeakng_loader``.
    """
    rng = np.random.default_rng([seed, 2])
    words = OTHER_WORDS if is_english(accents[0]) else tuple(map(str, range(200)))
    texts = [words[at] for at in rng.permutation(len(words))]
    texts += [" ".join(rng.choice(words, 2)) for _ in range(2 * count)]
    with SpeakerProcess() as speaker:
        unwanted = _Unwanted(speaker, accents[0], without)
        wanted = (text for text in dict.fromkeys(texts) if not unwanted.inside(text))
        return tuple(islice(wanted, count))


class _Unwanted:
    """Words that may not be in a text, compared by sound."""

    def __init__(self, speaker: SpeakerProcess, accent: str, words: Sequence[str]) -> None:
        self._speaker, self._accent = speaker, accent
        self._words = [_sounds(self._transcribe(word)) for word in words]

    def inside(self, text: str) -> bool:
        """Return whether a text contains one of the words, as whole words in sequence."""
        if not self._words:
            return False
        heard = [_sounds(word) for word in words_of(self._transcribe(text))]
        return any(
            sum(heard[start:stop], ()) in self._words
            for start in range(len(heard))
            for stop in range(start + 1, min(start + 6, len(heard)) + 1)
        )

    def _transcribe(self, text: str) -> Phonemes:
        return parse(self._speaker.transcribe(text, self._accent))


def _sounds(phonemes: Phonemes) -> tuple[str, ...]:
    return tuple(sound_class(symbol) for symbol in phonemes if symbol.strip())


def _sentence(rng: np.random.Generator) -> str:
    text = _TEMPLATES[int(rng.integers(len(_TEMPLATES)))]
    for name, choices in _SLOTS.items():
        while (slot := f"{{{name}}}") in text:
            text = text.replace(slot, choices[int(rng.integers(len(choices)))], 1)
    return text


def _numbers(rng: np.random.Generator) -> str:
    return ", ".join(str(n) for n in rng.integers(0, 3000, int(rng.integers(2, 6))))
