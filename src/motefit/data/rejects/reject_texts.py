"""Texts for synthetic speech that is to be rejected: near-words, other words and sentences."""

from collections.abc import Sequence

import numpy as np

from motefit.data.synth.free_speech import other_words, sentences
from motefit.data.synth.near_words import near_words

NEAR_PERCENT = 50
SENTENCE_PERCENT = 35
"""Shares of near-words and of sentences; the rest are other words."""


def reject_texts(words: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Make texts without the words, in random order.

    Args:
        words: of the recipe.
        count: of texts.
        seed: equal seeds give equal texts.
    """
    share = -(-count * NEAR_PERCENT // (100 * len(words)))
    near = [text for word in words for text in near_words(word, share, seed=seed, words=words)]
    whole = count * SENTENCE_PERCENT // 100
    texts = near + list(sentences(whole, seed=seed, without=words))
    texts += other_words(max(0, count - len(texts)), seed=seed, without=words)
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[n] for n in order][:count]
