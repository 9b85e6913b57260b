"""Folders, tables and files as people have them: each is read as what it is, or refused by name."""

import itertools
import json
import sys

import numpy as np
import pytest
import soundfile
import wav_files
from sound_folders import RATE, clip, clips, manifest

from motefit.data.decode import AUDIO_SUFFIXES, decode_clip
from motefit.data.speech import load_speech
from motefit.data.speech_folder import find_speech
from motefit.spec.errors import DataError, MissingExtraError, RecipeError
from motefit.spec.layout_pattern import parse_layout
from motefit.spec.tasks.speech_spec import SpeechData


@pytest.fixture
def load(tmp_path):
    def _load(**data):
        return load_speech(
            tmp_path / "d", SpeechData(**data), rate_hz=RATE, seconds=0.05, cache=tmp_path / "cache"
        )

    return _load


@pytest.mark.parametrize(
    ("patterns", "data"),
    [
        (["{word}/ann/{i}", "{word}/bob/{i}", "{word}/cy/{i}"], {"layout": "word/speaker"}),
        (["ann/{word}/{i}", "bob/{word}/{i}", "cy/{word}/{i}"], {"layout": "speaker/word"}),
        (["s1/{word}_{i}", "s2/{word}_{i}", "s3/{word}_{i}"], {"layout": "speaker/word_*"}),
        (["{word}_ann_{i}", "{word}_bob_{i}", "{word}_cy_{i}"], {"layout": "word_speaker_*"}),
        (["ann-{word}-{i}", "bob-{word}-{i}", "cy-{word}-{i}"], {"layout": "speaker-word-*"}),
    ],
    ids=["word/speaker", "speaker/word", "speaker/file", "in names", "speaker first"],
)
def test_a_layout_names_words_and_speakers(tmp_path, load, patterns, data):
    clips(tmp_path / "d", *patterns)
    dataset = load(**data, split="speaker", train_percent=40, validation_percent=30)
    assert dataset.labels == ("down", "up")
    voices = [set(subset.speakers) for subset in dataset.subsets.values()]
    assert len(set.union(*voices)) == 3
    assert sum(map(len, voices)) == 3
    assert f'layout: paths, as "{data["layout"]}"' in dataset.taken
    assert dataset.unused == {}
    with pytest.raises(DataError, match=r"layout|speakers|word folders"):
        load()  # not guessed


SPLIT_WORD, SPLIT_FILE = "{subset}/{{word}}/{{i}}", "{subset}/{{word}}.{{i}}"
WORD_SPLIT = "{{word}}/{subset}/{{i}}"
JOINED = {SPLIT_WORD: "*/word", SPLIT_FILE: "*/word.*", WORD_SPLIT: "word/*"}


@pytest.mark.parametrize(
    ("train", "validation", "test", "layout"),
    [
        ("train", "validation", "test", SPLIT_WORD),
        ("Training", "Dev", "Testing", SPLIT_WORD),
        ("train_set", "val", "eval", SPLIT_FILE),
        ("trn", "valid", "holdout", WORD_SPLIT),
        ("training", "", "testing", SPLIT_FILE),
    ],
)
def test_given_sets_are_taken_as_they_are(tmp_path, load, train, validation, test, layout):
    for subset, number in {train: 5, validation: 3, test: 2}.items():
        if subset:
            clips(tmp_path / "d", layout.format(subset=subset), number=number)
    with pytest.raises(DataError):
        load()  # the sets are neither words nor lost
    dataset = load(split="given", train_percent=70, validation_percent=20)
    assert dataset.labels == ("down", "up")
    sizes = (10, 6, 4) if validation else (8, 2, 4)
    assert tuple(map(len, dataset.subsets.values())) == sizes
    assert all(f"/{test}/" in name for name in dataset.test.ids)
    assert dataset.taken[1].startswith("split: as given")
    everything = load(layout=JOINED[layout])
    assert sum(map(len, everything.subsets.values())) == sum(sizes)


