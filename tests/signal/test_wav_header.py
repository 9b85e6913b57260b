"""Headers of sound files byte by byte: every length, code and limit from both sides."""

import io
import struct

import pytest
import wav_files
from hypothesis import given, settings
from hypothesis import strategies as st
from wav_files import chunk

from motefit.signal.sample_formats import SampleFormat
from motefit.signal.wav_header import (
    UNKNOWN_BYTES,
    OtherEncodingError,
    WavHeader,
    read_header,
    starts_wav,
)
from motefit.spec.errors import DataError

FORM = wav_files.format_chunk(rate_hz=16_000)
SOUND = b"\x01\0\x02\0\x03\0"
LARGEST = 1 << 16


def header(content: bytes, piece: int = 1 << 20) -> tuple[WavHeader, bytes]:
    """Read a header at most so many bytes at a time; return what is left of the file, too."""
    file = io.BytesIO(content)
    found = read_header(lambda count: file.read(min(count, piece)))
    return found, found.start + file.read()


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    return magic + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


@settings(max_examples=20)
@given(
    container=st.sampled_from(["WAV", "RF64", "W64"]),
    kind=st.sampled_from([("integer", 1), ("integer", 3), ("float", 8), ("mu-law", 1)]),
    channels=st.integers(1, 9),
    extensible=st.booleans(),
    before=st.lists(st.tuples(st.just(b"LIST"), st.binary(max_size=9)), max_size=2),
    piece=st.sampled_from([1, 5, 1 << 20]),
)
def test_a_header_says_what_was_written(container, kind, channels, extensible, before, piece):
    name, size = kind
    form = wav_files.format_chunk(
        rate_hz=44_100, channels=channels, kind=name, size=size, extensible=extensible
    )
    data = bytes(range(size * channels)) * 2
    content = wav_files.wav(data, form, container=container, before=before)
    assert starts_wav(content[:40])
    found, rest = header(content, piece)
    assert (found.container, found.rate_hz, found.channels) == (container, 44_100, channels)
    assert found.samples == SampleFormat(kind=name, sample_bytes=size)
    assert (found.data_bytes, found.frame_bytes) == (len(data), size * channels)
    assert rest[: len(data)] == data


def test_files_are_known_by_how_they_start():
    wave64 = wav_files.wav(SOUND, FORM, container="W64")
    for magic in (b"RIFF", b"RF64", b"BW64"):
        assert starts_wav(riff(magic=magic))
    for other in (b"RIFX" + bytes(4) + b"WAVE", b"RIFF" + bytes(4) + b"AVI ", wave64[:20], b""):
        assert not starts_wav(other)
    assert not starts_wav(wave64[:24] + b"acid" + wave64[28:40])


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        (6, 6), (UNKNOWN_BYTES - 1, UNKNOWN_BYTES - 1), (UNKNOWN_BYTES, None), (0xFFFFFFFF, None),
        (0, None),
    ],
)  # fmt: skip
def test_a_length_that_no_file_has_is_unknown(stated, known):
    found, rest = header(riff(chunk(b"fmt ", FORM), chunk(b"data", SOUND, length=stated)))
    assert (found.data_bytes, rest) == (known, SOUND)
    assert found.container == "WAV"


@pytest.mark.parametrize("after", [b"LIST", b"id3 ", b"abc"])
def test_no_sound_before_another_chunk_is_a_length_of_0(after):
    found, rest = header(riff(chunk(b"fmt ", FORM), chunk(b"data", b"", length=0), after))
    assert (found.data_bytes, rest) == (0, after)


@pytest.mark.parametrize(
    ("stated", "held", "known"),
    [
        (0xFFFFFFFF, 6, 6),
        (0xFFFFFFFF, (1 << 62) - 1, (1 << 62) - 1),
        (0xFFFFFFFF, 1 << 62, None),
        (6, 99, 6),
        (UNKNOWN_BYTES, 6, None),
    ],
)
def test_a_long_file_has_its_length_in_a_chunk_of_its_own(stated, held, known):
    lengths = chunk(b"ds64", struct.pack("<QQ", 7, held))
    data = chunk(b"data", SOUND, length=stated)
    found, rest = header(riff(lengths, chunk(b"fmt ", FORM), data, magic=b"RF64"))
    assert (found.container, found.data_bytes, rest) == ("RF64", known, SOUND)


@pytest.mark.parametrize("size", [15, LARGEST + 1])
def test_a_chunk_of_lengths_of_another_size_is_skipped(size):
    lengths = chunk(b"ds64", b"\x05" * size)
    data = chunk(b"data", SOUND, length=0xFFFFFFFF)
    found, _ = header(riff(lengths, chunk(b"fmt ", FORM), data, magic=b"RF64"))
    assert found.data_bytes == 0 or found.data_bytes is None
    plain = chunk(b"ds64", struct.pack("<QQ", 7, 6))  # no such chunk in a RIFF file
    found, _ = header(riff(plain, chunk(b"fmt ", FORM), data))
    assert found.data_bytes is None


