"""One audio file: formats, rates, channels, and every kind of damage."""

import io
import os
import struct
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given
from hypothesis import strategies as st

from motefit.data.decode import decode_clip, fit_length, read_clip
from motefit.data.decoder_messages import caught_messages
from motefit.signal.resample import Resampler
from motefit.spec.errors import DataError, MissingExtraError

RATE = 16_000


def sine(hertz, rate=RATE, seconds=0.5, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def noise(samples=4000, seed=0):
    return np.random.default_rng(seed).integers(-32768, 32767, samples, dtype=np.int16)


def encoded(pcm, *, fmt="WAV", subtype="PCM_16", rate=RATE):
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, rate, format=fmt, subtype=subtype)
    return buffer.getvalue()


def peak_hertz(pcm, rate):
    return np.abs(np.fft.rfft(pcm)).argmax() * rate / len(pcm)


@pytest.mark.parametrize("fmt", ["WAV", "FLAC"])
def test_16_bit_mono_comes_back_bit_for_bit(tmp_path, fmt):
    pcm = noise()
    path = tmp_path / f"a.{fmt.lower()}"
    path.write_bytes(encoded(pcm, fmt=fmt))
    result = read_clip(path, rate_hz=RATE)
    assert result.dtype == np.int16
    np.testing.assert_array_equal(result, pcm)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32", "PCM_U8"])
def test_other_sample_formats_keep_their_loudness(tmp_path, subtype):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(sine(440), subtype=subtype))
    tolerance = 256 if subtype == "PCM_U8" else 1
    np.testing.assert_allclose(
        read_clip(path, rate_hz=RATE), sine(440) * 32768, atol=tolerance, rtol=0
    )


def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(np.array([1.5, -1.5, 1.0, -1.0]), subtype="FLOAT"))
    assert read_clip(path, rate_hz=RATE).tolist() == [32767, -32768, 32767, -32768]


def test_ogg(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(encoded(sine(440), fmt="OGG", subtype="VORBIS"))
    pcm = read_clip(path, rate_hz=RATE)
    assert len(pcm) == 8000
    assert peak_hertz(pcm, RATE) == 440


def test_stereo_44100_is_mixed_down_and_resampled(tmp_path):
    left, right = sine(1000, 44_100), sine(1000, 44_100, amplitude=0.1)
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(np.stack([left, right], axis=1), rate=44_100))
    pcm = read_clip(path, rate_hz=RATE)
    assert len(pcm) == 8000
    assert peak_hertz(pcm, RATE) == 1000
    assert np.abs(pcm[1000:-1000]).max() == pytest.approx(0.3 * 32768, rel=0.01)


def test_resampling_has_no_alias(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(sine(6000)))
    pcm = read_clip(path, rate_hz=8000)
    assert np.abs(pcm[500:-500]).max() < 0.001 * 0.5 * 32768


@given(cut=st.floats(0.001, 0.999), fmt=st.sampled_from(["WAV", "FLAC", "OGG"]))
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path_factory, cut, fmt):
    content = encoded(noise(), fmt=fmt, subtype="VORBIS" if fmt == "OGG" else "PCM_16")
    end = max(1, int(len(content) * cut))
    assume(content[end : end + 4] != b"OggS")  # whole pages are a file: see below
    path = tmp_path_factory.mktemp("cut") / f"cut.{fmt.lower()}"
    path.write_bytes(content[:end])
    with pytest.raises(DataError, match=rf"cut\.{fmt.lower()}: .*(truncated|not a readable)"):
        read_clip(path, rate_hz=RATE)


def test_an_ogg_file_whose_last_page_is_not_marked_as_the_last_is_read(tmp_path):
    """As some encoders write it, among them that of hundreds of sounds in Debian."""
    samples = np.tile(noise(), 20)
    content = encoded(samples, fmt="OGG", subtype="VORBIS")
    last = content.rindex(b"OggS")
    assert content[last + 5] & 4
    (tmp_path / "unmarked.ogg").write_bytes(content[:last])
    assert 0 < len(read_clip(tmp_path / "unmarked.ogg", rate_hz=RATE)) < len(samples)


def test_truncated_wav_says_how_much_is_missing(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(noise(1000))[:-500])
    with pytest.raises(DataError, match="promises 2000 bytes of audio, it has 1500"):
        read_clip(path, rate_hz=RATE)


def test_wav_from_a_pipe_with_unknown_length_is_read(tmp_path):
    pcm = noise(1000)
    content = bytearray(encoded(pcm))
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    content[4:8] = struct.pack("<I", 0xFFFFFFFF)
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_clip(path, rate_hz=RATE), pcm)


