"""Words are moved whole, and other speech is heard only outside of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.rejects.half_words import word_span
from motefit.data.rejects.placed_words import LONGEST_GAP_S, placed_word

RATE = 16_000
NOTHING = np.zeros(RATE, np.int16)


def tone(first_s: float, last_s: float, hz: float = 500.0) -> np.ndarray:
    """A clip of one second with a tone in it, on a quiet background."""
    seconds = np.arange(RATE) / RATE
    inside = (seconds >= first_s) & (seconds < last_s)
    quiet = np.random.default_rng(0).normal(0, 3, RATE)
    return np.asarray(8000 * np.sin(2 * np.pi * hz * seconds) * inside + quiet, np.int16)


SPANS = st.tuples(st.integers(0, 30), st.integers(5, 20)).map(
    lambda ends: (ends[0] / 50, min((ends[0] + ends[1]) / 50, 1.0))
)
SEEDS = st.integers(0, 2**32 - 1)


@given(SPANS, SEEDS)
def test_a_moved_word_is_whole_and_has_no_silence_beside_it(span, seed):
    clip = tone(*span)
    first, last = word_span(clip, RATE)
    word = clip[first:last].astype(np.int64)
    moved = placed_word(
        clip, before=NOTHING, after=NOTHING, rate_hz=RATE, rng=np.random.default_rng(seed)
    )
    windows = np.lib.stride_tricks.sliding_window_view(moved, len(word))
    (places,) = np.nonzero((windows == word).all(axis=1))
    assert len(places) == 1
    place = int(places[0])
    rest = np.concatenate([moved[:place], moved[place + len(word) :]])
    assert len(rest) < RATE / 10 or 1 < rest.std() < 10


def test_every_place_where_a_word_is_whole_is_used():
    clip = tone(0.4, 0.6)
    places = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        moved = placed_word(clip, before=NOTHING, after=NOTHING, rate_hz=RATE, rng=rng)
        places.append(word_span(moved, RATE)[0] / RATE)
    assert min(places) < 0.05
    assert max(places) > 0.75
    assert abs(np.median(places) - 0.4) < 0.1


@given(SPANS, SEEDS, st.sampled_from(["before", "after"]))
def test_other_speech_is_heard_on_its_side_only_and_never_in_the_word(span, seed, side):
    clip, other = tone(*span), tone(0.0, 1.0, hz=3000.0)
    sides = {"before": NOTHING, "after": NOTHING}
    plain = placed_word(clip, **sides, rate_hz=RATE, rng=np.random.default_rng(seed))
    heard = placed_word(
        clip, **{**sides, side: other}, rate_hz=RATE, rng=np.random.default_rng(seed)
    )
    first, last = word_span(plain, RATE)
    changed = np.flatnonzero(heard != plain)
    # a span ends with whole blocks, which a move shifts by less than one of them
    block = RATE // 50
    room = first if side == "before" else RATE - last
    if side == "before":
        assert not (changed >= first + block).any()
    else:
        assert not (changed < last - block).any()
    assert len(changed) >= 0.9 * (room - LONGEST_GAP_S * RATE - 2 * block)
