"""Audio sources: real pipes, real processes, and the real arecord if it is installed."""

import io
import os
import shutil
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from motefit.runtime.microphone.alsa import ArecordSource
from motefit.runtime.microphone.sounddevice import SoundDeviceSource
from motefit.runtime.microphone.source import PipeSource, SoundLostError
from motefit.runtime.streaming.listen import chunks, connector
from motefit.spec.errors import DataError

PCM = np.random.default_rng(0).integers(-9000, 9000, 20_000).astype(np.int16)
PATIENCE_S = 60
"""Far longer than these tests should take: beyond it, something hangs."""


@pytest.fixture
def pipe():
    """Open a pipe: the descriptor to read, and a function that writes bytes and closes."""
    read, write = os.pipe()
    threads = []

    def send(*parts: bytes, then_close: bool = True) -> None:
        def work() -> None:
            for part in parts:
                os.write(write, part)
                time.sleep(0.01)
            if then_close:
                os.close(write)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield read, send
    for thread in threads:
        thread.join()
    os.close(read)


def all_of(source) -> np.ndarray:
    parts = []
    while (part := source.read()) is not None:
        assert part.dtype == np.int16
        assert len(part)
        parts.append(part)
    assert source.received == sum(map(len, parts))
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def wav(samples: np.ndarray, *, rate_hz: int = 22_050, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(width)
        out.setframerate(rate_hz)
        out.writeframes(samples.tobytes())
    return file.getvalue()


class TestPipes:
    def test_raw_samples_in_any_pieces(self, pipe):
        read, send = pipe
        data = PCM.astype("<i2").tobytes()
        send(data[:1], data[1:4], data[4:1001], data[1001:])
        source = PipeSource(read, rate_hz=16_000)
        np.testing.assert_array_equal(all_of(source), PCM)
        assert (source.rate_hz, source.leftover_bytes) == (16_000, 0)

    @pytest.mark.parametrize("cut", [1, 7, 20, 43])
    def test_a_wav_header_sets_the_rate(self, pipe, cut):
        read, send = pipe
        data = wav(PCM)
        send(data[:cut], data[cut:])
        source = PipeSource(read, rate_hz=16_000)
        np.testing.assert_array_equal(all_of(source), PCM)
        assert source.rate_hz == 22_050

    def test_channels_are_averaged(self, pipe):
        read, send = pipe
        stereo = np.stack([PCM, -PCM], axis=1)
        send(wav(stereo))
        assert not all_of(PipeSource(read, rate_hz=16_000, channel="mean")).any()

    def test_channels_without_a_header(self, pipe):
        read, send = pipe
        send(np.stack([PCM, PCM, PCM], axis=1).tobytes())
        source = PipeSource(read, rate_hz=16_000, channels=3, channel="mean")
        np.testing.assert_array_equal(all_of(source), PCM)

    def test_an_odd_byte_at_the_end_is_counted(self, pipe):
        read, send = pipe
        send(PCM.tobytes() + b"\x07")
        source = PipeSource(read, rate_hz=16_000)
        np.testing.assert_array_equal(all_of(source), PCM)
        assert source.leftover_bytes == 1

    @pytest.mark.parametrize("data", [b"", b"\x01", wav(PCM)[:30], wav(PCM)[:44]])
    def test_nothing_at_all_is_an_error(self, pipe, data):
        read, send = pipe
        send(data)
        with pytest.raises(DataError, match=r"without a sample|truncated"):
            PipeSource(read, rate_hz=16_000).read()

    def test_a_stalled_writer_is_an_error_before_and_after_sound(self, pipe):
        read, send = pipe
        source = PipeSource(read, rate_hz=16_000, wait_s=0.1)
        with pytest.raises(DataError, match=r"no sound for 0\.1 s.*stalled") as caught:
            source.read()
        assert not isinstance(caught.value, SoundLostError)
        send(PCM[:160].tobytes(), then_close=False)
        assert len(source.read())
        with pytest.raises(SoundLostError, match=r"after 0\.0 s: no sound"):
            all_of(source)

    @pytest.mark.parametrize("rate_hz", [-1, 0, 999, 10**7])
    def test_rates_are_checked(self, rate_hz):
        with pytest.raises(DataError, match=f"must be 1000..768000 Hz, got {rate_hz}"):
            PipeSource(0, rate_hz=rate_hz)

    def test_files_and_named_pipes(self, tmp_path):
        file = tmp_path / "clip.wav"
        file.write_bytes(wav(PCM))
        with connector(str(file), rate_hz=16_000)() as source:
            np.testing.assert_array_equal(all_of(source), PCM)
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=lambda: fifo.write_bytes(PCM.tobytes()))
        with connector(str(fifo), rate_hz=16_000, wait_s=PATIENCE_S)() as source:
            writer.start()
            np.testing.assert_array_equal(all_of(source), PCM)
        writer.join()

    def test_a_missing_input(self, tmp_path):
        with pytest.raises(DataError, match="no input 'hw:1,0'; give - for standard input"):
            connector("hw:1,0", rate_hz=16_000)
        with pytest.raises(DataError, match=f"{tmp_path}: is a folder; give a WAV file"):
            connector(str(tmp_path), rate_hz=16_000)().read()


