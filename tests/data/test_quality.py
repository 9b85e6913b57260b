"""Audits count what makes a score look better, or worse, than it is."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
import soundfile

from motefit.data.quality import audit_series, audit_speech
from motefit.data.series import load_series
from motefit.data.speech import load_speech
from motefit.data.windows import INPUT_MISSING, TARGET_MISSING
from motefit.spec.codec import dumps_json
from motefit.spec.tasks.series_spec import SeriesData
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 8000


def write_clip(folder, name, pcm):
    path = folder / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(pcm, np.int16), RATE)


def loud(seed, samples=400):
    return np.random.default_rng(seed).integers(-9000, 9000, samples)


@pytest.fixture
def speech(tmp_path):
    """Clips with one known fault each, in known subsets."""
    folder = tmp_path / "words"
    same, clipped = loud(99), loud(5)
    clipped[20:30] = 32767
    nearly = loud(6)
    nearly[:9] = -32768
    clips = {
        "train": {
            "up/ann_nohash_0": same,
            "up/ann_nohash_1": same,
            "down/bob_nohash_0": np.full(400, 31),
            "down/bob_nohash_1": loud(1, 399),
            "up/ann_nohash_2": nearly,
        },
        "val": {"up/cy_nohash_0": same, "down/cy_nohash_0": clipped},
        "test": {
            "up/ann_nohash_3": loud(2),
            "down/dee_nohash_0": same,
            "down/eve_nohash_0": loud(3),
            "up/bob_nohash_0": np.full(400, -32),
        },
    }
    gone = {"val": ["up/gone_nohash_0"]}
    for subset, content in clips.items():
        for name, pcm in content.items():
            write_clip(folder, name, pcm)
        listed = [f"{name}.wav" for name in (*content, *gone.get(subset, ()))]
        (folder / f"{subset}.txt").write_text("\n".join(listed))
    write_clip(folder, "up/extra_nohash_0", loud(4))
    write_clip(folder, "_background_noise_/hum", np.ones(2 * RATE))
    return load_speech(
        folder, SpeechData(split="published"), rate_hz=RATE, seconds=0.05, cache=tmp_path / "cache"
    )


def test_speech_audit_finds_every_planted_fault(speech):
    audit = audit_speech(speech)
    assert audit.key == speech.key
    assert audit.clips == {
        "train": {"down": 2, "up": 3},
        "validation": {"down": 1, "up": 1},
        "test": {"down": 2, "up": 2},
    }
    assert audit.speakers == {"train": 2, "validation": 1, "test": 4}
    assert (audit.shared_speakers, audit.test_clips_shared) == (2, 2)
    assert audit.test_shared_percent == 50.0
    assert audit.duplicates_across == 2
    assert audit.duplicates_within == {"train": 1, "validation": 0, "test": 0}
    assert audit.conflicting == 4
    assert audit.short == {"train": 1, "validation": 0, "test": 0}
    assert audit.silent == {"train": 1, "validation": 0, "test": 0}
    assert audit.clipped == {"train": 0, "validation": 1, "test": 0}
    assert audit.listed_missing == ("up/gone_nohash_0",)
    assert audit.unlisted == 1
    assert audit.noise_seconds == 2.0


def test_speaker_split_shares_nothing(tmp_path):
    for word in ("up", "down"):
        for i in range(30):
            write_clip(tmp_path / "w", f"{word}/s{i % 9}_nohash_{i}", loud(i + len(word) * 100))
    data = SpeechData(split="speaker", train_percent=60.0, validation_percent=20.0)
    dataset = load_speech(
        tmp_path / "w", data, rate_hz=RATE, seconds=0.05, cache=tmp_path / "cache"
    )
    audit = audit_speech(dataset)
    assert (audit.shared_speakers, audit.test_shared_percent) == (0, 0.0)
    assert sum(audit.speakers.values()) == 9
    assert audit.duplicates_across == 0


def test_series_audit(tmp_path):
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - series are in local, unzoned time
    lines = [
        f"{start + timedelta(minutes=10 * i)},{-9999 if i == 120 else i % 50},{5 + i}"
        for i in range(300)
        if i != 200
    ]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["t,a,b", *lines]))
    data = SeriesData(time="t", time_format="", inputs=("a", "b"), targets=("a",))
    dataset = load_series(path, data)
    audit = audit_series(dataset)
    assert (audit.rows, audit.runs, audit.gaps, audit.missing_rows) == (298, 3, 2, 1)
    assert audit.ranges == {"a": (0.0, 49.0), "b": (5.0, 304.0)}
    assert sum(audit.subset_rows.values()) == 298
    assert audit.windows == {subset: len(w) for subset, w in dataset.subsets.items()}
    assert (audit.first, audit.last) == ("2020-01-01T00:50:00", "2020-01-02T23:10:00")
    assert (audit.filled_values, audit.repeated_rows) == (0, 0)
    assert set(audit.filled_inputs_percent.values()) == {0.0}


def test_series_audit_tells_what_was_filled_and_left_out(tmp_path):
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - series are in local, unzoned time
    lines = [
        f"{start + timedelta(minutes=10 * i)},{'' if i == 20 else i},{'' if i == 260 else i}"
        for i in range(300)
    ]
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["t,a,b", *lines]))
    data = SeriesData(
        time="t", time_format="", inputs=("a", "b"), targets=("b",), output_steps=2,
        missing="hold", train_percent=60.0, validation_percent=20.0,
    )  # fmt: skip
    audit = audit_series(load_series(path, data))
    assert (audit.rows, audit.missing_rows, audit.filled_values) == (300, 0, 2)
    # a at row 20 is in 5 windows of 6 rows, and the newest row of another, that is left out; b at
    # row 260 is in as many, and a target of two
    assert audit.windows_left_out == {
        "train": {TARGET_MISSING: 0, INPUT_MISSING: 1},
        "validation": {TARGET_MISSING: 0, INPUT_MISSING: 0},
        "test": {TARGET_MISSING: 2, INPUT_MISSING: 1},
    }
    assert audit.windows == {"train": 172, "validation": 53, "test": 50}
    assert audit.filled_inputs_percent == pytest.approx(
        {"train": 100 * 5 / (172 * 12), "validation": 0.0, "test": 100 * 5 / (50 * 12)}
    )
    assert audit.filled_columns_percent == pytest.approx(dict.fromkeys("ab", 100 * 5 / (275 * 6)))


def test_audits_are_json(speech):
    assert json.loads(dumps_json(audit_speech(speech)))["unlisted"] == 1


@pytest.mark.proof
@pytest.mark.data
@pytest.mark.slow
def test_published_split_of_the_real_data_shares_speakers(real_data, tmp_path):
    dataset = load_speech(
        real_data / "speech",
        SpeechData(split="published"),
        rate_hz=16_000,
        seconds=1.0,
        cache=tmp_path,
    )
    audit = audit_speech(dataset)
    assert len(dataset.test) == 800
    assert audit.test_shared_percent == pytest.approx(92.6, abs=0.05)
    assert len(audit.listed_missing) == 3
    assert sum(audit.short.values()) == 820
