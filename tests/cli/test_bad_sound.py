"""Unusable microphones, pipes and files: the command ends with a message within seconds."""

import io
import json
import os
import re
import threading
import wave
from functools import partial

import numpy as np
import pytest
import soundfile

PATIENCE_S = 1200
"""Far beyond what is waited for, on a busy machine too: beyond it, something hangs."""


@pytest.fixture
def listen(refused, tones_run):
    """Listen in vain: return what ``motefit listen`` says. Pipes are in test_listen, too."""
    return partial(refused, "listen", tones_run.bundle, "--wait", 1)


REFUSED = "arecord: set_params:1387: Sample format non available"
UNPLUGGED = "arecord: pcm_read:2221: read error: No such device"
HALF_A_SECOND = "head -c 8000 /dev/zero"


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        (f"echo '{REFUSED}' >&2; exit 1", (), "Sample format non available"),
        ("echo 'no soundcards found...' >&2; exit 1", (), "no soundcards found"),
        (f"{HALF_A_SECOND}; echo '{UNPLUGGED}' >&2; exit 1", ("--retries", 0), "No such device"),
        (f"{HALF_A_SECOND}; sleep 600", ("--retries", 0), "no sound for 1 s"),
        ("sleep 600", (), "no sound for 1 s"),
    ],
    ids=["rate-or-format-unsupported", "no-card", "unplugged", "stops", "never-begins"],
)
def test_a_microphone(listen, monkeypatch, tmp_path, script, options, said):
    program = tmp_path / "arecord"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert said in listen("--input", "arecord", *options)


def wav(*, rate_hz: int, width: int = 2) -> bytes:
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(bytes(width * 4000))
    return whole.getvalue()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (wav(rate_hz=100), "must be 1000..768000 Hz, got 100\\b"),
        (wav(rate_hz=16_000)[:-99], "the file is truncated: its header promises 8000 bytes"),
        (b"", "ended without a sample"),
        (b"fLaC" + bytes(9000), "this is FLAC, but listening needs WAV or 16-bit PCM"),
        (b"OggS" + bytes(9000), "this is OGG.*pip install 'motefit\\[audio\\]'"),
    ],
    ids=["rate", "truncated", "nothing", "flac", "ogg"],
)
def test_a_pipe(listen, tmp_path, sent, said):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(sent,), daemon=True)
    writer.start()
    assert re.search(said, listen("--input", pipe))
    writer.join(PATIENCE_S)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty \\(0 bytes\\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64, "git lfs pull"),
        (b"PK\x03\x04" + bytes(900), "this is a zip archive; give a file with sound"),
        (b"PVF1\n1 16000 16\n" + bytes(900), "this is PVF, but listening needs WAV"),
    ],
    ids=["empty", "pointer", "zip", "pvf"],
)
def test_a_file_without_sound(listen, tmp_path, content, said):
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    assert re.search(said, listen("--input", path))


def band_limited(samples, from_hz, to_hz):
    """Interpolate one period of a signal by its spectrum: another resampler than motefit's."""
    wanted = round(len(samples) * to_hz / from_hz)
    spectrum = np.fft.rfft(samples)[: wanted // 2 + 1]
    return np.fft.irfft(spectrum, wanted) * (wanted / len(samples))


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("word", ["low", "high"])
def test_a_clip_has_the_same_label_at_any_rate(invoke, tones_run, tmp_path, rate_hz, word):
    """Aliases are measured in tests/signal/test_resample.py."""
    clip = min((tones_run.data / word).iterdir())
    samples, own_hz = soundfile.read(clip)
    path = tmp_path / "clip.wav"
    soundfile.write(path, band_limited(samples, own_hz, rate_hz), rate_hz, subtype="PCM_16")
    (before,), (after,) = (
        json.loads(invoke("kws", tones_run.bundle, file, "--json").stdout) for file in (clip, path)
    )
    assert after["label"] == before["label"] == word
    assert abs(after["probability"] - before["probability"]) < 0.1
