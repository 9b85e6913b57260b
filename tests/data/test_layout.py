"""What is taken as word, subset and speaker; what can be read in two ways is refused."""

import itertools
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.decode import AUDIO_SUFFIXES
from motefit.data.folder_layout import is_split_name
from motefit.data.speech import load_speech
from motefit.data.speech_folder import find_speech
from motefit.data.tree import OTHER_SUFFIXES
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

RATE = 8000
count = itertools.count()


def write(folder, *names, clips=6, stem="s{i}_nohash_0"):
    """``clips`` files in each of the sub-folders, all of them different."""
    for name in names:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for i in range(clips):
            pcm = np.random.default_rng(next(count)).integers(-9000, 9000, 400, dtype=np.int16)
            soundfile.write(place / f"{stem.format(i=i, name=name)}.wav", pcm, RATE)
    return folder


@pytest.fixture
def load(tmp_path):
    def _load(folder, **data):
        return load_speech(
            folder, SpeechData(**data), rate_hz=RATE, seconds=0.05, cache=tmp_path / "cache"
        )

    return _load


def test_what_was_taken_is_said(tmp_path, load):
    dataset = load(write(tmp_path / "d", "up", "down", clips=10))
    assert dataset.taken == (
        "words: down, up (folder names)",
        "split: drawn clip by clip within each word, seed 0: train 16, validation 2, test 2",
        "speakers: from the file names, 10",
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("training", "testing"), "testing, training each look like part of a split"),
        (("train", "test", "validation"), r"each look like part.*split = .given"),
        (("Train", "Dev", "up"), "Dev, Train each look like part"),
        (("test_set", "up"), "test_set looks like part"),
        (("fold1", "fold2", "fold3"), "look like part of a split"),
        (("spk1", "spk2", "spk3"), r"look like a speaker.*layout = .speaker/word"),
        (("0132a06d", "0135f3f2"), "look like a speaker"),
        (("01", "02", "12"), "look like a speaker"),
    ],
)
def test_names_of_subsets_and_speakers_are_no_words_unless_named(tmp_path, load, names, said):
    folder = write(tmp_path / "d", *names)
    with pytest.raises(DataError, match=said) as caught:
        load(folder)
    for name in names:
        assert f'"{name}"' in str(caught.value)  # the line to give
    assert load(folder, words=names).labels == tuple(sorted(names))


@pytest.mark.parametrize("names", [("0", "1", "2"), ("zero", "one"), ("go", "s1"), ("left", "f")])
def test_usual_words_are_words(tmp_path, load, names):
    if names == ("go", "s1"):
        names = ("go", "stop", "s1")  # less than half look like speakers
    assert load(write(tmp_path / "d", *names)).labels == tuple(sorted(names))


def test_an_edge_impulse_export_is_refused_with_its_labels(tmp_path, load):
    folder = tmp_path / "d"
    for word in ("up", "down"):
        write(folder, "training", "testing", stem=word + ".s{i}.wav.{i}")
    with pytest.raises(DataError, match=r"start with down, up, as Edge Impulse exports"):
        load(folder)


@pytest.mark.parametrize(
    "subsets",
    [
        {"train": ("up", "down", "left"), "test": ("up", "down")},
        {"train": ("up", "down"), "validation": ("up", "down"), "test": ("up",)},
        {"training": ("up", "down"), "extra_test": ("up",)},
    ],
)
@pytest.mark.parametrize("words", [(), ("up", "down")])
def test_given_subsets_are_not_reduced_to_one(tmp_path, load, subsets, words):
    for subset, names in subsets.items():
        write(tmp_path / "d" / subset, *names)
    with pytest.raises(DataError, match=r"several folders contain words: .*split") as caught:
        load(tmp_path / "d", words=words)
    for subset in subsets:
        assert f"{subset} (" in str(caught.value)
    subset = next(iter(subsets))
    assert load(tmp_path / "d" / subset).labels == tuple(sorted(subsets[subset]))


def test_an_unlabeled_test_folder_beside_the_training_words_is_seen(tmp_path, load):
    write(write(tmp_path / "d", "test") / "train", "up", "down")
    with pytest.raises(DataError, match="several folders contain words"):
        load(tmp_path / "d")


def test_folders_of_speakers_that_hold_the_words_are_refused(tmp_path, load):
    for speaker in ("ann", "bob", "cy"):
        write(tmp_path / "d" / speaker, "up", "down")
    with pytest.raises(DataError, match=r"ann \(2: down, up\); bob .*layout = .speaker/word"):
        load(tmp_path / "d")


@pytest.mark.parametrize(
    "speakers",
    [
        {"up": ("ann", "bob", "cy"), "down": ("ann", "bob")},
        {"up": ("ann", "bob"), "down": ("cy", "dee")},
        {"up": ("ann",), "down": ("ann",)},
        {"up": ("ann", "bob", "cy"), "down": ()},
    ],
)
def test_speaker_folders_are_read_where_the_recipe_says_so_and_never_as_labels(
    tmp_path, load, speakers
):
    folder = tmp_path / "d"
    for word, names in speakers.items():
        write(folder / word, *names) if names else write(folder, word)
    with pytest.raises(DataError):
        load(folder)
    if not all(speakers.values()):
        return
    dataset = load(folder, speaker="folder")
    assert dataset.labels == ("down", "up")
    voices = {name for names in speakers.values() for name in names}
    assert {voice for c in dataset.subsets.values() for voice in c.speakers} == voices
    assert dataset.taken[2] == f"speakers: from the folders, {len(voices)}"
    assert dataset.unused == {}


