"""A model with reject classes, from recipe to bundle to what is heard with it."""

import numpy as np
import pytest
import soundfile
from small_recipes import FRONTEND

import motefit
from motefit.data.rejects.reject_sounds import RejectSounds
from motefit.measure.hard_negatives import find_hard_negatives
from motefit.runtime.bundle import load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.tasks.speech_spec import SILENCE, UNKNOWN

RATE_HZ = 8000
RECIPE = f"""
task = "keyword-spotting"
[data]
words = ["low", "high"]
unknown = ["talk", "other-words"]
silence = ["synthetic"]
{FRONTEND}
[model]
family = "linear"
[train]
epochs = 8
batch_size = 8
learning_rate = 0.03
[train.rejects]
unknown = 2.0
mining_rounds = 1
[budget]
accuracy = ">= 60 %"
unknown_answered = "<= 60 %"
[search]
repeats = 1
"""


def tone(hz, seconds, rng):
    """Synthesize a tone near a frequency that sways a little, in noise, int16."""
    count = int(seconds * RATE_HZ)
    sway = rng.uniform(0.95, 1.05) * hz * (1 + 0.05 * np.sin(np.arange(count) / 900))
    wave = rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * np.cumsum(sway) / RATE_HZ)
    return np.asarray((wave + rng.normal(0, 0.02, count)) * 32767, np.int16)


def write(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Return the data and the bundle of a model that rejects a third tone."""
    folder, rng = tmp_path_factory.mktemp("live"), np.random.default_rng(3)
    data, recipe = folder / "tones", folder / "tiny-live.toml"
    recipe.write_text(RECIPE)
    for number in range(16):
        for word, hz in {"low": 400, "high": 1500, "other": 2800}.items():
            write(data / word / f"s{number:02d}_nohash_0.wav", tone(hz, 1.0, rng))
    for number in range(6):
        write(data / "talk" / f"{number}.wav", tone(2800, 4.3, rng))
    result = motefit.fit(recipe, data=data, out=folder / "run", workers=1, progress="quiet")
    return data, result.main.bundle


@pytest.mark.slow
def test_the_card_counts_what_is_rejected_and_what_is_answered(live):
    data, bundle = live
    card = load_bundle(bundle).card
    assert (card.io.labels, card.io.rejects) == (
        ("high", "low", UNKNOWN, SILENCE),
        (UNKNOWN, SILENCE),
    )
    counts = card.evidence["rejects"]
    rows = np.array(card.evidence["accuracy"]["confusion"])
    assert rows.shape == (4, 4)
    for row, label in ((2, UNKNOWN), (3, SILENCE)):
        answered = counts["answered"][label]
        assert (rows[row].sum(), rows[row, :2].sum()) == (answered["n"], answered["count"])
        name = label.strip("_")
        assert card.facts[f"{name}_answered"] == answered["count"] / answered["n"]
    assert rows[:2].sum() == counts["words"]["n"] == card.evidence["accuracy"]["n"]
    assert rows[:2, 2:].sum() == counts["words"]["count"]
    assert set(counts["sources"][UNKNOWN]) == {"talk", "other-words"}
    assert any("_unknown_ of talk" in note for note in card.evidence["data"]["notes"])
    assert motefit.check(bundle, data=data, out=data.parent / "check", progress="quiet").met


def test_a_reject_class_is_never_reported_as_a_word(live, tmp_path):
    data, bundle = live
    files = [data / "low" / "s00_nohash_0.wav", data / "talk" / "0.wav"]
    low, other = dict(motefit.classify_files(bundle, files)).values()
    assert (low.label, low.word, low.rejected) == ("low", "low", False)
    assert (other.label, other.word, other.rejected) == (UNKNOWN, None, True)
    silence = np.zeros(RATE_HZ, np.int16)
    talk = np.concatenate([silence, tone(2800, 1.0, np.random.default_rng(9)), silence, silence])
    write(tmp_path / "stream.wav", talk)
    assert list(motefit.listen(bundle, source=str(tmp_path / "stream.wav"))) == []


def test_a_single_word_is_told_from_all_other_sound(live, tmp_path):
    data, _ = live
    recipe = tmp_path / "wake.toml"
    recipe.write_text(RECIPE.replace('["low", "high"]', '["low"]').replace("mining_rounds = 1", ""))
    result = motefit.fit(recipe, data=data, out=tmp_path / "run", workers=1, progress="quiet")
    card = result.main.card
    assert card.io.labels == ("low", UNKNOWN, SILENCE)
    counts, rejected = card.evidence["accuracy"], card.evidence["rejects"]["words"]["count"]
    assert counts["correct"] == counts["n"] - rejected
    assert card.facts["recall.low"] == card.facts["accuracy"] >= 0.5
    assert not card.evidence.get("baselines")
    assert not result.main.certificate.weaknesses
    assert UNKNOWN in (tmp_path / "run" / "report.html").read_text("utf-8")
    files = [data / "low" / "s00_nohash_0.wav", data / "high" / "s00_nohash_0.wav"]
    low, high = dict(motefit.classify_files(result.main.bundle, files)).values()
    assert (low.label, high.label) == ("low", UNKNOWN)


def test_hard_negatives_are_the_windows_taken_for_a_word(live):
    _, bundle = live
    rng = np.random.default_rng(5)
    pcm = np.concatenate([tone(2800, 2.0, rng), tone(400, 2.0, rng)])
    sounds = RejectSounds(
        pcm=pcm,
        starts=np.array([0]),
        lengths=np.array([len(pcm)]),
        names=("talk/x",),
        sources=("talk",),
        speakers=(None,),
        digests=("",),
    )
    spotter = KeywordSpotter.load(bundle)
    found = find_hard_negatives(spotter, [sounds], known={"talk/y": (8,)})
    places = np.arange(31) * RATE_HZ // 10
    windows = sounds.cut(np.zeros_like(places), places, RATE_HZ, continued=False)
    labels = [spotter.classify(window, RATE_HZ).label for window in windows]
    assert (labels[0], labels[-1]) == (UNKNOWN, "low")
    wanted = [int(p) for p, label in zip(places, labels, strict=True) if label in spotter.io.words]
    assert found == {"talk/x": tuple(wanted), "talk/y": (8,)}
