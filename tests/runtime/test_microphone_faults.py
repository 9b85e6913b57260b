"""Faults of microphones: a stand-in for arecord, a real program that behaves as it does; the real
arecord on ALSA's own plug-ins, and a loopback through PulseAudio, where they are installed."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import arecord_stand_in
import numpy as np
import pytest

import motefit
from motefit.runtime.microphone.alsa import ArecordSource
from motefit.runtime.microphone.input_watch import InputWatch
from motefit.runtime.streaming.listen import chunks, connector
from motefit.spec.errors import DataError

REAL = shutil.which("arecord")
needs_arecord = pytest.mark.skipif(not REAL, reason="arecord (alsa-utils) is not installed")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Install the stand-in as the only arecord."""
    program = tmp_path / "bin" / "arecord"
    program.parent.mkdir()
    source = Path(arecord_stand_in.__file__).read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def heard(device: str, *, seconds: float, **options) -> tuple[list, list[str]]:
    """Read chunks of some seconds in all, and what was said."""
    said: list[str] = []
    sound = chunks(connector(f"arecord:{device}", rate_hz=16_000, **options), tell=said.append)
    found, total = [], 0.0
    for chunk in sound:
        found.append(chunk)
        total += chunk.seconds
        if total >= seconds:
            break
    sound.close()
    return found, said


def samples(found) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in found])


ADVICE = {
    "busy": "fuser -v /dev/snd",
    "permission": "usermod -aG audio",
    "server": "the sound server is not running",
    "gone": "plugged in.*arecord -l",
    "unknown": "plugged in.*arecord -l",
    "rate": "--rate 48000",
    "clock": "wiring of an I2S microphone",
    "odd": "plugged in",
    "spdif": "available: IEC958_SUBFRAME_LE.*motefit records S16_LE, S32_LE.*plughw",
}


