"""Speech folders: what is found where, what is read, and what a broken folder says."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from motefit.data.speech import find_broken, load_speech
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 8000
HALVES = SpeechData(train_percent=50.0, validation_percent=25.0)


def tone(word, index, samples=800):
    rng = np.random.default_rng([index, *word.encode()])
    return rng.integers(-20_000, 20_000, samples, dtype=np.int16)


def write_words(folder, counts, *, suffix=".wav", samples=800):
    for word, n in counts.items():
        (folder / word).mkdir(parents=True)
        for i in range(n):
            path = folder / word / f"s{i % 5}_nohash_{i}{suffix}"
            soundfile.write(path, tone(word, i, samples), RATE)
    return folder


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path / "words", {"up": 8, "down": 12})


@pytest.fixture
def load(tmp_path):
    def _load(folder, data=HALVES, *, seconds=0.1, rate_hz=RATE, progress=None):
        return load_speech(
            folder,
            data,
            rate_hz=rate_hz,
            seconds=seconds,
            cache=tmp_path / "cache",
            progress=progress,
        )

    return _load


def everything(dataset):
    return {n: p for c in dataset.subsets.values() for n, p in zip(c.ids, c.pcm, strict=True)}


def test_every_clip_is_there_once_with_its_label_and_speaker(words, load):
    dataset = load(words)
    assert dataset.labels == ("down", "up")
    clips = everything(dataset)
    assert len(clips) == sum(len(c) for c in dataset.subsets.values()) == 20
    for name, pcm in clips.items():
        word, _, index = name.replace("/", "_").partition("_nohash_")
        np.testing.assert_array_equal(pcm, tone(word.split("_")[0], int(index)))
    for subset in dataset.subsets.values():
        assert subset.label.dtype == np.int64
        assert [dataset.labels[i] for i in subset.label] == [n.split("/")[0] for n in subset.ids]
        assert list(subset.speakers) == [n.split("/")[1].split("_")[0] for n in subset.ids]
    assert [len(c) for c in dataset.subsets.values()] == [10, 5, 5]


def test_pcm_is_a_read_only_slice_of_one_memory_map(words, load):
    subsets = load(words).subsets.values()
    for subset in subsets:
        assert subset.pcm.dtype == np.int16
        assert subset.pcm.flags.c_contiguous
        assert not subset.pcm.flags.writeable
        base = subset.pcm
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)


def test_short_clips_are_padded_and_long_ones_cropped(tmp_path, load):
    folder = write_words(tmp_path / "w", {"up": 8, "down": 8})
    soundfile.write(folder / "up" / "short.wav", np.full(100, 7, np.int16), RATE)
    soundfile.write(folder / "up" / "long.wav", np.arange(2000, dtype=np.int16), RATE)
    dataset = load(folder)
    clips = everything(dataset)
    assert clips["up/short"].tolist() == [7] * 100 + [0] * 700
    assert clips["up/long"].tolist() == list(range(800))
    lengths = {
        n: int(length)
        for c in dataset.subsets.values()
        for n, length in zip(c.ids, c.lengths, strict=True)
    }
    assert lengths["up/short"] == 100
    assert lengths["up/long"] == 2000


def test_stereo_44100_beside_other_rates(tmp_path, load):
    folder = write_words(tmp_path / "w", {"up": 8, "down": 8})
    wave = np.sin(2 * np.pi * 500 * np.arange(44_100) / 44_100)
    soundfile.write(folder / "up" / "hifi.wav", np.stack([wave, wave], 1) * 0.5, 44_100)
    pcm = everything(load(folder, seconds=1.0))["up/hifi"]
    assert len(pcm) == RATE
    assert np.abs(np.fft.rfft(pcm)).argmax() == 500


@pytest.mark.parametrize("noise_name", ["background_noise", "_background_noise_"])
@pytest.mark.parametrize("given", ["parent", "words"])
def test_words_lists_and_noise_are_found_from_both_places(tmp_path, load, noise_name, given):
    parent = tmp_path / "speech"
    write_words(parent / "mini_speech_commands", {"up": 4, "down": 4})
    write_words(parent / "other_words", {"cat": 3})
    noise = parent / noise_name
    noise.mkdir()
    soundfile.write(noise / "b.flac", np.full(50, 2, np.int16), RATE)
    soundfile.write(noise / "a.wav", np.full(100, 1, np.int16), 2 * RATE)
    (noise / "README.md").write_text("six recordings\n")
    lists = parent / "splits"
    lists.mkdir()
    names = {"train": (0, 1), "val": (2, 9), "test": (3,)}
    for subset, numbers in names.items():
        lines = [
            f"./data/mini/{w}/s{i}_nohash_{i}.wav" for w in ("up", "down", "cat") for i in numbers
        ]
        (lists / f"kws_{subset}_split.txt").write_text("\n".join(lines))
    (lists / "labels.txt").write_text("['up', 'down']")
    folder = parent if given == "parent" else parent / "mini_speech_commands"
    dataset = load(folder, SpeechData(split="published"))
    assert dataset.labels == ("down", "up")
    assert dataset.train.ids == tuple(
        f"{w}/s{i}_nohash_{i}" for w in ("down", "up") for i in (0, 1)
    )
    assert dataset.test.ids == ("down/s3_nohash_3", "up/s3_nohash_3")
    assert dataset.listed_missing == ("down/s9_nohash_9", "up/s9_nohash_9")
    assert dataset.unlisted == ()
    assert dataset.noise.dtype == np.int16
    assert len(dataset.noise) == 100
    assert dataset.noise[50:].tolist() == [2] * 50


def test_named_words_are_found_in_the_folder_that_has_them(tmp_path, load):
    write_words(tmp_path / "s" / "many", {"up": 8, "down": 8, "left": 8})
    write_words(tmp_path / "s" / "few", {"cat": 8, "dog": 8})
    with pytest.raises(DataError, match=r"few \(2: cat, dog\); many \(3: down, left, up\); give"):
        load(tmp_path / "s")
    assert load(tmp_path / "s", SpeechData(words=("dog", "cat"))).labels == ("cat", "dog")
    assert load(tmp_path / "s", SpeechData(words=("up", "left"))).labels == ("left", "up")


def test_two_places_with_the_words_are_ambiguous(tmp_path, load):
    for name in ("a", "b"):
        write_words(tmp_path / "s" / name, {"up": 8, "down": 8})
    with pytest.raises(DataError, match=r"several folders contain words: .*give one"):
        load(tmp_path / "s")


def test_noise_folder_and_lists_can_be_named(words, load):
    for name in ("hum", "mine"):
        (words.parent / name).mkdir()
    soundfile.write(words.parent / "hum" / "a.wav", np.ones(10, np.int16), RATE)
    for subset, line in {"val": "up/s0_nohash_0.wav", "test": "up/s1_nohash_1.wav"}.items():
        (words.parent / "mine" / f"{subset}.txt").write_text(line)
    data = SpeechData(split="published", noise="../hum", lists="../mine")
    dataset = load(words, data)
    assert dataset.noise.tolist() == [1] * 10
    assert [len(c) for c in dataset.subsets.values()] == [18, 1, 1]


def test_without_noise_the_array_is_empty(words, load):
    assert load(words).noise.shape == (0,)


def test_key_depends_on_content_only(tmp_path, words, load):
    key = load(words).key
    assert load(words).key == key
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(words, moved)
    assert load(moved).key == key
    flac = write_words(tmp_path / "flac", {"down": 12, "up": 8}, suffix=".flac")
    assert load(flac).key == key


def test_key_tells_samples_words_split_and_rate_apart(tmp_path, words, load):
    keys = {load(words).key, load(words, SpeechData(seed=1)).key}
    keys |= {load(words, rate_hz=4000).key, load(words, seconds=0.05).key}
    pcm = tone("up", 0)
    pcm[5] += 1
    soundfile.write(words / "up" / "s0_nohash_0.wav", pcm, RATE)
    keys.add(load(words).key)
    (words / "up").rename(words / "upp")
    keys.add(load(words).key)
    assert len(keys) == 6


def test_decoding_happens_once_and_reports_progress(words, load):
    calls = []
    load(words, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, 20)
    assert calls[-1] == (20, 20)
    calls.clear()
    load(words, progress=lambda done, total: calls.append((done, total)))
    assert calls == []


def test_a_change_is_seen_even_if_size_and_time_are_the_same(words, load):
    path = words / "up" / "s0_nohash_0.wav"
    before, stamp = load(words), path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = load(words)
    assert after.key != before.key
    changed = everything(after)["up/s0_nohash_0"]
    assert changed[-1] == everything(before)["up/s0_nohash_0"][-1] ^ 256


@pytest.mark.parametrize("split", ["stratified", "speaker"])
def test_seeded_splits_repeat(words, load, split):
    data = SpeechData(split=split, train_percent=50.0, validation_percent=25.0, seed=4)
    first, again = load(words, data), load(words, data)
    assert first.key == again.key
    assert [c.ids for c in first.subsets.values()] == [c.ids for c in again.subsets.values()]


def test_speaker_split_of_a_folder_shares_no_speaker(words, load):
    data = SpeechData(split="speaker", train_percent=50.0, validation_percent=25.0)
    speakers = [set(c.speakers) for c in load(words, data).subsets.values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 5


def damage(words, number):
    kinds = [b"", b"a text file\n" * 99, (words / "down" / "s0_nohash_0.wav").read_bytes()[:200]]
    for i in range(number):
        (words / "up" / f"s{i % 5}_nohash_{i}.wav").write_bytes(kinds[i % 3])


def test_one_broken_file_is_named_and_counted(words, load):
    damage(words, 1)
    with pytest.raises(DataError) as caught:
        load(words, SpeechData(damaged_percent=4))
    text = str(caught.value)
    assert "1 of 20 audio files" in text
    assert "s0_nohash_0.wav: the file is empty" in text
    assert "motefit data audit" in text


def test_a_few_broken_files_are_left_out_named_and_counted(words, load, caplog):
    damage(words, 1)
    for _ in range(2):  # decoded, then from the cache
        caplog.clear()
        dataset = load(words)
        assert sum(map(len, dataset.subsets.values())) == 19
        assert [file.path.name for file in dataset.damaged] == ["s0_nohash_0.wav"]
        assert "1 of 20 audio files are damaged and left out" in dataset.taken[-1]
        assert "s0_nohash_0.wav: the file is empty" in caplog.text
        assert dataset.unused == {"damaged": {dataset.damaged[0].path.parent.name: 1}}


def test_many_broken_files_are_counted_and_the_first_shown(words, load, tmp_path):
    damage(words, 7)
    with pytest.raises(DataError) as caught:
        load(words)
    text = str(caught.value)
    assert "7 of 20 audio files" in text
    assert text.count("s0_nohash_0.wav") == 1
    assert "... and 2 more" in text
    assert list((tmp_path / "cache" / "speech").iterdir()) == []
    broken = find_broken(words, SpeechData())
    assert [b.path.name for b in broken] == [
        f"s{i % 5}_nohash_{i}.wav" for i in (0, 5, 1, 6, 2, 3, 4)
    ]
    assert "truncated" in broken[4].problem


def test_missing_folder(tmp_path, load):
    with pytest.raises(DataError, match="absent: there is no such folder"):
        load(tmp_path / "absent")


def test_empty_folder(tmp_path, load):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no word folders found.*found: nothing"):
        load(tmp_path / "empty")


def test_folder_without_word_folders_shows_what_is_there(tmp_path, load):
    soundfile.write(tmp_path / "up.wav", tone("up", 0), RATE)
    with pytest.raises(DataError, match=r"one folder per word.*found: up\.wav"):
        load(tmp_path)


def test_path_is_a_file(words, load):
    with pytest.raises(DataError, match="is a file; give the folder"):
        load(words / "up" / "s0_nohash_0.wav")


def test_word_without_clips(words, load):
    (words / "left").mkdir()
    (words / "left" / "a.m4a").write_bytes(b"x")
    with pytest.raises(DataError, match=r"'left' has no clips .*found: a\.m4a.*\[data\] words"):
        load(words)
    assert load(words, SpeechData(words=("up", "down"), seed=2)).labels == ("down", "up")


def test_unknown_word_names_the_nearest(words, load):
    with pytest.raises(DataError, match=r"'dwon' .did you mean 'down'\?.*words: down, up"):
        load(words, SpeechData(words=("dwon", "up")))


def test_no_known_word_at_all_still_lists_what_is_there(words, load):
    with pytest.raises(DataError, match=r"word 'ja'.*available words: down, up"):
        load(words.parent, SpeechData(words=("ja", "nein")))


def test_one_word_only(tmp_path, load):
    write_words(tmp_path / "w", {"up": 8})
    with pytest.raises(DataError, match=r"only one word \(up\)"):
        load(tmp_path / "w")


def test_a_clip_in_two_formats(words, load):
    soundfile.write(words / "up" / "s0_nohash_0.flac", tone("up", 0), RATE)
    with pytest.raises(DataError, match=r"exists twice, also as s0_nohash_0\.flac"):
        load(words)


def test_no_published_lists(words, load):
    with pytest.raises(DataError, match=r"no published split found.*stratified"):
        load(words, SpeechData(split="published"))


@pytest.mark.parametrize("field", ["noise", "lists"])
def test_named_folder_that_is_absent(words, load, field):
    data = SpeechData(split="published", **{field: "nowhere"})
    (words / "my_val.txt").write_text("up/s0_nohash_0.wav")
    (words / "my_test.txt").write_text("up/s1_nohash_1.wav")
    with pytest.raises(DataError, match=rf"nowhere: there is no such .*\[data\] {field}"):
        load(words, data)


def test_two_lists_for_one_part(words, load):
    for name in ("a_val", "b_val", "test"):
        (words / f"{name}.txt").write_text("up/s0_nohash_0.wav")
    with pytest.raises(DataError, match=r"several lists match \*val\*\.txt: a_val\.txt, b_val"):
        load(words, SpeechData(split="published"))


@pytest.mark.slow
@pytest.mark.data
def test_real_mini_speech_commands(real_data):
    dataset = load_speech(
        real_data / "speech",
        SpeechData(words=("up", "down"), split="published"),
        rate_hz=16_000,
        seconds=1.0,
    )
    assert dataset.labels == ("down", "up")
    assert [c.pcm.shape for c in dataset.subsets.values()] == [
        (1621, 16_000),
        (197, 16_000),
        (181, 16_000),
    ]
    assert dataset.listed_missing == ("up/0ab3b47d_nohash_0",)
    assert dataset.unlisted == ()
    assert 300 < len(dataset.noise) / 16_000 < 500
