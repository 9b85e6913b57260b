"""A speaker is known where a name says so, and unknown everywhere else."""

import re

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.quality import audit_speech
from motefit.data.speakers import describe_speakers, speaker_finder, unseen
from motefit.data.speech import load_speech
from motefit.data.splits import speaker_split
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 8000
HALVES = {"train_percent": 50.0, "validation_percent": 25.0, "seed": 0}
pieces = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1
)


@given(word=pieces, stem=pieces)
def test_without_the_mark_a_speaker_is_unknown(word, stem):
    found = speaker_finder("")(f"{word}/{stem}")
    match = re.fullmatch(r"(.+?)_nohash_\d+", stem)
    assert found == (match[1] if match else None)


@given(word=pieces, speaker=pieces.filter(lambda s: "_nohash_" not in s), n=st.integers(0, 999))
def test_names_as_in_speech_commands_name_the_speaker(word, speaker, n):
    assert speaker_finder("")(f"{word}/{speaker}_nohash_{n}") == speaker


@given(word=pieces, speaker=pieces.filter(lambda s: "-" not in s), rest=pieces)
def test_a_rule_names_the_speaker_or_nobody(word, speaker, rest):
    find = speaker_finder(r"/([^/-]+)-[^/]*$")
    assert find(f"{word}/{speaker}-{rest}") == speaker
    assert find(f"{word}/{speaker}") is None


@pytest.mark.parametrize(
    "name", ["up/_nohash_0", "up/x_nohash_", "up/a.b_nohash_0.wav.00002", "up/3"]
)
def test_half_a_mark_is_no_mark(name):
    assert speaker_finder("")(name) is None


def test_a_group_that_takes_no_part_or_nothing_names_nobody():
    assert speaker_finder("^up/(?:(a)|b)")("up/b") is None
    assert speaker_finder("^up/(x*)")("up/b") is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("([a-z]+", "not a regular expression"),
        ("[a-z]+", "one group, the speaker, got 0"),
        ("(a)(b)", "one group, the speaker, got 2"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule, said):
    with pytest.raises(RecipeError, match=said):
        SpeechData(speaker=rule)


def test_speaker_folders_and_published_lists_exclude_each_other():
    with pytest.raises(RecipeError, match="published lists name clips as word/file"):
        SpeechData(speaker="folder", split="published")


@given(known=st.lists(st.sampled_from("abcdef"), min_size=12, max_size=40), at=st.integers(0, 11))
def test_one_unknown_speaker_is_enough_to_refuse_the_split(known, at):
    speakers: dict[str, str | None] = {f"up/{i}": name for i, name in enumerate(known)}
    speakers[f"up/{at}"] = None
    with pytest.raises(DataError, match=rf"unknown for 1 of {len(known)} clips: up/{at}\."):
        speaker_split(speakers, **HALVES)


def test_unknown_speakers_are_said_to_be_unknown():
    speakers = {"up/a": None, "up/b": "bob"}
    text = describe_speakers(speakers, "")
    assert text.startswith("speakers unknown for 1 of 2 clips")
    assert "up/a" in text


def write(folder, stem):
    for w, word in enumerate(("up", "down")):
        (folder / word).mkdir(parents=True)
        for i in range(12):
            pcm = np.random.default_rng([w, i]).integers(-9000, 9000, 400, dtype=np.int16)
            soundfile.write(folder / word / f"{stem.format(word=word, i=i)}.wav", pcm, RATE)
    return folder


def load(folder, **data):
    cache = folder.parent / "cache"
    return load_speech(folder, SpeechData(**data), rate_hz=RATE, seconds=0.05, cache=cache)


def test_clips_without_a_speaker_share_nobody_can_say_how_many(tmp_path):
    dataset = load(write(tmp_path / "d", "{word}_{i}"))
    audit = audit_speech(dataset)
    assert audit.unknown_speakers == 24
    assert (audit.shared_speakers, audit.test_clips_shared, audit.test_shared_percent) == (
        None,
    ) * 3
    assert set(audit.speakers.values()) == {0}
    assert unseen(dataset.train, dataset.test) is None


def test_a_split_by_speaker_needs_speakers(tmp_path):
    folder = write(tmp_path / "d", "{word}_{i}")
    with pytest.raises(DataError, match=r"unknown for 24 of 24 clips: down/down_0, .*\[data\] sp"):
        load(folder, split="speaker")


def test_a_rule_in_the_recipe_makes_them_known(tmp_path):
    folder = tmp_path / "d"
    for w, word in enumerate(("up", "down")):
        (folder / word).mkdir(parents=True)
        for i in range(12):
            pcm = np.random.default_rng([w, i]).integers(-9000, 9000, 400, dtype=np.int16)
            soundfile.write(folder / word / f"p{i % 4}-{i}.wav", pcm, RATE)
    dataset = load(
        folder, split="speaker", speaker="/(p[0-9]+)-", train_percent=50.0, validation_percent=25.0
    )
    assert audit_speech(dataset).shared_speakers == 0
    assert "4" in dataset.taken[2]
    strangers = unseen(dataset.train, dataset.test)
    assert strangers is not None
    assert strangers.all()


def test_unseen_are_those_who_are_not_in_training(tmp_path):
    folder = write(tmp_path / "d", "s{i}_nohash_0")
    dataset = load(folder, **HALVES)
    strangers = unseen(dataset.train, dataset.test)
    assert strangers is not None
    voices = set(dataset.train.speakers)
    assert strangers.tolist() == [speaker not in voices for speaker in dataset.test.speakers]
    audit = audit_speech(dataset)
    assert audit.test_clips_shared == len(dataset.test) - strangers.sum()
