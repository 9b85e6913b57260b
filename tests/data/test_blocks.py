"""Validation in blocks: spread over all rows, sharing none, in the given proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.blocks import divide_in_blocks
from motefit.data.series import split_segments
from motefit.spec.tasks.series_spec import SeriesData

STRETCHES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 400)), min_size=1, max_size=6)


@given(STRETCHES, st.integers(1, 60), st.floats(0.05, 0.6))
def test_blocks_divide_the_rows(gaps_and_lengths, block, share):
    stretches, at = [], 0
    for gap, length in gaps_and_lengths:
        stretches.append((at + gap, at + gap + length))
        at += gap + length
    train, validation = divide_in_blocks(stretches, block=block, share=share)
    rows = [[r for a, b in part for r in range(a, b)] for part in (train, validation)]
    assert sorted(rows[0] + rows[1]) == [r for a, b in stretches for r in range(a, b)]
    assert all(any(a <= c and d <= b for a, b in stretches) for c, d in (*train, *validation))
    blocks = sum(-(-(b - a) // block) for a, b in stretches)
    if blocks > 1:
        chosen = sum(-(-(b - a) // block) for a, b in validation)
        assert abs(chosen - blocks * share) <= 1


def test_years_have_other_months_for_validation():
    """Three years of 30-day blocks, two in nine for validation: no month is in every year."""
    years = [(0, 330), (365, 695), (730, 1060)]
    _, validation = divide_in_blocks(years, block=30, share=2 / 9)
    months = [{(r - start) // 30 for a, b in validation for r in range(a, b) if start <= r < stop}
              for start, stop in years]  # fmt: skip
    assert all(months)
    assert not set.intersection(*months)


def test_the_test_set_is_the_same_with_blocks():
    runs = ((0, 20_000), (20_000, 45_000))
    last = split_segments(runs, SeriesData())
    blocks = split_segments(runs, SeriesData(validation="blocks"))
    assert blocks["test"] == last["test"]
    rows = [sum(b - a for a, b in split["validation"]) for split in (last, blocks)]
    assert rows[1] == pytest.approx(rows[0], rel=0.3)
    kept = np.concatenate([np.arange(a, b) for a, b in (*blocks["train"], *blocks["validation"])])
    assert len(np.unique(kept)) == len(kept) == 40_500
