"""A whole node: over servers that fail, and switched by real voices."""

import sqlite3
import subprocess
import sys
import threading
import time
import wave

import numpy as np
import pytest
from running_node import kept_readings
from servers import HANG_S, wait_until

import motefit
from motefit.data.decode import read_clip
from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings, read_settings
from motefit.runtime import KeywordSpotter
from motefit.spec.errors import RecipeError

RATE_HZ = 16_000
SURE = 0.95
"""Least probability of a clip that a stream finds, too."""


def settings_of(folder, **changes):
    return NodeSettings(
        **{"node": "node", "every_s": 0.05, "outbox": str(folder / "outbox.db"), **changes}
    )


def test_readings_of_a_node_survive_a_sink_that_fails(place, tmp_path):
    """The server is killed at random while a node runs: every reading arrives, in order, once."""
    node = Node(settings_of(tmp_path, sink=place.url), tell=lambda _: None)
    thread = threading.Thread(target=node.run)
    thread.start()
    if place.server is not None:
        for pause in (0.3, 0.4):
            time.sleep(pause)
            place.server.kill()
            time.sleep(pause)
            place.server.start()
    wait_until(lambda: node.forwarder.sent > 20 and len(node.outbox) < 20, "the sink has caught up")
    node.stop()
    thread.join(HANG_S)
    rest = open_rest(tmp_path, place)
    wait_until(lambda: len(place.stored()) >= node.monitor.counts.readings, "all have arrived")
    stored = place.stored()
    assert len(stored) == node.monitor.counts.readings
    assert rest == 0


def open_rest(folder, place):
    """Let a second node send what the first left in the outbox; return how much is left then."""
    node = Node(settings_of(folder, sink=place.url, start="off"), tell=lambda _: None)
    thread = threading.Thread(target=node.run)
    thread.start()
    wait_until(lambda: not len(node.outbox), "the outbox is empty")
    node.stop()
    thread.join(HANG_S)
    return len(stored_outbox(folder))


def stored_outbox(folder):
    connection = sqlite3.connect(folder / "outbox.db")
    rows = connection.execute("SELECT key FROM readings WHERE sent = 0").fetchall()
    connection.close()
    return rows


@pytest.fixture(scope="module")
def spoken(real_data, tmp_path_factory):
    """Give a recording with "up" and "down" at known times, in faint noise: path and times.

    The node is tested here, not the model, so the clips are ones that the model is sure of.
    """
    spotter = KeywordSpotter.load("up-down")
    rng = np.random.default_rng(5)
    speech = real_data / "speech/mini_speech_commands"
    said, length = [], 40
    sound = rng.normal(0, 20, length * RATE_HZ)
    for n, (label, at_s) in enumerate((("up", 4), ("down", 12), ("up", 20), ("down", 31))):
        names = sorted((speech / label).glob("*.flac"))[100 * n :]
        clips = (read_clip(name, rate_hz=RATE_HZ) for name in names)
        clip = next(c for c in clips if spotter.classify(c, RATE_HZ).probabilities[label] > SURE)
        clip = clip.astype(float)
        first = at_s * RATE_HZ
        sound[first : first + len(clip)] += clip * (3000 / np.abs(clip).max())
        said.append((label, at_s + 0.5))
    path = tmp_path_factory.mktemp("spoken") / "mic.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(sound.clip(-32768, 32767).astype("<i2").tobytes())
    return path, said, length


def test_two_words_switch_logging(spoken, tmp_path):
    path, said, length = spoken
    url = f"sqlite:{tmp_path}/stored.db"
    settings = {
        "sensors": ["room"],
        "sink": url,
        "outbox": str(tmp_path / "outbox.db"),
        "every_s": 0.5,
        "node": "node",
        "model": "up-down",
        "on": "up",
        "off": "down",
        "microphone": str(path),
    }
    told = []
    result = motefit.monitor(tell=told.append, **settings)
    assert result.seconds == pytest.approx(length, abs=0.2)
    assert result.counts.switches == len(said), told
    times = sorted({r.time_ms for r in kept_readings(url, tmp_path / "outbox.db")})
    seconds = (np.array(times) - times[0]) / 1000
    # logged from 4.5 to 12.5 s and from 20.5 to 31.5 s, each switch within 1.5 s
    gaps = np.flatnonzero(np.diff(seconds) > 1)
    assert len(gaps) == 1
    assert 8 - 1.5 <= seconds[gaps[0]] <= 8 + 1.5
    assert 16 - 1.5 <= seconds[gaps[0] + 1] <= 16 + 1.5
    assert 27 - 1.5 <= seconds[-1] <= 27 + 1.5
    assert not result.counts.failed
    assert result.sent + result.waiting == result.counts.readings


def test_a_lost_microphone_file_is_an_error(tmp_path):
    with pytest.raises(motefit.DataError, match="no input"):
        motefit.monitor(
            tell=lambda _: None,
            sink=f"sqlite:{tmp_path}/s.db",
            outbox=str(tmp_path / "o.db"),
            model="up-down",
            on="up",
            off="down",
            microphone=str(tmp_path / "nothing.wav"),
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sensor = ['room']", "did you mean 'sensors'"),
        ("every_s = 0", "0.01 to 86400"),
        ("every_s = 'fast'", "expected float"),
        ("model = 'up-down'", "belong together"),
        ("model = 'm'\non = 'up'\noff = 'up'", "the same word"),
        ("node = '../x'", "letters, digits"),
        ("sensors = []", "name at least one"),
        ("start = 'maybe'", '"on" or "off"'),
        ("least_probability = 1.5", "0 to 1"),
        ("every_s = [", "not valid TOML"),
    ],
)
def test_wrong_settings_are_explained(tmp_path, text, message):
    (tmp_path / "node.toml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_settings(tmp_path / "node.toml", {})


def test_a_word_the_model_does_not_know_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="its words are down, up"):
        Node(settings_of(tmp_path, model="up-down", on="up", off="stop"), tell=print)


def test_options_replace_the_file(tmp_path):
    (tmp_path / "node.toml").write_text('every_s = 5\nsensors = ["room"]\n')
    settings = read_settings(tmp_path / "node.toml", {"every_s": 1.0})
    assert (settings.every_s, settings.sensors) == (1.0, ("room",))
    assert settings.named().node.startswith("0x")


def test_a_node_imports_nothing_for_training(tmp_path):
    code = (
        "import sys, motefit; r = motefit.monitor(seconds=0.3, every_s=0.05, tell=lambda t: None);"
        "assert r.sent == r.counts.readings > 0;"
        "assert not {'torch', 'pandas', 'soundfile', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
