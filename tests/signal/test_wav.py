"""WAV files as devices, editors and killed recorders write them: one reader, file or stream."""

import contextlib
import io
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wav_files
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.data.decode import decode_clip
from motefit.runtime.microphone.source import PipeSource
from motefit.signal.wav import WavStream, read_wav
from motefit.spec.errors import DataError, MotefitError

ENCODINGS = [("integer", 1), ("integer", 2), ("integer", 3), ("integer", 4), ("float", 4),
             ("float", 8)]  # fmt: skip
CHUNKS = st.lists(
    st.tuples(
        st.sampled_from([b"LIST", b"bext", b"iXML", b"JUNK", b"fact", b"cue "]),
        st.binary(max_size=40),
    ),
    max_size=3,
)


def streamed(content: bytes, *, piece: int = 1 << 16, **options) -> np.ndarray:
    """What listening to the file through a pipe gives."""
    read, write = os.pipe()

    def work() -> None:
        try:
            with os.fdopen(write, "wb", buffering=0) as file:
                for start in range(0, len(content), piece):
                    file.write(content[start : start + piece])
        except BrokenPipeError:
            pass  # the reader stopped at the end of the sound, or refused the file

    writer = threading.Thread(target=work)
    writer.start()
    try:
        source = PipeSource(read, rate_hz=16_000, wait_s=20, **options)
        parts = []
        while (part := source.read()) is not None:
            parts.append(part)
    finally:
        os.close(read)
        writer.join()
    return np.concatenate(parts)


@settings(max_examples=30, deadline=None)
@given(
    encoding=st.sampled_from(ENCODINGS),
    container=st.sampled_from(["WAV", "RF64", "W64"]),
    extensible=st.booleans(),
    channels=st.integers(1, 4),
    rate_hz=st.sampled_from([8000, 16_000, 44_100, 192_000]),
    before=CHUNKS,
    after=CHUNKS,
    pad=st.booleans(),
    frames=st.integers(1, 400),
    piece=st.sampled_from([7, 64, 1 << 16]),
    seed=st.integers(0, 99),
)
def test_device_and_training_hear_the_same_whatever_the_file_is(  # noqa: PLR0913 - drawn
    tmp_path_factory, encoding, container, extensible, channels, rate_hz, before, after, pad,
    frames, piece, seed,
):  # fmt: skip
    kind, size = encoding
    sound = np.random.default_rng(seed).uniform(-0.99, 0.99, (frames, channels))
    form = wav_files.format_chunk(
        rate_hz=rate_hz, channels=channels, kind=kind, size=size, extensible=extensible
    )
    content = wav_files.wav(
        wav_files.encode(sound, kind, size), form,
        container=container, before=before, after=after, pad=pad,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    path.write_bytes(content)
    for channel in ("mean", channels):
        pcm, found_hz = read_wav(path, channel=channel)
        wanted = sound.mean(axis=1) if channel == "mean" else sound[:, channel - 1]
        assert (pcm.dtype, found_hz) == (np.int16, rate_hz)
        np.testing.assert_allclose(pcm, wanted * 32768, atol=160 if size == 1 else 1)
        trained = decode_clip(path, rate_hz=rate_hz, channel=channel)
        assert trained.channels == channels
        np.testing.assert_array_equal(trained.pcm, pcm)
        np.testing.assert_array_equal(streamed(content, piece=piece, channel=channel), pcm)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW"])
def test_samples_are_those_of_libsndfile(tmp_path, subtype):
    path = tmp_path / "a.wav"
    sound = np.random.default_rng(7).uniform(-0.99, 0.99, 4000)
    soundfile.write(path, sound, 44_100, subtype=subtype)
    wanted, _ = soundfile.read(path, dtype="float64")
    pcm, rate_hz = read_wav(path)
    assert rate_hz == 44_100
    np.testing.assert_array_equal(pcm, np.clip(np.rint(wanted * 32768), -32768, 32767))


PCM = np.random.default_rng(0).integers(-9000, 9000, 1000).astype("<i2")
FORM = wav_files.format_chunk(rate_hz=16_000)


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_length_that_was_never_filled_in_is_unknown(tmp_path, length):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_files.wav(PCM.tobytes(), FORM, length=length))
    np.testing.assert_array_equal(read_wav(path)[0], PCM)
    np.testing.assert_array_equal(streamed(path.read_bytes()), PCM)


