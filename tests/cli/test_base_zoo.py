"""Every bundle of the zoo with the base install: in a process without the extras, and in a clean
environment. Uses the published test clips if MOTEFIT_DATA names them, else tones."""

import json
import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from motefit.data.synth.climate import synthesize_climate
from motefit.runtime import load_bundle
from motefit.spec.card import Card

ZOO = sorted((Path(__file__).parents[2] / "zoo").glob("*.zip"))
LISTS = {
    "train": "kws_train_split.txt",
    "validation": "kws_val_split.txt",
    "test": "kws_test_split.txt",
}
WORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
RATE_HZ = 16_000
FEW = 4
HEARD = 10
LINES = {"2020": 2, "2024": 3}

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Clips as WAV files, the only audio format of the base install.

    Attributes:
        folder: contains a folder for each word, and the lists of the published split.
        test: clips of the test set by word.
        real: whether these are all of the published test clips.
    """

    folder: Path
    test: dict[str, list[Path]]
    real: bool


def write_clip(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def published(speech: Path, name: str, part: str) -> dict[str, list[Path]]:
    """Read the files of a list by word; only a few of those that are not measured."""
    found: dict[str, list[Path]] = {word: [] for word in WORDS}
    for line in (speech / "splits" / name).read_text().splitlines():
        place = Path(line)
        clip = speech / "mini_speech_commands" / place.parent.name / f"{place.stem}.flac"
        if clip.exists() and (part == "test" or len(found[clip.parent.name]) < FEW):
            found[clip.parent.name].append(clip)
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Sound:
    folder = tmp_path_factory.mktemp("zoo") / "speech"
    data, rng = os.environ.get("MOTEFIT_DATA", ""), np.random.default_rng(0)
    test: dict[str, list[Path]] = {}
    for part, name in LISTS.items():
        written = []
        given = published(Path(data) / "speech", name, part) if data else {}
        for pitch, word in enumerate(WORDS):
            if data:
                clips = {c.stem: soundfile.read(c, dtype="int16")[0] for c in given[word]}
            else:
                tone = np.sin(2 * np.pi * 300 * (pitch + 1) / RATE_HZ * np.arange(RATE_HZ))
                clips = {
                    f"{part}{n}_nohash_0": 3000 * tone + rng.normal(0, 300, RATE_HZ)
                    for n in range(FEW)
                }
            for stem, samples in clips.items():
                path = folder / word / f"{stem}.wav"
                write_clip(path, samples)
                written.append(path)
        (folder / "splits").mkdir(exist_ok=True)
        lines = "".join(f"{p.parent.name}/{p.name}\n" for p in written)
        (folder / "splits" / name).write_text(lines)
        if part == "test":
            test = {word: [p for p in written if p.parent.name == word] for word in WORDS}
    return Sound(folder=folder, test=test, real=bool(data))


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> Path:
    """Return the real series, or 60 synthetic days."""
    if data := os.environ.get("MOTEFIT_DATA", ""):
        return next((Path(data) / "climate").glob("*.csv"))
    path = tmp_path_factory.mktemp("series") / "climate.csv"
    synthesize_climate(path, days=60, rng=np.random.default_rng(0))
    return path


def printed(done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured_again(run, bundle: Path, card: Card, data: Path, out: Path) -> dict:
    """Return the facts of ``check``; sizes must match the card, whatever the data."""
    done = run("check", bundle, "--data", data, "--out", out, "--json")
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)
    assert [row["metric"] for row in found["differences"]] == []
    for name in ("size.tflite_bytes", "size.zip_bytes", "macs"):
        assert found["facts"][name] == card.facts[name]
    return found


def try_words(run, bundle: Path, card: Card, sound: Sound, folder: Path) -> None:
    labels, words = card.io.labels, card.io.words
    if len(labels) > len(words):  # its reject classes are other sound, some of it synthetic
        done = run("check", bundle, "--data", sound.folder, "--out", folder / "check", "--json")
        assert done.returncode == 2
        assert "motefit[synth]" in done.stderr
        found = None
    else:
        found = measured_again(run, bundle, card, sound.folder, folder / "check")
    clips = [clip for word in words for clip in sound.test[word][:HEARD]]
    rows = json.loads(printed(run("kws", bundle, *clips, "--json")))
    assert [row["file"] for row in rows] == list(map(str, clips))
    assert {row["label"] for row in rows} <= set(labels)
    for protocol, count in LINES.items():
        lines = printed(run("latency", bundle, "--protocol", protocol, "--pause", 0))
        assert len(lines.splitlines()) == count
    pcm = folder / "stream.pcm"
    gap = np.zeros(RATE_HZ // 2, np.int16)
    pcm.write_bytes(
        b"".join(soundfile.read(c, dtype="int16")[0].tobytes() + gap.tobytes() for c in clips)
    )
    reported = [
        line.split()[2]
        for line in printed(run("listen", bundle, "--input", "-", sent=pcm)).splitlines()
    ]
    assert set(reported) <= set(words)
    if sound.real:
        if found:
            assert found["facts"]["accuracy"] == card.facts["accuracy"]
        right = [row["label"] == Path(row["file"]).parent.name for row in rows]
        assert np.mean(right) >= (0.9 if found else 0.7)
        assert len(clips) // 2 <= len(reported) <= len(clips) + 2


def try_series(run, bundle: Path, card: Card, series: Path, folder: Path) -> None:
    found = measured_again(run, bundle, card, series, folder / "check")
    if found["same_data"]:
        assert found["met"]
    lines = printed(run("forecast", bundle, series)).splitlines()
    lines = [line for line in lines if not line.startswith("note: ")]
    assert lines[0].startswith("input ends ")
    assert len(lines) == 2 + card.io.output_steps


def try_bundle(run, bundle: Path, sound: Sound, series: Path, folder: Path) -> None:
    """Run every device command on the bundle."""
    folder.mkdir(exist_ok=True)
    card = load_bundle(bundle).card
    if card.task == "keyword-spotting":
        try_words(run, bundle, card, sound, folder)
    else:
        try_series(run, bundle, card, series, folder)


def test_the_zoo_is_complete():
    assert len(ZOO) >= 8
    assert {path.stem for path in ZOO} >= {"climate-6", "up-down"}


@pytest.mark.proof
@pytest.mark.parametrize("bundle", ZOO, ids=lambda path: path.stem)
def test_without_the_extras(base, bundle, sound, series, tmp_path):
    try_bundle(base, bundle, sound, series, tmp_path)


def test_all_are_timed_together(base):
    found = json.loads(printed(base("bench", *ZOO, "--rounds", 4, "--threads", 1, "--json")))
    assert [row["name"] for row in found["models"]] == [path.name for path in ZOO]
    assert {row["has_frontend"] for row in found["models"]} == {True}


@pytest.mark.network
@pytest.mark.proof
def test_in_a_clean_environment(clean, sound, series, tmp_path):
    for bundle in ZOO:
        try_bundle(clean, bundle, sound, series, tmp_path / bundle.stem)
    found = json.loads(printed(clean("bench", *ZOO, "--rounds", 4, "--threads", 1, "--json")))
    assert len(found["models"]) == len(ZOO)
