"""``motefit listen``: the command line on real pipes and processes."""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tone_model import ONE, RATE_HZ, SPEECH, bundle_of, tone_model, tones

from motefit.runtime.bundle import load_bundle
from motefit.spec.tasks.series_spec import SeriesIO

PATIENCE_S = 1200
"""Far beyond what these tests wait for, on a busy machine too: beyond it, something hangs."""
SAID = ("low", "high", "high", "low")
PERIOD_S = 2
SERIES = SeriesIO(
    inputs=("T",), targets=("T",), input_steps=3, output_steps=1, step_minutes=10.0,
    normalization=ONE,
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tone_model(tmp_path_factory.mktemp("tones") / "tones.zip")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Synthesize tones of 0.4 s over faint noise, at 1.3 s, 3.3 s ...; int16."""
    starts = [(place * PERIOD_S + 1.3, word) for place, word in enumerate(SAID)]
    return tones(*starts, seconds=len(SAID) * PERIOD_S + 1)


@pytest.fixture(scope="module")
def listen(environment, model) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run ``motefit listen`` on a model in a separate process."""
    tones = model

    def run(
        *options: object, sent: bytes = b"", path: str = "", model: Path = tones
    ) -> subprocess.CompletedProcess[bytes]:
        code = "from motefit.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "listen", str(model), *map(str, options)],
            env={**environment, "PATH": path or os.environ["PATH"]},
            input=sent, capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        return done

    return run


def words(done: subprocess.CompletedProcess[bytes]) -> tuple[str, ...]:
    assert done.returncode == 0, done.stderr
    return tuple(line.split()[2] for line in done.stdout.decode().splitlines())


def refusal(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 2
    text, mark, said = done.stderr.decode().rpartition("error: ")
    assert mark, text
    return said


def as_wav(path: Path, samples: np.ndarray, *, rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def test_words_on_standard_input(listen, speech):
    assert words(listen("--input", "-", sent=speech.tobytes())) == SAID


def test_words_of_a_wav_file_at_another_rate_as_json(invoke, model, speech, tmp_path):
    path = as_wav(tmp_path / "said.wav", np.repeat(speech, 2), rate_hz=2 * RATE_HZ)
    done = invoke("listen", model, "--input", path, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["word"] for row in found] == list(SAID)
    for place, row in enumerate(found):
        assert abs(row["time_s"] - (place * PERIOD_S + 1.5)) < 0.2
        assert row["reported_s"] > row["time_s"]
        assert 0.5 < row["probability"] <= 1


def test_options_take_effect(invoke, model, speech, tmp_path):
    path = tmp_path / "said.pcm"

    def heard(samples: np.ndarray, *options: object) -> tuple[str, ...]:
        path.write_bytes(samples.tobytes())
        lines = invoke("listen", model, "--input", path, *options).stdout.splitlines()
        return tuple(line.split()[2] for line in lines)

    assert heard(speech, "--seconds", 4.5) == SAID[:2]
    assert heard(speech, "--ignore", "low") == ("high", "high")
    assert heard(speech, "--hop-ms", 50, "--threshold", 0.2) == SAID
    assert heard(np.stack([speech, speech], axis=1), "--channels", 2) == SAID
    assert heard(np.repeat(speech, 3), "--rate", 24_000) == SAID


def test_an_odd_byte_at_the_end_is_reported(listen, speech):
    done = listen("--input", "-", sent=speech.tobytes() + b"\0")
    assert words(done) == SAID
    assert b"ended within a sample: 1 byte(s) ignored" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "no-such-file"], "no input 'no-such-file'"),
        (["--input", "said.pcm", "--rate", "10"], "must be 1000..768000 Hz, got 10"),
        (["--input", "said.pcm", "--hop-ms", "0"], "hop_ms must be above 0"),
        (["--input", "said.pcm", "--hop-ms", "5000"], "choose a shorter hop"),
        (
            ["--input", "said.pcm", "--ignore", "hihg"],
            "not a label of this model; its labels are high, low",
        ),
        (["--input", "arecord"], "arecord is not installed"),
        ([], "no microphone can be opened"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(refused, model, tmp_path, monkeypatch, options, said):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said.pcm").write_bytes(bytes(2 * RATE_HZ))
    assert said in refused("listen", model, *options)


def test_a_pipe_without_sound_is_a_mistake(listen):
    assert "ended without a sample" in refusal(listen("--input", "-"))


def test_a_stalled_pipe_does_not_hang(environment, model):
    read, write = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", "from motefit.cli import main; main()", "listen",
         str(model), "--input", "-", "--wait", "0.5"],
        env=environment, stdin=read, capture_output=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    os.close(write)
    os.close(read)
    assert "no sound for 0.5 s" in refusal(done)


def test_a_microphone_that_is_unplugged_for_a_while(listen, speech, tmp_path):
    """arecord dies after the second word and comes back with the others."""
    program, turn = tmp_path / "arecord", tmp_path / "turn"
    cut = 9 * RATE_HZ // 2
    halves = {"first": speech[:cut], "second": speech[cut:]}
    for name, samples in halves.items():
        (tmp_path / name).write_bytes(samples.tobytes())
    program.write_text(
        f"#!/bin/sh\nif [ -e {turn} ]; then cat {tmp_path}/second; fi\n"
        f"[ -e {turn} ] || cat {tmp_path}/first\ntouch {turn}\n"
        "echo 'arecord: pcm_read:2221: read error: No such device' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = listen("--input", "arecord:hw:1", "--seconds", 8, path=path)
    assert words(done) == SAID
    said = done.stderr.decode()
    assert "arecord hw:1, after 4.5 s" in said
    assert "No such device" in said
    assert "trying again in 1 s (1 of 5)" in said
    assert "sound is back" in said
    (tmp_path / "second").unlink()
    turn.unlink()
    assert "gave up after 1 attempts" in refusal(
        listen("--input", "arecord", "--retries", 1, path=path)
    )


@pytest.mark.proof
def test_damaged_and_foreign_models(listen, model, tmp_path):
    other = bundle_of(tmp_path / "other.zip", "forecasting", SERIES, np.ones((1, 3)))
    assert "is a model for forecasting" in refusal(listen(model=other))
    wrong = bundle_of(tmp_path / "wrong.zip", "keyword-spotting", SPEECH, np.ones((2, 9)))
    assert "belong to another model" in refusal(listen(model=wrong))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(model.read_bytes()[:-100])
    assert str(cut) in refusal(listen("--input", "-", model=cut))
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(load_bundle(model).model)
    assert "without a card" in refusal(listen("--input", "-", model=bare))
    bare.write_bytes(b"\0\0\0\0TFL3")
    assert "damaged .tflite file" in refusal(listen("--input", "-", model=bare))