def test_words_that_hold_speaker_folders_only_name_the_key(tmp_path, load):
    for word in ("up", "down"):
        write(tmp_path / "d" / word, "ann", "bob")
    with pytest.raises(DataError, match=r"'down' has no clips .*ann, bob are speakers.*folder"):
        load(tmp_path / "d", words=("up", "down"))


def test_a_split_by_speaker_folders_shares_none(tmp_path, load):
    voices = ("ann", "bob", "cy", "dee", "eve")
    for word in ("up", "down"):
        write(tmp_path / "d" / word, *voices)
    dataset = load(
        tmp_path / "d", speaker="folder", split="speaker", train_percent=60, validation_percent=20
    )
    subsets = [set(clips.speakers) for clips in dataset.subsets.values()]
    assert sum(map(len, subsets)) == len(set.union(*subsets)) == len(voices)


def test_folders_inside_a_words_folder_are_refused_or_counted(tmp_path, load):
    folder = write(tmp_path / "d", "up", "down")
    write(folder / "up", "old", clips=2)
    with pytest.raises(DataError, match=r"up contain folders of audio .*up: old.*words = \["):
        load(folder)
    dataset = load(folder, words=("up", "down"))
    assert dataset.unused == {"in a folder inside the word's": {"up": 2}}


def test_words_decide_between_places_only_where_they_are_in_one(tmp_path, load):
    write(tmp_path / "d" / "a", "up", "down")
    write(tmp_path / "d" / "b", "cat", "dog")
    assert load(tmp_path / "d", words=("cat", "dog")).labels == ("cat", "dog")
    write(tmp_path / "d" / "b", "up")
    with pytest.raises(DataError, match=r"several folders contain words: a .* b "):
        load(tmp_path / "d", words=("up", "down"))


def test_published_lists_decide_between_places(tmp_path, load):
    folder = tmp_path / "d"
    write(folder / "mini", "up", "down")
    write(folder / "other", "cat", "dog")
    for subset, i in {"val": 1, "test": 2}.items():
        (folder / f"{subset}.txt").write_text(f"up/s{i}_nohash_0.wav\ndown/s{i}_nohash_0.wav\n")
    dataset = load(folder, split="published")
    assert dataset.labels == ("down", "up")
    assert dataset.taken[1].startswith("split: published lists val.txt, test.txt: train 8")
    assert dataset.unused == {"outside the word folders": {"": 12}}


def test_a_noise_folder_that_is_named_is_no_word(tmp_path, load):
    folder = write(tmp_path / "d", "up", "down", "hum")
    dataset = load(folder, noise="hum")
    assert dataset.labels == ("down", "up")
    assert len(dataset.noise) == 6 * 400
    assert dataset.unused == {}


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_names_are_compared_in_one_unicode_form(tmp_path, load, typed, stored):
    folder = write(tmp_path / "d", "auf", unicodedata.normalize(stored, "Tür"))
    dataset = load(folder, words=("auf", unicodedata.normalize(typed, "Tür")))
    assert dataset.labels == (unicodedata.normalize("NFC", "Tür"), "auf")


def test_two_folders_of_one_word_in_two_unicode_forms_are_refused(tmp_path, load):
    folder = write(tmp_path / "d", *(unicodedata.normalize(form, "Tür") for form in ("NFC", "NFD")))
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system keeps one form")
    with pytest.raises(DataError, match=r"two folders are named Tür"):
        load(folder)


def test_a_link_back_to_the_folder_ends(tmp_path, load):
    folder = write(tmp_path / "d", "up", "down")
    (folder / "up" / "loop").symlink_to(folder)
    assert load(folder).labels == ("down", "up")


@pytest.mark.parametrize("name", ["train", "TRAINING", "test-set", "val_data", "dev", "valid"])
def test_common_names_of_subsets(name):
    assert is_split_name(name)


PLACES = ["up", "down", "cat", "up/old", "extra", ".hidden", "up/.old", "_background_noise_", "."]
SUFFIXES = [".wav", ".FLAC", ".ogg", ".mp3", ".m4a", ".webm", ".txt", ""]
files = st.lists(
    st.tuples(
        st.sampled_from(PLACES),
        st.sampled_from(["", "."]),
        st.integers(0, 9),
        st.sampled_from(SUFFIXES),
    ),
    unique_by=lambda file: (file[0], file[1], file[2]),
    max_size=30,
)


@given(made=files)
def test_every_audio_file_is_used_or_counted_once(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("files")
    made = [*made, ("up", "", 99, ".wav"), ("down", "", 99, ".wav")]
    for place, dot, number, suffix in made:
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / f"{dot}f{number}{suffix}").write_bytes(b"x")
    found = find_speech(folder, SpeechData(words=("up", "down")))
    counted = sum(n for counts in found.unused.values() for n in counts.values())
    known = {*AUDIO_SUFFIXES, *OTHER_SUFFIXES}
    sound = [file for file in made if file[3].lower() in known]
    assert len(found.files) + len(found.noise) + counted == len(sound)
    for name in found.files:
        assert Path(name).parent.name in {"up", "down"}
