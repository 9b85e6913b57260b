"""Length of clips, chosen by how long words take to say."""

from collections.abc import Sequence

import numpy as np

from motefit.data.synth.clip_writer import MARGIN_S
from motefit.data.synth.process import SpeakerProcess, Utterance
from motefit.data.synth.sound import trim
from motefit.data.synth.voices import SPEED_RANGE, cast

SHORTEST_S = 1.0
LONGEST_S = 3.0
"""Clips are this long at most."""
_STEP_S = 0.1
_VOICES = 12
_FITTING_PERCENT = 90
_SHORT_WORD = 8
"""Letters of a word that is not measured: everybody says it within a second."""


def choose_seconds(words: Sequence[str], accents: Sequence[str]) -> float:
    """Choose the length of clips in which words are said without haste.

    Of 12 voices at their own speed, 9 of 10 utterances fit each word; at least 1 s, at most 3 s, in
    steps of 0.1 s. Words of up to 8 Latin letters are not measured.

    Args:
        words: any texts.
        accents: espeak-ng language codes.

    Raises:
        DataError: for an unknown accent, or a failing espeak-ng process.
        MissingExtraError: without ``espeakng_loader``.
    """
    words = [word for word in words if not (word.isalpha() and _short(word))]
    if not words:
        return SHORTEST_S
    everybody = cast(accents)
    voices = everybody[:: -(-len(everybody) // _VOICES)]
    needed = SHORTEST_S
    with SpeakerProcess() as speaker:
        for word in words:
            lengths = []
            for voice in voices:
                said = speaker.say(
                    Utterance(text=word, voice=voice.voice, pitch=voice.pitch, speed=voice.speed)
                )
                lengths.append(len(trim(said, speaker.rate_hz)) * voice.size / speaker.rate_hz)
            slow = float(np.percentile(lengths, _FITTING_PERCENT)) / SPEED_RANGE[0]
            needed = max(needed, slow + MARGIN_S)
    return float(min(round(np.ceil(needed / _STEP_S - 1e-9) * _STEP_S, 1), LONGEST_S))


def _short(word: str) -> bool:
    return word.isascii() and len(word) <= _SHORT_WORD
