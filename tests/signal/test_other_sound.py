"""Formats that are not WAV, known by their first bytes."""

import pytest

from motefit.signal.other_sound import START_BYTES, other_format

HTK = bytes.fromhex("00003e80 00000271 0002 0000") + bytes(52)
"""16,000 samples at 625 * 100 ns."""


@pytest.mark.parametrize(
    ("start", "suffix", "name", "command"),
    [
        (HTK, ".wav", "HTK", "sndfile-convert -pcm16 a.wav a-16.wav"),
        (b"Extended Instrument: " + bytes(60), ".xi", "(XI)", "sndfile-convert -pcm16 a.xi a.wav"),
        (b"\x84\n" * 40, ".sd2", "(SD2)", "sndfile-convert -pcm16 a.sd2 a.wav"),
        (b"MP+\x07" + bytes(60), ".mpc", "Musepack", "ffmpeg -i a.mpc"),
        (b"MPCK" + bytes(60), ".mpc", "Musepack", "ffmpeg -i a.mpc"),
        (b"ajkg\x02" + bytes(60), ".shn", "Shorten", "ffmpeg -i a.shn"),
        (b"DSD " + bytes(60), ".dsf", "DSF", "ffmpeg -i a.dsf"),
        (b"FORM\0\0\0\x208SVX" + bytes(60), ".iff", "8SVX", "ffmpeg -i a.iff"),
        (b"FORM\0\0\0\x20AIFC" + bytes(60), ".aif", "AIFF", "motefit[audio]"),
        (b"FORM\0\0\0\x20ILBM" + bytes(60), ".iff", "not AIFF", "give a file with sound"),
        (b"MThd" + bytes(60), ".mid", "MIDI", "give a file with sound"),
        (b"\x89HDF\r\n" + bytes(60), ".h5", "HDF5", "give a file with sound"),
        (b"a" * 10 + bytes(247) + b"ustar" + bytes(60), ".tar", "tar", "give a file with sound"),
    ],
)
def test_a_format_is_named_with_the_command_that_helps(start, suffix, name, command):
    found = other_format(start, suffix)
    assert found is not None
    assert name in found.name
    assert command in found.advice(f"a{suffix}")


@pytest.mark.parametrize("sample", [b"\x01\0", b"\x84\x03", b"\0\0"])
def test_samples_without_a_header_are_no_known_format(sample):
    assert other_format(sample * (START_BYTES // 2)) is None