def test_an_edge_impulse_export_has_its_labels_in_a_file(tmp_path, load):
    clips(tmp_path / "d", "training/{word}.{i}", number=8)
    clips(tmp_path / "d", "testing/{word}.{i}", number=2)
    files = [
        {"path": f"{subset}/down.{i}.wav", "label": {"type": "label", "label": "left"}}
        for subset, number in {"training": 8, "testing": 2}.items()
        for i in range(number)
    ]
    info = tmp_path / "d" / "info.labels"
    info.write_text(json.dumps({"version": 1, "files": files}))
    assert load(split="given").labels == ("left", "up")
    info.write_text("{")
    with pytest.raises(DataError, match=r"info\.labels: not the label file of an Edge Impulse"):
        load(split="given")


def test_names_that_start_with_the_label_are_read(tmp_path, load):
    clips(tmp_path / "d", "{word}.anything.{i}")
    dataset = load()
    assert dataset.labels == ("down", "up")
    assert 'layout: paths, as "word.*"' in dataset.taken


@pytest.mark.parametrize("name", ["clips.csv", "clips.tsv", "clips.jsonl"])
@pytest.mark.parametrize("given", [False, True])
def test_a_manifest_names_path_label_speaker_and_set(tmp_path, load, name, given):
    clips(tmp_path / "d", "wavs/{word}{i}", number=10)
    subsets = ["train"] * 6 + ["dev"] * 2 + ["test"] * 2
    rows = [
        {
            "filename": f"{word}{i}.wav",
            "label": word,
            "speaker_id": f"v{i % 5}",
            "split": subsets[i],
        }
        for word in ("up", "down")
        for i in range(10)
    ]
    manifest(tmp_path / "d", name, [*rows, {**rows[0], "filename": "gone.wav"}], bom=True)
    dataset = load(split="given") if given else load(split="speaker", train_percent=60)
    assert dataset.labels == ("down", "up")
    assert {voice for subset in dataset.subsets.values() for voice in subset.speakers} == {
        f"v{i}" for i in range(5)
    }
    if given:
        assert tuple(map(len, dataset.subsets.values())) == (12, 4, 4)
    assert any("1 files that the manifest names are missing" in note for note in dataset.taken)


def test_common_voice_has_a_table_for_each_set(tmp_path, load):
    clips(tmp_path / "d", "clips/{word}{i}", number=10)
    for subset, numbers in {"train": range(6), "dev": range(6, 8), "test": range(8, 10)}.items():
        rows = [
            {"client_id": f"c{i}", "path": f"{word}{i}.wav", "sentence": word, "up_votes": "2"}
            for word in ("up", "down")
            for i in numbers
        ]
        manifest(tmp_path / "d", f"{subset}.tsv", rows)
    assert tuple(map(len, load(split="given").subsets.values())) == (12, 4, 4)
    one = load(manifest=("train.tsv",), split="stratified", train_percent=60, validation_percent=20)
    assert sum(map(len, one.subsets.values())) == 12


@pytest.mark.parametrize(
    ("rows", "data", "said"),
    [
        ([{"path": "up0.wav", "label": "up", "class": "x"}], {}, "several columns may be"),
        ([{"path": "up0.wav", "label": ""}], {}, "line 2: expected a path and a label"),
        ([{"path": "no.wav", "label": "up"}], {}, "none of the files that it names exists"),
        ([{"path": "up0.wav", "label": "up"}], {}, "at least two words are needed; found: up .1."),
        ([{"path": "up0.wav", "label": "up", "split": "third"}], {"split": "given"}, "'third'"),
        ([{"path": "up0.wav", "label": "up"}], {"columns": {"label": "word"}}, "column 'word'"),
        ([{"path": "up0.wav", "label": "up"}], {"words": ("up", "left")}, "no clips of left"),
    ],
)  # fmt: skip
def test_what_a_manifest_leaves_open_is_refused(tmp_path, load, rows, data, said):
    clips(tmp_path / "d", "{word}{i}", number=1)
    manifest(tmp_path / "d", "all.csv", rows)
    with pytest.raises(DataError, match=said):
        load(**{"manifest": ("all.csv",), **data})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"layout": "speaker"}, "the word exactly once"),
        ({"layout": "word/word"}, "the word exactly once"),
        ({"layout": "word/person"}, "layout must name folders"),
        ({"layout": "word..*"}, "layout must name folders"),
        ({"layout": "split/word"}, 'needs split = "given"'),
        ({"layout": "word", "split": "given"}, 'needs split = "given"'),
        ({"layout": "word", "manifest": ("a.csv",)}, "give one"),
        ({"layout": "word/speaker", "speaker": "folder"}, "give one"),
        ({"layout": "word", "split": "published"}, "reads lists"),
        ({"columns": {"lable": "x"}}, "allowed: path, label, speaker, split"),
        ({"channel": 0}, "channel counts from 1"),
        ({"damaged_percent": 101}, "must be 0 to 100"),
    ],
)
def test_keys_that_do_not_fit_are_refused(data, said):
    with pytest.raises(RecipeError, match=said):
        SpeechData(**data)