def pieces(source):
    while True:
        yield source.read()


def test_sound_behind_the_sound_of_a_header_is_not_lost_in_silence(pipe):
    read, send = pipe
    send(wav(PCM) + b"data\x08\0\0\0" + bytes(8), then_close=False)
    source = PipeSource(read, rate_hz=16_000)
    got = [source.read()]
    with pytest.raises(DataError, match="followed by a second data chunk, of 8 bytes"):
        got.extend(pieces(source))
    np.testing.assert_array_equal(np.concatenate(got), PCM)


FAKE = """#!{python}
import os, sys, time
calls = {calls!r}
with open(calls, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
turn = len(open(calls).readlines())
{body}
"""


@pytest.fixture
def arecord(tmp_path, monkeypatch):
    """Install a program called arecord that runs a test's code; returns its call log."""

    def install(body: str) -> Path:
        calls, program = tmp_path / "calls", tmp_path / "bin" / "arecord"
        program.parent.mkdir()
        program.write_text(FAKE.format(python=sys.executable, calls=str(calls), body=body))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return calls

    return install


def send(samples: int) -> str:
    return f'os.write(1, b"\\1\\0" * {samples})\n'


UNPLUGGED = 'sys.stderr.write("arecord: pcm_read:2221: read error: No such device\\n"); sys.exit(1)'