def refused(tmp_path, content: bytes, said: str, **options) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.wav.*{said}"):
        read_wav(path, **options)
    with pytest.raises(DataError, match=said):
        streamed(content, raw=False, **options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (wav_files.wav(PCM.tobytes(), FORM)[:-500], "promises 2000 bytes of audio, it has 1500"),
        (wav_files.wav(b"", FORM, after=[(b"LIST", b"abcd")]), "no audio samples|without a sample"),
        (wav_files.wav(PCM.tobytes(), b"\x11\0" + FORM[2:]), "IMA ADPCM .format 17"),
        (wav_files.wav(PCM.tobytes(), FORM[:4] + struct.pack("<I", 1) + FORM[8:]), "1000..768000"),
        (wav_files.wav(PCM.tobytes(), FORM[:14] + b"\x07\0"), "7 bits; allowed: 8 to 32"),
        (wav_files.wav(PCM.tobytes(), FORM[:12] + b"\x03\0\x10\0"), "contradicts itself"),
        (b"RIFF\0\0\0\0WAVE" + wav_files.chunk(b"data", bytes(99)), "before their format"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff" + bytes(99), "its format has 4294967295 bytes"),
        (b".snd" + bytes(99), "this is AU"),
        (b"\x1aE\xdf\xa3" + bytes(99), "this is WebM"),
        (b"this is a text file\n" * 9, "this is text"),
        (bytes(99), "starts with"),
    ],
    ids=["truncated", "empty", "adpcm", "rate", "bits", "block", "no format", "long format", "au",
         "webm", "text", "zeros"],
)  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path, content, said):
    refused(tmp_path, content, said)


def test_two_formats_are_refused_unless_they_are_equal(tmp_path):
    data = wav_files.encode(np.full((100, 1), 0.1))
    slow, fast = (wav_files.format_chunk(rate_hz=rate) for rate in (8000, 16_000))
    (tmp_path / "same.wav").write_bytes(wav_files.wav(data, fast, before=[(b"fmt ", fast)]))
    assert read_wav(tmp_path / "same.wav")[1] == 16_000
    refused(tmp_path, wav_files.wav(data, fast, before=[(b"fmt ", slow)]), "states two formats")


@pytest.mark.parametrize("value", [np.nan, np.inf, 3000.0])
def test_floats_that_are_no_sound_are_refused(tmp_path, value):
    data = wav_files.encode(np.array([[0.0], [value]]), "float", 4)
    form = wav_files.format_chunk(rate_hz=16_000, kind="float", size=4)
    refused(tmp_path, wav_files.wav(data, form), "NaN or infinite|full scale is 1.0")


def stereo(left: np.ndarray, right: np.ndarray) -> bytes:
    form = wav_files.format_chunk(rate_hz=16_000, channels=2)
    return wav_files.wav(wav_files.encode(np.stack([left, right], axis=1)), form)


@pytest.mark.parametrize("container", ["WAV", "RF64"])
@pytest.mark.parametrize("before", [[], [(b"LIST", b"odd")]])
def test_a_second_chunk_of_sound_is_not_lost_in_silence(tmp_path, container, before):
    sound = wav_files.encode(np.full((101, 1), 0.1), "integer", 1)
    form = wav_files.format_chunk(rate_hz=16_000, size=1)
    after = [*before, (b"data", sound[:40]), (b"LIST", b"more")]
    (tmp_path / "two.wav").write_bytes(wav_files.wav(sound, form, container=container, after=after))
    with pytest.raises(DataError, match="of 101 bytes is followed by a second data chunk, of 40"):
        read_wav(tmp_path / "two.wav")


def test_joined_files_are_not_read_as_the_first(tmp_path):
    form = wav_files.format_chunk(rate_hz=16_000)
    content = wav_files.wav(wav_files.encode(np.full((100, 1), 0.1)), form)
    (tmp_path / "two.wav").write_bytes(content + content)
    with pytest.raises(DataError, match="of 200 bytes is followed by another WAV file"):
        read_wav(tmp_path / "two.wav")


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("bits", [12, 20, 24])
def test_short_samples_in_32_bits_are_read_wherever_they_are(tmp_path, bits, extensible):
    """The upper bits by the standard; the lower ones, with any bits above, by ALSA's S24_LE."""
    rng = np.random.default_rng(bits)
    samples = rng.integers(-(1 << bits - 1), 1 << bits - 1, 400)
    code, size = (0xFFFE, 32) if extensible else (1, bits)
    form = struct.pack("<HHIIHH", code, 1, 16_000, 64_000, 4, size)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, 1) + wav_files.GUID
    heard = []
    for values in (samples << 32 - bits, samples, samples & (1 << bits) - 1):
        data = values.astype(np.uint32).tobytes()
        (tmp_path / "short.wav").write_bytes(wav_files.wav(data, form))
        heard.append(read_wav(tmp_path / "short.wav")[0])
    expected = samples * 2.0 ** (16 - bits)
    for found in heard:
        np.testing.assert_allclose(found, np.clip(np.rint(expected), -32768, 32767), atol=1)