@pytest.mark.parametrize("promised", [0, 1001, 2**36 - 1])
def test_flac_whose_header_states_another_length_is_refused(tmp_path, promised):
    """0 means unknown, which libsndfile cannot seek in; a huge length must not be allocated."""
    content = bytearray(encoded(noise(1000), fmt="FLAC"))
    field = int.from_bytes(content[18:26], "big") >> 36 << 36 | promised
    content[18:26] = field.to_bytes(8, "big")
    path = tmp_path / "a.flac"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.flac: (not a readable FLAC|the file is truncated)"):
        read_clip(path, rate_hz=RATE)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty .0 bytes."),
        (
            b"this is a text file, not audio\n" * 40,
            "not a readable WAV file .starts with b'this is",
        ),
        (encoded(np.zeros(0, np.int16)), "no audio samples"),
        (encoded(np.array([0.0, np.nan]), subtype="FLOAT"), "NaN or infinite"),
        (encoded(np.array([0.0, np.inf]), subtype="FLOAT"), "NaN or infinite"),
        (b"RIFF\x00\x00\x00\x00WAVE" + b"\xff" * 100, "truncated"),
    ],
    # not the bytes: libsndfile writes the time of day into float files
    ids=["empty", "text", "no samples", "NaN", "infinite", "truncated"],
)
def test_damaged_files_are_named_with_what_was_found(tmp_path, content, problem):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"broken\.wav: .*{problem}"):
        read_clip(path, rate_hz=RATE)


def test_a_folder_and_a_missing_file_are_data_errors(tmp_path):
    for path, said in ((tmp_path, "cannot be read"), (tmp_path / "absent.wav", "no such file")):
        with pytest.raises(DataError, match=said):
            read_clip(path, rate_hz=RATE)


def test_flac_without_soundfile_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    path.write_bytes(encoded(noise(), fmt="FLAC"))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"'soundfile'.*motefit\[audio\]"):
        read_clip(path, rate_hz=RATE)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_without_soundfile_gives_the_same_samples(tmp_path, monkeypatch, subtype, channels):
    path = tmp_path / "a.wav"
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (1000, channels))
    soundfile.write(path, sound, RATE, subtype=subtype, format="WAV")
    wanted = read_clip(path, rate_hz=RATE)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    np.testing.assert_array_equal(read_clip(path, rate_hz=RATE), wanted)


@given(
    rate_hz=st.sampled_from([8000, 11_025, 22_050, 44_100, 48_000]),
    length=st.integers(1, 3000),
    seed=st.integers(0, 99),
)
def test_training_hears_what_the_device_hears(tmp_path_factory, rate_hz, length, seed):
    """A recording that is loaded equals one that arrives in chunks, to the rounding of a sample."""
    recorded = np.random.default_rng(seed).integers(-9000, 9000, length).astype(np.int16)
    path = tmp_path_factory.mktemp("rates") / "a.wav"
    soundfile.write(path, recorded, rate_hz, subtype="PCM_16")
    device = Resampler(rate_hz, RATE)
    chunks = [device.push(chunk) for chunk in np.array_split(recorded, 3)]
    heard = np.concatenate((*chunks, device.finish())) * 32768
    found = read_clip(path, rate_hz=RATE)
    assert len(found) == len(heard)
    assert np.abs(found - heard).max() <= 0.51


@given(length=st.integers(1, 50), samples=st.integers(1, 50))
def test_fit_length_pads_and_crops_at_the_end(length, samples):
    clip = np.arange(1, length + 1, dtype=np.int16)
    fitted = fit_length(clip, samples)
    expected = (clip.tolist() + [0] * samples)[:samples]
    assert fitted.dtype == np.int16
    assert fitted.tolist() == expected


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    ("subtype", "channels", "rate"),
    [("PCM_16", 1, 16_000), ("PCM_U8", 2, 8000), ("PCM_24", 2, 44_100), ("PCM_32", 1, 48_000)],
)
def test_how_a_wav_was_recorded_is_known_with_and_without_soundfile(
    tmp_path, monkeypatch, hidden, subtype, channels, rate
):
    path = tmp_path / "a.wav"
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (1000, channels))
    soundfile.write(path, sound, rate, subtype=subtype, format="WAV")
    if hidden:
        monkeypatch.setitem(sys.modules, "soundfile", None)
    found = decode_clip(path, rate_hz=RATE)
    assert (found.encoding, found.rate_hz, found.channels) == (f"WAV {subtype}", rate, channels)
    np.testing.assert_array_equal(found.pcm, read_clip(path, rate_hz=RATE))


@pytest.mark.parametrize(
    ("fmt", "subtype", "named"),
    [
        ("WAVEX", "PCM_24", "WAV PCM_24"),
        ("FLAC", "PCM_16", "FLAC PCM_16"),
        ("OGG", "VORBIS", "OGG VORBIS"),
    ],
)
def test_other_containers_are_named(tmp_path, fmt, subtype, named):
    path = tmp_path / f"a.{named[:4].strip().lower()}"
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 2))
    soundfile.write(path, sound, 22_050, subtype=subtype, format=fmt)
    found = decode_clip(path, rate_hz=RATE)
    assert (found.encoding, found.rate_hz, found.channels) == (named, 22_050, 2)


def test_the_decoder_of_mp3_is_silent(tmp_path, capfd):
    path = tmp_path / "a.mp3"
    tone = 0.3 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 16_000)
    soundfile.write(path, tone, 16_000, format="MP3", subtype="MPEG_LAYER_III")
    content = bytearray(path.read_bytes())
    content[1452:1492] = np.random.default_rng(1).bytes(40)
    (tmp_path / "bad.mp3").write_bytes(content)
    assert len(decode_clip(tmp_path / "bad.mp3", rate_hz=16_000).pcm) == 48_000
    with caught_messages():
        os.write(2, b"another thread's line\n[src/libmpg123/a.c] error: odd\n")
    assert capfd.readouterr().err == "another thread's line\n"
    assert len(decode_clip(path, rate_hz=16_000).pcm) == 48_000