class TestArecord:
    def test_it_gets_the_rate_and_device(self, arecord):
        calls = arecord(send(1600) + "time.sleep(600)")
        with ArecordSource("plughw:1,0", rate_hz=44_100) as source:
            assert source.read().tolist() == [1] * 1600
        assert calls.read_text().split() == [
            "-D", "plughw:1,0", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "44100"
        ]  # fmt: skip

    def test_it_ends_with_the_source(self, arecord):
        arecord(send(10) + "time.sleep(600)")
        with ArecordSource() as source:
            source.read()
            process = source._process.pid
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)

    def test_one_that_ignores_sigterm_is_killed(self, arecord):
        arecord("import signal; signal.signal(15, signal.SIG_IGN)\n" + send(10) + "time.sleep(600)")
        source = ArecordSource()
        source.read()
        started = time.monotonic()
        source.close()
        source.close()
        assert time.monotonic() - started < PATIENCE_S

    def test_no_card(self, arecord):
        arecord('sys.stderr.write("arecord: main:831: audio open error: No such file\\n"); exit(1)')
        with (
            ArecordSource() as source,
            pytest.raises(DataError, match=r"exit status 1: .*audio open error.*arecord -l"),
        ):
            source.read()

    def test_unplugged_while_it_listens(self, arecord):
        arecord(send(8000) + UNPLUGGED)
        with (
            ArecordSource() as source,
            pytest.raises(SoundLostError, match=r"after 0\.5 s: .*No such device"),
        ):
            all_of(source)

    @pytest.mark.parametrize("sent", [0, 100])
    def test_one_that_stalls(self, arecord, sent):
        arecord(send(sent) + "time.sleep(600)")
        started = time.monotonic()
        with ArecordSource(wait_s=0.3) as source, pytest.raises(DataError, match="no sound for"):
            all_of(source)
        assert time.monotonic() - started < PATIENCE_S

    def test_one_that_closes_its_output_without_ending(self, arecord):
        arecord(send(4) + "os.close(1); time.sleep(600)")
        with ArecordSource() as source, pytest.raises(SoundLostError):
            all_of(source)

    def test_the_rate_that_hardware_reports_is_used(self, arecord):
        arecord(
            'sys.stderr.write("Warning: rate is not accurate (requested = 16000Hz, got = '
            '48000Hz)\\n"); sys.stderr.flush()\n' + send(4800) + "time.sleep(600)"
        )
        with ArecordSource("hw:0") as source:
            source.read()
            assert source.rate_hz == 48_000

    def test_not_installed(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(DataError, match="sudo apt install alsa-utils"):
            ArecordSource()
        with pytest.raises(DataError, match="no microphone can be opened: neither arecord"):
            connector("", rate_hz=16_000)

    @pytest.mark.skipif(not shutil.which("arecord"), reason="arecord (alsa-utils) not installed")
    def test_the_real_one_without_a_card(self):
        with (
            ArecordSource("hw:motefit-no-such-card") as source,
            pytest.raises(DataError, match=r"arecord: .*audio open error"),
        ):
            source.read()

    @pytest.mark.skipif(not shutil.which("arecord"), reason="arecord (alsa-utils) not installed")
    def test_the_real_one_with_alsas_null_device(self):
        with ArecordSource("null", rate_hz=8000) as source:
            parts = [source.read() for _ in range(10)]
        assert source.received == sum(map(len, parts)) > 0


class TestRecovery:
    def test_a_microphone_that_comes_back(self, arecord):
        calls = arecord(
            f"if turn == 1:\n    {send(1600)}    {UNPLUGGED}\n"
            f"if turn < 4:\n    {UNPLUGGED}\n" + send(3200) + "time.sleep(600)"
        )
        said: list[str] = []
        connect = connector("arecord", rate_hz=16_000)
        sound = chunks(connect, tell=said.append, retries=3, pause_s=0.01)
        first = next(sound)
        assert (len(first.samples), first.follows_gap) == (1600, False)
        second = next(sound)
        assert second.follows_gap
        sound.close()
        assert len(calls.read_text().splitlines()) == 4
        assert [text.rpartition("(")[2] for text in said[:3]] == ["1 of 3)", "2 of 3)", "3 of 3)"]
        assert "No such device" in said[0]
        assert said[3] == "arecord default: sound is back"

    def test_one_that_stays_away_is_given_up(self, arecord):
        calls = arecord(f"if turn == 1:\n    {send(1600)}{UNPLUGGED}")
        said: list[str] = []
        sound = chunks(
            connector("arecord", rate_hz=16_000), tell=said.append, retries=2, pause_s=0.01
        )
        next(sound)
        with pytest.raises(DataError, match=r"No such device.*gave up after 2 attempts"):
            next(sound)
        assert len(calls.read_text().splitlines()) == 3
        assert len(said) == 2

    def test_one_that_never_worked_is_not_tried_again(self, arecord):
        calls = arecord(UNPLUGGED)
        with pytest.raises(DataError, match="No such device"):
            next(chunks(connector("arecord", rate_hz=16_000), tell=print))
        assert len(calls.read_text().splitlines()) == 1

    def test_a_pipe_is_not_opened_again(self, tmp_path):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        stop = threading.Event()

        def work() -> None:
            with fifo.open("wb", buffering=0) as file:
                file.write(bytes(25))
                stop.wait(PATIENCE_S)

        writer = threading.Thread(target=work)
        writer.start()
        said: list[str] = []
        connect = connector(str(fifo), rate_hz=16_000, wait_s=0.5)
        sound = chunks(connect, tell=said.append)
        assert len(next(sound).samples) == 12
        with pytest.raises(DataError, match=r"no sound for 0\.5 s"):
            next(sound)
        stop.set()
        writer.join()
        assert said == []

    def test_an_odd_end_is_reported(self, tmp_path):
        path = tmp_path / "odd.pcm"
        path.write_bytes(PCM.tobytes() + b"\0")
        said: list[str] = []
        sound = list(chunks(connector(str(path), rate_hz=16_000), tell=said.append))
        np.testing.assert_array_equal(np.concatenate([chunk.samples for chunk in sound]), PCM)
        assert said == [f"{path} ended within a sample: 1 byte(s) ignored; is it 16-bit PCM?"]


class TestSoundDevice:
    def test_a_missing_package_or_device_is_reported(self):
        """If there is a sound card, it must deliver samples."""
        try:
            source = SoundDeviceSource(rate_hz=16_000, wait_s=1)
        except DataError as error:
            assert "sounddevice" in str(error)  # noqa: PT017 - one of two right outcomes
            return
        with source:
            assert len(source.read())
