import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.tflite import deflate as module
from motefit.tflite.deflate import deflate
from motefit.tflite.huffman import code_lengths
from motefit.tflite.write.write import write

TEXTURE = st.one_of(
    st.binary(max_size=400),
    st.lists(st.sampled_from([b"\0\0\0", b"abc", b"\x04\0\0\0", b"xyz" * 30]), max_size=60).map(
        b"".join
    ),
    st.integers(1, 1500).map(bytes),
    st.tuples(st.binary(min_size=1, max_size=3), st.integers(1, 600)).map(lambda t: t[0] * t[1]),
)


@settings(max_examples=60, deadline=None)
@given(TEXTURE)
def test_zlib_reads_what_the_search_writes(data):
    if data:
        assert zlib.decompress(module._searched(data), -15) == data
    packed = deflate(data)
    assert zlib.decompress(packed, -15) == data
    assert len(packed) <= len(deflate(data, thorough=False))


def test_blocks_of_their_own_where_the_data_changes():
    rng = np.random.default_rng(0)
    data = rng.integers(0, 4, 2000, np.uint8).tobytes() + rng.bytes(1500)
    tokens = module._refine(data, module._find_matches(data), 0, len(data)).tokens
    cuts = module._split(tokens)
    assert any(abs(cut - 2000) < 100 for cut in cuts)
    packed = deflate(data)
    assert zlib.decompress(packed, -15) == data
    assert len(packed) < 0.99 * len(zlib.compress(data, 9)) - 6


@pytest.mark.parametrize("form", ["float32", "int8", "weights"])
def test_models_shrink_beyond_zlib(case, form):
    data = write(case("mlp", form).graph)
    assert len(deflate(data)) < 0.97 * len(deflate(data, thorough=False))
    assert deflate(data) == deflate(data)


def test_long_data_is_left_to_zlib():
    data = bytes(module.SLOW_LIMIT_BYTES + 1)
    assert deflate(data) == deflate(data, thorough=False)


@given(
    st.lists(st.integers(0, 500), min_size=2, max_size=60).filter(lambda c: sum(map(bool, c)) > 1),
    st.integers(6, 15),
)
def test_code_lengths_make_a_complete_code(counts, limit):
    lengths = code_lengths(counts, limit)
    assert [bool(n) for n in lengths] == [bool(n) for n in counts]
    assert max(lengths) <= limit
    assert sum(2.0**-n for n in lengths if n) == 1.0


def test_code_lengths_are_optimal_for_powers_of_two():
    assert code_lengths([8, 4, 2, 1, 1], 15) == [1, 2, 3, 4, 4]
    assert max(code_lengths([8, 4, 2, 1, 1], 3)) == 3