def test_a_layout_takes_only_whole_names():
    assert parse_layout("word_speaker_*").place((), "up_ann_3_4").speaker == "ann"
    assert parse_layout("word_*").place((), "up") is None
    assert parse_layout("word").place(("up", "old"), "3") is None


@pytest.mark.parametrize("name", ["noise", "_noise_", "_background_noise_", "background_noise"])
def test_folders_of_noise_are_no_words_unless_named(tmp_path, load, name):
    clips(tmp_path / "d", "{word}/{i}", words=("up", "down", name))
    dataset = load()
    assert (dataset.labels, len(dataset.noise)) == (("down", "up"), 6 * 400)
    assert load(words=("up", name)).labels == tuple(sorted(("up", name)))


@pytest.mark.parametrize("name", ["_unknown_", "unknown", "_silence_", "silence"])
def test_folders_of_other_sound_are_no_words_unless_named(tmp_path, load, name):
    clips(tmp_path / "d", "{word}/{i}", words=("up", "down", name))
    dataset = load()
    assert dataset.labels == ("down", "up")
    label = f"_{name.strip('_')}_"
    assert f"folders of other sound, not words: {name} ({label})" in dataset.taken
    found = find_speech(tmp_path / "d", SpeechData())
    assert found.other_sound == {label: (tmp_path / "d" / name,)}
    assert load(words=("up", name)).labels == tuple(sorted(("up", name)))


def test_labels_that_differ_by_case_are_pointed_out(tmp_path, load):
    clips(tmp_path / "d", "{word}/{i}", words=("up", "Up", "down"))
    assert any("the words Up, up differ by case only" in note for note in load().taken)


def test_several_roots_are_joined_by_a_layout(tmp_path, load):
    clips(tmp_path / "d", "monday/{word}/{i}", "friday/{word}/{i}")
    with pytest.raises(DataError, match=r"several folders contain words.*\*/word"):
        load()
    assert sum(map(len, load(layout="*/word").subsets.values())) == 24


