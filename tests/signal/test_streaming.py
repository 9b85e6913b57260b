"""Sound in chunks gives the features of the whole, at any rate, for every kind, without drift."""

import tracemalloc

import numpy as np
import pytest
from front_ends import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.signal.features import features_of
from motefit.signal.resample import Resampler, resample
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd

# Sums in another order, on features of noise, which are within 15.
CLOSE = 2e-4


def noise(samples: int) -> np.ndarray:
    values = np.random.default_rng(samples).standard_normal(samples)
    return (0.1 * values).astype(np.float32)


@pytest.mark.parametrize("kind", FEATURE_KINDS.names())
@pytest.mark.parametrize("rate_hz", [8000, 11_025, 44_100, 48_000])
@settings(max_examples=15)
@given(data=st.data())
def test_resampled_chunks_give_the_features_of_the_whole(
    kind: str, rate_hz: int, data: st.DataObject
) -> None:
    frontend = EXAMPLES[kind]
    features = features_of(frontend)
    pcm = noise(rate_hz // 2 + 77)
    whole = features.whole(resample(pcm, rate_hz, frontend.rate_hz))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm)), max_size=12)))
    resampler, stream = Resampler(rate_hz, frontend.rate_hz), features.stream()
    pieces = [stream.push(resampler.push(part)) for part in np.split(pcm, cuts)]
    pieces.append(stream.push(resampler.finish()))
    scale = max(float(np.abs(whole).max()), 1.0)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=CLOSE * scale)


@pytest.mark.parametrize(
    "seconds", [30, pytest.param(3600, marks=pytest.mark.proof)], ids=["half a minute", "an hour"]
)
@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_no_drift_and_constant_memory(rate_hz: int, seconds: int) -> None:
    """Counts are exact, and at the end a tone is where it should be."""
    frontend = FrontEnd()
    resampler, stream = Resampler(rate_hz, frontend.rate_hz), features_of(frontend).stream()
    hertz, chunk = 1000.0, rate_hz + 1  # never in step with the seconds
    total, given_, made, frames = rate_hz * seconds, 0, 0, 0
    last, begun, before = np.zeros(0, np.float32), False, 0
    for first in range(0, total, chunk):
        n = np.arange(first, min(first + chunk, total))
        tone = np.sin(2 * np.pi * hertz / rate_hz * (n % rate_hz)).astype(np.float32)
        last = resampler.push(tone)
        given_, made = given_ + len(n), made + len(last)
        frames += len(stream.push(last))
        del n, tone
        if not begun and first > 5 * rate_hz:
            begun = True
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert given_ == total
    assert after - before < 2 * last.nbytes + 50_000
    end = made
    made += len(resampler.finish())
    assert made == seconds * frontend.rate_hz
    held_back = made - end
    assert held_back < 0.1 * frontend.rate_hz
    assert frames == (end - frontend.frame_length) // frontend.frame_step + 1
    # the newest samples against the tone itself, by their own place in the hour
    place = np.arange(end - len(last), end) % frontend.rate_hz
    expected = np.sin(2 * np.pi * hertz / frontend.rate_hz * place)
    np.testing.assert_allclose(last, expected, atol=1e-3)