def test_channels_that_cancel_each_other_are_not_averaged(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    refused(tmp_path, stereo(sound, 0.01 - 0.9 * sound), "channels cancel each other.*channel = 1")
    path = tmp_path / "a.wav"
    np.testing.assert_allclose(read_wav(path, channel=1)[0], 32768 * sound, atol=1)


@pytest.mark.parametrize("silent", [1, 2])
@pytest.mark.parametrize("hum", [0.0, 1e-3])
def test_a_silent_channel_is_left_out_instead_of_halving_the_other(tmp_path, silent, hum):
    rng = np.random.default_rng(0)
    pause = np.zeros(60_000)
    sound = np.concatenate([pause, rng.uniform(-0.5, 0.5, 4000)])
    other = hum * rng.uniform(-0.5, 0.5, len(sound))
    sound += hum * rng.uniform(-0.5, 0.5, len(sound))
    channels = (sound, other) if silent == 2 else (other, sound)
    (tmp_path / "a.wav").write_bytes(stereo(*channels))
    found, _ = read_wav(tmp_path / "a.wav")
    np.testing.assert_allclose(found, 32768 * sound, atol=1)
    assert decode_clip(tmp_path / "a.wav", rate_hz=16_000).silent_channel == silent
    np.testing.assert_allclose(
        read_wav(tmp_path / "a.wav", channel="mean")[0], 16384 * (sound + other), atol=1
    )


def test_channels_that_speak_in_turn_are_both_heard(tmp_path):
    sound, rest = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000), np.zeros(80_000)
    turns = stereo(np.concatenate([sound, rest]), np.concatenate([rest, sound]))
    (tmp_path / "a.wav").write_bytes(turns)
    found = read_wav(tmp_path / "a.wav")[0]
    np.testing.assert_allclose(found, 16384 * np.concatenate([sound, sound]), atol=1)


def test_a_stream_uses_the_live_channel_from_its_first_sound_and_says_so_once():
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 60_000)
    content = stereo(sound, np.zeros(60_000))
    stream = WavStream(io.BytesIO(content).read, name="a.wav")
    notes, heard = [], []
    while len(block := stream.samples(6400)):
        heard.append(block)
        notes += [stream.mixer.note] if stream.mixer.note else []
        stream.mixer.note = ""
    np.testing.assert_allclose(np.concatenate(heard)[1:], 32768 * sound[1:], atol=1)
    assert notes == [
        "a.wav: channel 2 is silent, so channel 1 is used; for their average: --channel mean"
    ]


def test_an_array_of_microphones_needs_a_choice(tmp_path):
    form = wav_files.format_chunk(rate_hz=16_000, channels=6)
    content = wav_files.wav(PCM[:996].tobytes(), form)
    refused(tmp_path, content, "6 channels.*choose one of them, 1 to 6")
    refused(tmp_path, content, "6 channels.*channel 7 cannot be used; allowed: 1 to 6", channel=7)
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav", channel=6)[0], PCM[5:996:6])


def test_absent_files_and_folders_are_data_errors(tmp_path):
    for path in (tmp_path, tmp_path / "absent.wav"):
        with pytest.raises(DataError, match="cannot read"):
            read_wav(path)


def mutated(rng: np.random.Generator) -> bytes:
    """A file of some form with a few bytes of its header changed, cut out or repeated."""
    kind, size = ENCODINGS[rng.integers(len(ENCODINGS))]
    channels = int(rng.integers(1, 3))
    sound = rng.uniform(-0.9, 0.9, (200, channels))
    form = wav_files.format_chunk(
        rate_hz=16_000, channels=channels, kind=kind, size=size, extensible=bool(rng.integers(2))
    )
    content = bytearray(
        wav_files.wav(
            wav_files.encode(sound, kind, size), form,
            container=["WAV", "RF64", "W64"][rng.integers(3)], before=[(b"LIST", bytes(9))],
        )
    )  # fmt: skip
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, 130))
        if rng.random() < 0.8:
            content[at] = [0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))][rng.integers(6)]
        elif rng.random() < 0.5:
            del content[at : at + int(rng.integers(1, 9))]
        else:
            content[at:at] = content[at : at + int(rng.integers(1, 9))]
    return bytes(content)


def played(content: bytes) -> bool:
    """Whether listening plays the file to its end."""
    try:
        stream = WavStream(io.BytesIO(content).read, name="a.wav", channel="mean")
        while len(stream.samples()):
            pass
    except DataError:
        return False
    return True


@pytest.mark.parametrize("count", [150, pytest.param(25_000, marks=pytest.mark.proof)])
def test_mutated_headers_are_read_or_refused(count, tmp_path):
    rng, path = np.random.default_rng(count), tmp_path / "a.wav"
    read, before = 0, memory_mb("VmRSS")
    with contextlib.suppress(OSError):  # Linux: the peak is counted from here
        Path("/proc/self/clear_refs").write_text("5")
    for _ in range(count):
        content = mutated(rng)
        heard = played(content)
        path.write_bytes(content)
        try:
            assert len(decode_clip(path, rate_hz=16_000, channel="mean").pcm)
            read += 1
        except MotefitError:
            continue
        assert heard
    assert 0 < read < count
    assert memory_mb("VmHWM") - before < 100


def memory_mb(what: str) -> float:
    """Memory of this process; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024
