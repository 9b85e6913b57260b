import sys
import zlib

import numpy as np
import pytest
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.errors import RecipeError
from motefit.tflite import deflate as module
from motefit.tflite.deflate import deflate
from motefit.tflite.write.write import write

TEXTURE = st.one_of(
    st.binary(max_size=400),
    st.lists(st.sampled_from([b"\0\0\0", b"abc", b"\x04\0\0\0", b"xyz" * 30]), max_size=60).map(
        b"".join
    ),
    st.integers(1, 1500).map(bytes),
    st.tuples(st.binary(min_size=1, max_size=3), st.integers(1, 600)).map(lambda t: t[0] * t[1]),
)


@pytest.fixture(scope="module", autouse=True)
def thorough():
    """Search as users do, not as other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MOTEFIT_ZIP_ROUNDS")
        yield


@pytest.fixture
def no_zopfli(monkeypatch):
    """None in ``sys.modules`` makes the import system treat a module as missing."""
    module._searched.cache_clear()
    monkeypatch.setitem(sys.modules, "zopfli.zlib", None)
    yield
    module._searched.cache_clear()


@examples(6)
@given(TEXTURE)
def test_zlib_reads_the_stream_and_writes_no_shorter_one(data):
    packed = deflate(data)
    assert zlib.decompress(packed, -15) == data
    assert len(packed) <= len(deflate(data, rounds=0))
    for level in (6, 9):
        packer = zlib.compressobj(level, zlib.DEFLATED, -15)
        assert len(packed) <= len(packer.compress(data) + packer.flush())


@pytest.mark.parametrize("form", ["float32", "int8", "weights"])
def test_models_shrink_beyond_zlib(case, form):
    pytest.importorskip("zopfli")
    data = write(case("mlp", form).graph)
    assert len(deflate(data)) < 0.97 * len(deflate(data, rounds=0))


@pytest.mark.parametrize("size", [700, 9000])
def test_equal_data_give_equal_streams(size):
    data = np.random.default_rng(0).integers(0, 40, size, np.uint8).tobytes()
    first = deflate(data)
    module._searched.cache_clear()
    assert deflate(data) == first


def test_separate_blocks_where_the_data_changes():
    pytest.importorskip("zopfli")
    rng = np.random.default_rng(0)
    data = rng.integers(0, 4, 2000, np.uint8).tobytes() + rng.bytes(1500)
    assert len(deflate(data)) < 0.99 * len(zlib.compress(data, 9)) - 6


def test_without_zopfli_zlib_packs(no_zopfli, case):
    data = write(case("mlp", "int8").graph)
    assert deflate(data) == deflate(data, rounds=0)
    assert zlib.decompress(deflate(data), -15) == data


def test_the_rounds_of_the_search_can_be_limited(monkeypatch):
    pytest.importorskip("zopfli")
    rng = np.random.default_rng(0)
    words = [rng.bytes(size) for size in (2, 3, 4, 5)]
    data = b"".join(words[place] for place in rng.integers(0, 4, 280))
    whole, few, alone = deflate(data), deflate(data, rounds=2), deflate(data, rounds=0)
    assert len(whole) < len(few) < len(alone)
    for most, expected in (("0", alone), ("2", few), ("2000", whole)):
        monkeypatch.setenv("MOTEFIT_ZIP_ROUNDS", most)
        assert deflate(data) == expected
    monkeypatch.setenv("MOTEFIT_ZIP_ROUNDS", "2")
    assert deflate(data, rounds=15) == few
    assert deflate(data, rounds=0) == alone
    monkeypatch.setenv("MOTEFIT_ZIP_ROUNDS", "few")
    with pytest.raises(RecipeError, match="must be a whole number from 0 to 999999, got 'few'"):
        deflate(data)


def test_long_data_is_left_to_zlib():
    data = bytes(module.MOST_BYTES + 1)
    assert deflate(data) == deflate(data, rounds=0)
