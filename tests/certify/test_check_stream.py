"""False accepts and misses in long recordings, from the fit to checks of them."""

from pathlib import Path

import numpy as np
import pytest
from small_recipes import FRONTEND
from small_runs import RATE_HZ, write_wav

import motefit
from motefit.certify.check import check
from motefit.certify.check_stream import check_stream
from motefit.runtime import load_bundle
from motefit.spec.budget import Bound, Budget
from motefit.spec.certificate import certify
from motefit.spec.errors import DataError, ModelFileError

HERTZ = {"low": 400.0, "high": 2600.0}
RECIPE = f"""
task = "keyword-spotting"
[data]
words = ["low", "high"]
stream = "room"
{FRONTEND}
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
    return write_wav(path, np.rint(32767 * np.clip(sound, -1, 1)))


def room(said: list[tuple[float, str]], seconds: float, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sound = 0.003 * rng.standard_normal(round(seconds * RATE_HZ))
    for start_s, word in said:
        first, tone = round(start_s * RATE_HZ), burst(word, rng)
        sound[first : first + len(tone)] += tone
    return sound


@pytest.fixture(scope="module")
def heard(tmp_path_factory) -> tuple[Path, Path, motefit.FitResult]:
    """A model trained with a stream: its bundle, its data, and the result of its fit."""
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
    result = motefit.fit(recipe, data=data, out=folder / "run", workers=1, progress="quiet")
    return result.main.bundle, data, result


@pytest.mark.slow
def test_a_fit_chooses_the_threshold_and_the_card_has_the_curve(heard):
    bundle, _, result = heard
    card = load_bundle(bundle).card
    chosen = card.evidence["decision"]
    assert card.io.decision.threshold == chosen["threshold"]
    assert chosen["words"] == 4
    assert chosen["curve"][0][0] <= chosen["threshold"] <= chosen["curve"][-1][0]
    certificate = result.main.certificate
    assert [line.verdict for line in certificate.lines] == ["pass"] * 3
    rate = certificate.stream.false_accepts
    assert (rate.count, rate.hours) == (0, pytest.approx(16 / 3600))
    assert rate.confidence == "met, not shown at 95 %"
    assert rate.highest == pytest.approx(2.9957 / rate.hours, rel=1e-3)
    assert card.evidence["stream"]["scripted"]["words"] > 0


def test_a_check_confirms_the_stream(heard, tmp_path):
    bundle, data, _ = heard
    assert check(bundle, data, out=tmp_path / "out").differences == ()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "False accepts and misses" in page


def test_the_stream_alone_gives_the_facts_of_the_card(heard):
    bundle, data, _ = heard
    stated, found = load_bundle(bundle).card, check_stream(bundle, data / "room")
    assert found.met
    assert found.recordings == (2, 1)
    assert found.facts == {k: v for k, v in stated.facts.items() if k.startswith("stream.")}
    assert found.evidence["sha256"] == stated.evidence["stream"]["sha256"]
    head, *lines = str(found).splitlines()
    assert head == (
        f"2 recordings, 1 with a list of words; threshold {stated.io.decision.threshold:.4g}"
    )
    rows = {line.split()[0]: line.split()[-1] for line in lines if line.startswith("stream.")}
    bounds = {line.metric for line in found.certificate.lines}
    assert {name for name, mark in rows.items() if mark == "pass"} == bounds
    assert set(rows) == set(found.facts)
    curve = [line.split() for line in lines[lines.index("") + 2 :]]
    assert 4 <= len(curve) <= 8
    misses = [float(row[1]) for row in curve]
    assert misses == sorted(misses)  # the stricter the threshold, the more is missed


def test_without_a_list_every_word_found_is_a_false_accept(heard, tmp_path):
    bundle, data, _ = heard
    with_list = check_stream(bundle, data / "room").evidence["recordings"]["found"]
    moved = data / "room" / "test" / "said.txt"
    moved.rename(tmp_path / "said.txt")
    try:
        without = check_stream(bundle, data / "room")
    finally:
        (tmp_path / "said.txt").rename(moved)
    assert not without.met
    said = str(without)
    assert "2 recordings, 0 with a list of words" in said
    assert with_list > 1
    assert f"{with_list} in 0.00 h of the recordings" in said
    assert "the bound is missed" in said
    assert said.splitlines()[-1].split()[1] == "-"  # nothing can be missed


def test_the_budget_of_another_recipe_replaces_the_card_s(heard):
    bundle, data, _ = heard
    lenient = motefit.Recipe.loads(RECIPE.partition("[budget]")[0], name="room")
    found = motefit.check_stream(bundle, data / "room", recipe=lenient, progress="quiet")
    assert (found.met, found.certificate.lines) == (True, ())
    strict = Budget(bounds=(Bound(metric="stream.latency_ms", relation="<=", limit=0.001),))
    failed = certify(found.facts, strict, evidence={"stream": found.evidence})
    assert failed.lines[0].verdict == "fail"


def test_no_word_is_answered_where_the_model_is_not_certain(heard, tmp_path):
    bundle, _, _ = heard
    silence = write_sound(tmp_path / "silence.wav", np.zeros(RATE_HZ))
    word = write_sound(tmp_path / "word.wav", room([(0.3, "low")], 1.0, seed=5))
    found = dict(motefit.classify_files(bundle, [silence, word]))
    assert [answer.rejected for answer in found.values()] == [True, False]


def test_mistakes_are_named(heard, climate_run, tmp_path):
    bundle, data, _ = heard
    with pytest.raises(DataError, match="there is no such folder"):
        check_stream(bundle, tmp_path / "gone")
    with pytest.raises(ModelFileError, match="is a model for forecasting"):
        check_stream(climate_run.bundle, data / "room")
    listed = data / "room" / "test" / "said.txt"
    text = listed.read_text()
    listed.write_text(text.replace("low", "lamp").replace("high", "radio"))
    try:
        with pytest.raises(
            DataError, match="lists name lamp, radio, but the model knows only high"
        ):
            check_stream(bundle, data / "room")
    finally:
        listed.write_text(text)