@pytest.mark.parametrize("pad", [b"\0", b""])
def test_an_odd_chunk_may_lack_its_padding(pad):
    odd = b"LIST" + struct.pack("<I", 3) + b"abc" + pad
    found, rest = header(riff(odd, chunk(b"fmt ", FORM), chunk(b"data", SOUND)))
    assert (found.data_bytes, rest) == (6, SOUND)


def test_a_long_chunk_is_skipped_in_pieces():
    other = chunk(b"JUNK", bytes(LARGEST + 10))
    asked = []
    file = io.BytesIO(riff(other, chunk(b"fmt ", FORM), chunk(b"data", SOUND)))

    def read(count: int) -> bytes:
        asked.append(count)
        return file.read(count)

    assert read_header(read).data_bytes == 6
    assert max(asked) == LARGEST


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (FORM[:13], "its format has 13 bytes; allowed: 14 to 65536"),
        (FORM + bytes(LARGEST - 15), "its format has 65537 bytes"),
        (b"\x02\0" + FORM[2:], r"Microsoft ADPCM \(format 2\)"),
        (b"\x77\0" + FORM[2:], r"an unknown encoding \(format 119\)"),
        (FORM[:2] + b"\0\0" + FORM[4:], "states 0 channels"),
        (FORM[:14] + b"\x07\0", "integer samples of 7 bits; allowed: 8 to 32"),
        (FORM[:14] + b"\x21\0", "integer samples of 33 bits"),
        (b"\x03\0" + FORM[2:14] + b"\x30\0", "float samples of 48 bits; allowed: 32 or 64"),
        (b"\x06\0" + FORM[2:14] + b"\x10\0", "A-law samples of 16 bits; allowed: 8"),
        (FORM[:12] + b"\x04\0" + FORM[14:], r"1 channel\(s\) of 16 bits, but 4 bytes"),
        (b"\xfe\xff" + FORM[2:] + bytes(24), r"unknown format \(" + "00" * 16),
        (b"\xfe\xff" + FORM[2:], r"unknown format \(none\)"),
    ],
)
def test_a_format_that_cannot_be_read_is_named(form, said):
    with pytest.raises(DataError, match=said) as refused:
        header(riff(chunk(b"fmt ", form), chunk(b"data", SOUND)))
    other = "format" in said and "bytes" not in said
    assert isinstance(refused.value, OtherEncodingError) == other


@pytest.mark.parametrize(
    ("form", "size"),
    [
        (FORM[:12] + b"\0\0" + FORM[14:], 2),  # bytes of all channels are not stated
        (FORM[:12] + b"\x01\0", 1),  # the oldest form has no bits: 8
        (FORM[:12] + b"\x01\0\x08", 1),
        (FORM + bytes(LARGEST - 16), 2),
        (FORM[:12] + b"\x02\0\x0c\0", 2),  # 12 bits take two bytes
        (FORM[:12] + b"\x04\0\x20\0", 4),
    ],
)
def test_formats_at_their_limits_are_read(form, size):
    found, _ = header(riff(chunk(b"fmt ", form), chunk(b"data", SOUND)))
    assert (found.samples.sample_bytes, found.samples.kind) == (size, "integer")


@pytest.mark.parametrize("cut", [3, 11, 19, 30, 43])
def test_a_file_that_ends_in_its_header_is_truncated(cut):
    with pytest.raises(DataError, match="truncated: it ends before its audio data"):
        header(riff(chunk(b"fmt ", FORM), chunk(b"data", SOUND))[:cut])


def test_sound_before_its_format_is_refused():
    for content in (riff(chunk(b"data", SOUND)), riff(chunk(b"data", SOUND), chunk(b"fmt ", FORM))):
        with pytest.raises(DataError, match="before their format, or without one"):
            header(content)


def wave64(name: bytes, length: int, held: bytes) -> bytes:
    return name + wav_files.GUID_64 + struct.pack("<Q", length) + held


@pytest.mark.parametrize(
    ("stated", "known"), [(24, None), (30, 6), ((1 << 62) + 23, (1 << 62) - 1), (1 << 63, None)]
)
def test_a_wave64_counts_the_head_of_each_chunk(stated, known):
    start = wav_files.wav(b"", FORM, container="W64")[:40]
    other = wave64(b"LIST", 29, b"abcde" + bytes(3))  # chunks start at multiples of 8
    form = wave64(b"fmt ", 24 + len(FORM), FORM)
    found, rest = header(start + other + form + wave64(b"data", stated, SOUND))
    assert (found.container, found.data_bytes, rest) == ("W64", known, SOUND)
    with pytest.raises(DataError, match="a length below that of its own header"):
        header(start + wave64(b"LIST", 23, b"") + form)