@pytest.mark.usefixtures("stand_in")
class TestStandIn:
    def test_each_refusal_has_its_own_advice(self):
        assert set(ADVICE) == {*arecord_stand_in.REFUSALS, "spdif"}
        for kind, advice in ADVICE.items():
            with pytest.raises(DataError, match=f"arecord hw:{kind}: .*(?s:{advice})"):
                heard(f"hw:{kind}", seconds=1)

    @pytest.mark.parametrize("kind", ["packed", "low24", "float"])
    def test_other_sample_formats_are_taken_and_said(self, kind):
        expected, _ = heard("plain", seconds=1)
        found, said = heard(kind, seconds=1)
        difference = samples(found)[:16_000].astype(int) - samples(expected)[:16_000]
        assert abs(difference).max() <= 1
        form = arecord_stand_in.FORMATS[kind]
        assert said == [f"arecord {kind}: the device records 1 channel of {form}"]

    def test_an_i2s_microphone_has_its_own_format_and_channels(self):
        plain, _ = heard("plain", seconds=1)
        both, said = heard("i2s", seconds=1)
        assert said == [
            "arecord i2s: the device records 1 channel of S32_LE",
            "arecord i2s: the device records 2 channels of S32_LE",
        ]
        second, _ = heard("i2s", seconds=1, channel=2)
        sizes = [np.abs(samples(found).astype(int)).max() for found in (plain, both, second)]
        assert sizes[0] / sizes[2] == pytest.approx(2, rel=0.05)
        assert sizes[0] / sizes[1] == pytest.approx(4 / 3, rel=0.05)

    def test_a_channel_of_an_array_must_be_chosen(self):
        with pytest.raises(DataError, match=r"has 4 channels.*--channel 1"):
            heard("array", seconds=1)
        for channel in (1, 4, "mean"):
            found, _ = heard("array", seconds=1, channels=4, channel=channel)
            assert len(samples(found)) >= 16_000
        with pytest.raises(DataError, match=r"Channels count non available.*--channels 4"):
            heard("array", seconds=1, channel=5)

    def test_the_rate_of_the_hardware(self):
        found, _ = heard("own-rate", seconds=1)
        assert {chunk.rate_hz for chunk in found} == {48_000}

    def test_an_overrun_is_one_line_and_a_gap_in_time(self):
        found, said = heard("overrun", seconds=4)
        (gap,) = [chunk for chunk in found if chunk.follows_gap]
        assert gap.skipped_s == 0.512
        before = sum(len(chunk.samples) for chunk in found[: found.index(gap)])
        assert before == pytest.approx(32_000, abs=4096)
        (line,) = said
        assert re.search(r"sound was lost \(overrun of at least 512 ms\)", line)

    def test_a_muted_microphone_is_one_line_and_a_gap_in_time(self):
        found, said = heard("muted-later", seconds=8)
        assert [re.split(r" s: ", line)[1][:20] for line in said] == [
            "no sound at all for ", "the input has sound ",
        ]  # fmt: skip
        silent = [chunk for chunk in found if not len(chunk.samples)]
        assert sum(chunk.seconds for chunk in silent) == pytest.approx(3, abs=0.4)
        assert all(chunk.follows_gap for chunk in silent)
        assert len(samples(found)) == pytest.approx(5 * 16_000, abs=6400)

    def test_far_too_quiet_input_is_a_gap_too(self):
        found, said = heard("quiet", seconds=12)
        (line,) = said
        assert "far too quiet for 10 s" in line
        assert sum(len(chunk.samples) for chunk in found) == pytest.approx(160_000, abs=3200)

    def test_unplugged_while_it_listens_names_the_program(self):
        with ArecordSource("unplugged") as source:
            sound = (source.read() for _ in range(100))
            with pytest.raises(DataError, match=r"after 2\.0 s: .*No such device"):
                sum(map(len, sound))

    @pytest.mark.parametrize(
        ("device", "options", "advice"),
        [
            ("plain", {}, ""),
            ("muted", {}, "no sound at all"),
            ("quiet", {}, "too quiet"),
            ("loud", {}, "clipped: lower Capture"),
            ("offset", {}, "an offset of 5.0 %"),
            ("dropouts", {}, "digital zeros only"),
            ("overrun", {}, "sound was lost 1 times"),
            ("reversed", {"channels": 2}, "the two channels cancel each other"),
            ("array", {"channels": 4}, "choose a channel: --channel 1 is the clearest"),
            ("plain", {"rate_hz": 8000}, "8000 Hz has no sound above 4000 Hz"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_check_says_what_to_change(self, device, options, advice):
        shown: list[str] = []
        found = motefit.check_microphone(
            source=f"arecord:{device}", seconds=3, tell=shown.append, **options
        )
        said = "\n".join(found.advice)
        assert advice in said if advice else said == ""
        assert found.seconds == pytest.approx(3, abs=0.2)
        assert len(found.channels) == options.get("channels", 1)
        assert 4 <= len(shown) <= 6
        assert ("fine" in str(found)) == (not advice)

    def test_a_chosen_channel_is_judged_alone(self):
        found = motefit.check_microphone(
            source="arecord:reversed", channels=2, channel=1, seconds=1, tell=print
        )
        assert found.advice == ()


def test_an_offset_or_a_faint_hum_is_no_sound():
    watch = InputWatch()
    hum = np.tile(np.array([100, 108], np.int16), 8000)
    assert [watch.usable(hum, 16_000) for _ in range(11)] == [True] * 9 + [False] * 2
    assert "far too quiet" in watch.news()
    assert watch.news() == ""
    assert watch.usable(hum * 3, 16_000)
    assert watch.news() == "the input has sound again"


ASOUNDRC = """
pcm.four {{
  type multi
  slaves.a {{ pcm "null" channels 4 }}
  bindings.0 {{ slave a channel 0 }}
  bindings.1 {{ slave a channel 1 }}
  bindings.2 {{ slave a channel 2 }}
  bindings.3 {{ slave a channel 3 }}
}}
pcm.digital {{ type iec958 slave {{ pcm "null" format S32_LE }} }}
pcm.tape {{ type file slave.pcm "null" file "/dev/null" infile "{tape}" format "raw" }}
pcm.loop {{ type pulse device "motefit.monitor" server "{server}" }}
"""
TAPE = np.random.default_rng(0).integers(-9000, 9000, 48_000).astype("<i2")


@pytest.fixture
def alsa(tmp_path, monkeypatch):
    """Configure devices made of ALSA's own plug-ins; returns the address of a sound server."""
    tape, server = tmp_path / "tape.raw", f"unix:{tmp_path}/native"
    tape.write_bytes(TAPE.tobytes())
    (tmp_path / ".asoundrc").write_text(ASOUNDRC.format(tape=tape, server=server))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return server


@needs_arecord
@pytest.mark.usefixtures("alsa")
class TestRealArecord:
    def test_sound_of_a_device_arrives_unchanged(self):
        found, _ = heard("tape", seconds=1)
        np.testing.assert_array_equal(samples(found)[:16_000], TAPE[:16_000])

    @pytest.mark.parametrize(
        ("device", "said"),
        [
            ("four", r"has 4 channels.*--channel 1"),
            ("digital", "available: IEC958_SUBFRAME_LE. What to do: motefit records S16_LE"),
            ("hw:7", "plugged in"),
            ("no-such-device", "plugged in"),
        ],
    )
    def test_its_own_refusals(self, device, said):
        with pytest.raises(DataError, match=said):
            heard(device, seconds=1)

    def test_a_channel_of_four(self):
        found, said = heard("four", seconds=0.2, channels=4, channel=2)
        assert len(samples(found)) >= 3200
        assert said == []


@pytest.mark.proof
@needs_arecord
@pytest.mark.skipif(
    not (shutil.which("pulseaudio") and shutil.which("paplay")), reason="PulseAudio not installed"
)
def test_a_loopback_through_a_real_sound_server(alsa, tmp_path):
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("ALSA's plug-in for PulseAudio (libasound2-plugins) is not installed")
    address = f"socket={tmp_path}/native auth-anonymous=1"
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
         "-L", f"module-native-protocol-unix {address}",
         "-L", "module-null-sink sink_name=motefit rate=16000 channels=1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            if (tmp_path / "native").exists() or server.poll() is not None:
                break
            time.sleep(0.1)
        if server.poll() is not None:
            pytest.skip("PulseAudio does not run here")
        playing = subprocess.Popen(
            ["paplay", f"--server={alsa}", "--raw", "--rate=16000", "--channels=1",
             "--format=s16le", "--device=motefit", str(tmp_path / "tape.raw")]
        )  # fmt: skip
        found, _ = heard("loop", seconds=2)
        playing.wait(60)
        pcm = samples(found)
        pcm = pcm[np.flatnonzero(pcm)[0] :][:8000].astype(float)
        size = 1 << 17
        match = np.fft.irfft(np.fft.rfft(TAPE, size) * np.fft.rfft(pcm, size).conj(), size)
        place = int(match.argmax())
        assert np.corrcoef(pcm, TAPE[place : place + len(pcm)])[0, 1] > 0.9
    finally:
        server.terminate()
        server.wait(60)
