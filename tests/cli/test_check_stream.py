"""``motefit check --stream``: false accepts and misses in long recordings, from fit to check."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from motefit.runtime import load_bundle

RATE_HZ = 8000
HERTZ = {"low": 400.0, "high": 2600.0}
RECIPE = """
task = "keyword-spotting"
[data]
words = ["low", "high"]
stream = "room"
[frontend]
rate_hz = 8000
frame_length = 256
frame_step = 256
mel_bins = 12
lower_hz = 100
upper_hz = 3800
coefficients = 0
[model]
family = "dscnn"
width = 8
blocks = 1
[train]
epochs = 8
batch_size = 8
learning_rate = 0.02
[budget]
stream.false_accepts_per_hour = "<= 2"
stream.miss_rate = "<= 50 %"
stream.latency_ms = "<= 1 s"
[search]
repeats = 1
"""


def burst(word: str, rng: np.random.Generator) -> np.ndarray:
    """A tone of 0.4 s."""
    n = np.arange(round(0.4 * RATE_HZ))
    tone = np.sin(2 * np.pi * HERTZ[word] * rng.uniform(0.95, 1.05) * n / RATE_HZ)
    return 0.4 * rng.uniform(0.7, 1) * np.hanning(len(n)) * tone


def write_sound(path: Path, sound: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.rint(32767 * np.clip(sound, -1, 1)).astype("<i2").tobytes())
    return path


def room(said: list[tuple[float, str]], seconds: float, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sound = 0.003 * rng.standard_normal(round(seconds * RATE_HZ))
    for start_s, word in said:
        first, tone = round(start_s * RATE_HZ), burst(word, rng)
        sound[first : first + len(tone)] += tone
    return sound


@pytest.fixture(scope="module")
def heard(tmp_path_factory, motefit_process) -> tuple[Path, Path, dict]:
    """A model trained with a stream: its bundle, its data, and what ``fit`` printed."""
    folder = tmp_path_factory.mktemp("heard")
    data, recipe = folder / "data", folder / "room.toml"
    rng = np.random.default_rng(1)
    for word in HERTZ:
        for clip in range(12):
            sound = room([(rng.uniform(0.05, 0.55), word)], 1.0, seed=int(rng.integers(1 << 30)))
            write_sound(data / word / f"s{clip:02d}_nohash_0.wav", sound)
    for seed, part in enumerate(("validation", "test")):
        said = [(1.2, "low"), (3.1, "high"), (5.4, "high"), (8.0, "low")]
        write_sound(data / "room" / part / "said.wav", room(said, 10, seed=seed))
        lines = [f"{start}\t{start + 0.4}\t{word}" for start, word in said]
        (data / "room" / part / "said.txt").write_text("\n".join(lines))
        write_sound(data / "room" / part / "quiet.wav", room([], 6, seed=seed + 10))
    recipe.write_text(RECIPE)
    done = motefit_process("fit", recipe, "--data", data, "--out", folder / "run", "--json")
    assert done.returncode in {0, 1}, done.stderr
    return folder / "run" / "room.zip", data, json.loads(done.stdout)


@pytest.mark.slow
def test_a_fit_chooses_the_threshold_and_the_card_has_the_curve(heard):
    bundle, _, printed = heard
    card = load_bundle(bundle).card
    chosen = card.evidence["decision"]
    assert card.io.decision.threshold == chosen["threshold"]
    assert chosen["words"] == 4
    assert chosen["curve"][0][0] <= chosen["threshold"] <= chosen["curve"][-1][0]
    lines = {line["metric"]: line for line in printed["certificate"]["lines"]}
    assert {name: line["verdict"] for name, line in lines.items()} == dict.fromkeys(lines, "pass")
    assert len(lines) == 3
    rate = printed["certificate"]["stream"]["false_accepts"]
    assert (rate["count"], rate["hours"]) == (0, pytest.approx(16 / 3600))
    assert rate["confidence"] == "met, not shown at 95 %"
    assert rate["highest"] == pytest.approx(2.9957 / rate["hours"], rel=1e-3)
    assert card.evidence["stream"]["scripted"]["words"] > 0


def test_a_check_confirms_the_stream_and_reports_another(heard, invoke, tmp_path):
    bundle, data, _ = heard
    again = invoke("check", bundle, "--data", data, "--out", tmp_path / "out", "--json")
    assert json.loads(again.stdout)["differences"] == []
    page = (tmp_path / "out" / "report.html").read_text()
    assert "False accepts and misses" in page
    alone = invoke("check", bundle, "--stream", data / "room", "--json")
    assert alone.exit_code == 0, alone.output
    found = json.loads(alone.stdout)
    assert found["met"] is True
    stated = load_bundle(bundle).card
    assert found["facts"] == {k: v for k, v in stated.facts.items() if k.startswith("stream.")}
    assert found["evidence"]["sha256"] == stated.evidence["stream"]["sha256"]
    moved = data / "room" / "test" / "said.txt"
    moved.rename(tmp_path / "said.txt")
    try:
        without = invoke("check", bundle, "--stream", data / "room")
    finally:
        (tmp_path / "said.txt").rename(moved)
    assert without.exit_code == 1
    assert "2 recordings, 0 with a list of words" in without.stdout
    words = found["evidence"]["recordings"]["found"]
    assert words > 1
    assert f"{words} in 0.00 h of the recordings" in without.stdout
    assert "the bound is missed" in without.stdout


def test_kws_says_no_word_where_it_is_not_certain(heard, invoke, tmp_path):
    bundle, _, _ = heard
    silence = write_sound(tmp_path / "silence.wav", np.zeros(RATE_HZ))
    word = write_sound(tmp_path / "word.wav", room([(0.3, "low")], 1.0, seed=5))
    said = invoke("kws", bundle, silence, word, "--json")
    assert [row["rejected"] for row in json.loads(said.stdout)] == [True, False]
    assert invoke("kws", bundle, silence).stdout.startswith("no word")


def test_mistakes_are_named(heard, refused, tmp_path):
    bundle, data, _ = heard
    assert "there is no such folder" in refused("check", bundle, "--stream", tmp_path / "gone")
    assert "is a model for forecasting" in refused("check", "climate-3", "--stream", data / "room")
    listed = data / "room" / "test" / "said.txt"
    text = listed.read_text()
    listed.write_text(text.replace("low", "lamp").replace("high", "radio"))
    try:
        said = refused("check", bundle, "--stream", data / "room")
    finally:
        listed.write_text(text)
    assert "the lists name lamp, radio, but the model knows only high, low" in said