FORMATS = {
    ".wav": ("WAV", "ALAW"), ".wave": ("WAV", "PCM_24"), ".w64": ("W64", "FLOAT"),
    ".rf64": ("RF64", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"), ".opus": ("OGG", "OPUS"), ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aif": ("AIFF", "PCM_16"), ".aiff": ("AIFF", "FLOAT"), ".aifc": ("AIFF", "ULAW"),
    ".au": ("AU", "PCM_16"), ".snd": ("AU", "ULAW"), ".caf": ("CAF", "PCM_16"),
    ".sph": ("NIST", "PCM_16"), ".nist": ("NIST", "ULAW"), ".voc": ("VOC", "PCM_16"),
}  # fmt: skip


def test_every_extension_that_is_read_has_an_example():
    assert set(FORMATS) == set(AUDIO_SUFFIXES)


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_other_formats_are_read_by_content_or_name_the_extra(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a{suffix}"
    sound = 0.5 * np.sin(np.arange(8000) * 2 * np.pi * 440 / RATE)
    soundfile.write(path, sound, RATE, format=FORMATS[suffix][0], subtype=FORMATS[suffix][1])
    renamed = tmp_path / "b.wav"
    renamed.write_bytes(path.read_bytes())
    pcm = decode_clip(path, rate_hz=RATE).pcm
    spectrum = np.abs(np.fft.rfft(pcm[1000:7000]))
    assert abs(spectrum.argmax() * RATE / 6000 - 440) < 2
    np.testing.assert_array_equal(decode_clip(renamed, rate_hz=RATE).pcm, pcm)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    if FORMATS[suffix][0] in {"WAV", "W64", "RF64"}:
        np.testing.assert_array_equal(decode_clip(path, rate_hz=RATE).pcm, pcm)
    else:
        with pytest.raises(MissingExtraError, match=r"motefit\[audio\]"):
            decode_clip(path, rate_hz=RATE)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.m4a", b"\0\0\0\x20ftypM4A " + bytes(99), "MP4 or M4A.*ffmpeg -i .*a.m4a -ac 1"),
        ("a.webm", b"\x1aE\xdf\xa3" + bytes(99), "WebM.*ffmpeg -i .*a.webm -ac 1"),
        ("a.amr", b"#!AMR\n" + bytes(99), "AMR.*ffmpeg"),
        ("a.wav", b"PK\x03\x04" + bytes(99), "a zip archive"),
        ("a.wav", b"version https://git-lfs.github.com/spec/v1\noid sha256:01", "git lfs pull"),
    ],
    ids=["m4a", "webm", "amr", "zip", "pointer"],
)  # fmt: skip
def test_what_is_not_read_names_the_command_that_converts_it(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        decode_clip(tmp_path / name, rate_hz=RATE)


def test_files_in_mixed_formats_are_used_or_counted_by_word(tmp_path, load):
    clips(tmp_path / "d", "{word}/{i}", number=8)
    for i in range(8):
        clip(tmp_path / "d" / "up" / f"m{i}.flac", fmt=("FLAC", "PCM_16"))
    (tmp_path / "d" / "up" / "x.webm").write_bytes(b"x")
    dataset = load()
    assert sum(map(len, dataset.subsets.values())) == 24
    assert dataset.unused == {".webm is not read": {"up": 1}}


def test_damaged_flacs_do_not_end_a_run(tmp_path, load, caplog):
    clips(tmp_path / "d", "{word}/{i}", number=25)
    for i in range(2):
        path = tmp_path / "d" / "up" / f"bad{i}.flac"
        clip(path, samples=30_000, fmt=("FLAC", "PCM_16"))
        content = bytearray(path.read_bytes())
        content[20_000:20_400] = bytes(400)
        path.write_bytes(content)
    dataset = load()
    assert sorted(file.path.name for file in dataset.damaged) == ["bad0.flac", "bad1.flac"]
    assert dataset.unused == {"damaged": {"up": 2}}
    assert "2 of 52 audio files are damaged and left out" in caplog.text
    with pytest.raises(DataError, match=r"2 of 52 audio files cannot be used"):
        load(damaged_percent=3)


@pytest.mark.parametrize(("crop", "kept"), [("start", False), ("center", False), ("loudest", True)])
def test_long_clips_keep_their_word_where_the_recipe_says_so(tmp_path, load, crop, kept):
    rng = np.random.default_rng(0)
    for word, i in itertools.product(("up", "down"), range(6)):
        pcm = rng.normal(0, 20, 2000)
        pcm[1500:1700] += rng.normal(0, 3000, 200)
        path = tmp_path / "d" / word / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        form = wav_files.format_chunk(rate_hz=RATE)
        path.write_bytes(wav_files.wav(pcm.astype("<i2").tobytes(), form))
    dataset = load(crop=crop)
    loud = [np.abs(subset.pcm).max(axis=1) > 1000 for subset in dataset.subsets.values()]
    assert np.concatenate(loud).all() == kept
    missed = [r.missed for subset in dataset.subsets.values() for r in subset.recordings]
    assert all(missed) != kept


def test_channels_of_a_data_set_are_chosen_by_the_recipe(tmp_path, load):
    rng = np.random.default_rng(0)
    for word, i in itertools.product(("up", "down"), range(6)):
        left = rng.uniform(-0.5, 0.5, 400)
        data = wav_files.encode(np.stack([left, -left], axis=1))
        path = tmp_path / "d" / word / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_files.wav(data, wav_files.format_chunk(rate_hz=RATE, channels=2)))
    with pytest.raises(DataError, match=r"(?s)12 of 12 .*channels cancel each other.*channel = 1"):
        load()
    first, second = load(channel=1), load(channel=2)
    np.testing.assert_allclose(first.train.pcm, -second.train.pcm, atol=1)
