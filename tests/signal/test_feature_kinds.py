"""One conformance check over every registered kind of features."""

import dataclasses

import numpy as np
import pytest
from front_ends import EXAMPLES

from motefit.signal.features import features_of
from motefit.spec.codec import decode
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd


def test_every_kind_has_an_example() -> None:
    assert {"mel", "spectrogram"} <= set(FEATURE_KINDS.names())
    assert set(EXAMPLES) == set(FEATURE_KINDS.names()), "the new kind needs an example"


@pytest.mark.parametrize("kind", FEATURE_KINDS.names())
def test_shape_bins_and_rows(kind: str) -> None:
    frontend = EXAMPLES[kind]
    entry = FEATURE_KINDS.find(kind)
    first, stop = entry.bins(frontend)
    assert 0 <= first < stop <= frontend.frame_length // 2 + 1
    magnitude = np.random.default_rng(0).random((7, stop - first), dtype=np.float32)
    given = magnitude.copy()
    finish = entry.build(frontend)
    rows = finish(magnitude)
    assert rows.shape == (7, frontend.features)
    assert rows.dtype == np.float32
    assert np.isfinite(finish(np.zeros_like(magnitude))).all()
    np.testing.assert_array_equal(magnitude, given)
    assert not np.shares_memory(rows, magnitude)
    alone = np.concatenate([finish(row[None]) for row in magnitude])
    np.testing.assert_allclose(alone, rows, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", FEATURE_KINDS.names())
def test_cards_carry_it(kind: str) -> None:
    frontend = EXAMPLES[kind]
    assert decode(FrontEnd, dataclasses.asdict(frontend), where="card") == frontend
    assert features_of(frontend) is features_of(dataclasses.replace(frontend))


def test_unknown_kind_and_wrong_settings_are_refused_in_words() -> None:
    with pytest.raises(
        RecipeError, match=r"'mell'.*did you mean 'mel'.*allowed: .*mel, .*spectrogram"
    ):
        FrontEnd(kind="mell")
    with pytest.raises(RecipeError, match="set mel_bins = 0"):
        FrontEnd(kind="spectrogram")
    with pytest.raises(RecipeError, match=r"coefficients 0\.\.mel_bins, got 10 and 11"):
        FrontEnd(mel_bins=10, coefficients=11)
    with pytest.raises(RecipeError, match=r"no bin .* 25 Hz apart"):
        FrontEnd(kind="spectrogram", mel_bins=0, coefficients=0, lower_hz=26.0, upper_hz=49.0)
