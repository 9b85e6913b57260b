"""WAV files as devices write them."""

import wave

import numpy as np
import pytest
import soundfile

from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError

SUBTYPES = {"PCM_U8": 1 / 100, "PCM_16": 1e-4, "PCM_24": 1e-6, "PCM_32": 1e-7}


@pytest.fixture
def sound():
    return (np.random.default_rng(7).uniform(-0.99, 0.99, (500, 2))).astype(np.float32)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2])
def test_widths_and_channels(tmp_path, sound, subtype, channels):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound[:, :channels], 44_100, subtype=subtype)
    pcm, rate_hz = read_wav(path)
    assert rate_hz == 44_100
    if subtype == "PCM_16" and channels == 1:
        wanted, _ = soundfile.read(path, dtype="int16")
        assert pcm.dtype == np.int16
        np.testing.assert_array_equal(pcm, wanted)
    else:
        assert pcm.dtype == np.float32
        np.testing.assert_allclose(pcm, sound[:, :channels].mean(axis=1), atol=SUBTYPES[subtype])


def test_compressed_files_name_the_extra(tmp_path, sound):
    for name, ending in (("FLAC", "flac"), ("OGG", "ogg")):
        path = tmp_path / f"a.{ending}"
        soundfile.write(path, sound, 16_000)
        with pytest.raises(DataError, match=rf"{name}.*motefit\[train\]"):
            read_wav(path)


@pytest.mark.parametrize("data", [b"", b"this is a text file\n" * 9, b"RIFF\x00\x00\x00\x00WAVE"])
def test_other_files_are_data_errors(tmp_path, data):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(DataError, match="not a PCM WAV"):
        read_wav(path)


def test_float_samples_are_refused_with_the_format(tmp_path, sound):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match="not a PCM WAV file: unknown format: 3"):
        read_wav(path)


def test_truncated_empty_and_absent_files(tmp_path, sound):
    path = tmp_path / "a.wav"
    soundfile.write(path, sound[:, 0], 16_000, subtype="PCM_16")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"truncated.*500 samples"):
        read_wav(path)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    with pytest.raises(DataError, match="no samples"):
        read_wav(path)
    with pytest.raises(DataError, match="cannot read"):
        read_wav(tmp_path / "absent.wav")
    with pytest.raises(DataError, match="cannot read"):
        read_wav(tmp_path)
