"""Layouts of public data sets as people download them: read, or refused with what to give."""

import ast
import re

import pytest
from sound_folders import clip

from motefit.data.speech_folder import find_speech
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

KINDS = ((0, "dog"), (14, "chirping_birds"), (36, "vacuum_cleaner"))


def words(folder, *, names=("yes", "no"), number=3):
    for name in names:
        for i in range(number):
            clip(folder / name / f"{i}0a7f04d_nohash_{i}.wav")


def table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in (header, *rows)))


def esc(folder):
    """ESC-50: numbers as names of files, words in a table."""
    names = [(f"{fold}-1{c:02d}032-A-{c}.wav", fold, c, w) for fold in (1, 2) for c, w in KINDS]
    for name, *_ in names:
        clip(folder / "audio" / name)
    rows = [(name, fold, c, w, False, 1032, "A") for name, fold, c, w in names]
    header = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
    table(folder / "meta" / "esc50.csv", header, rows)


def urban(folder, *, audio="audio", metadata="metadata"):
    """UrbanSound8K: folds as folders, words in a table."""
    names = [(f"1{f}03-{c}-0-{f}.wav", f, c, w) for f in (1, 2, 10) for c, w in KINDS]
    for name, fold, *_ in names:
        clip(folder / audio / f"fold{fold}" / name)
    rows = [(name, 103, 0.0, 1.5, 1, fold, c, w) for name, fold, c, w in names]
    header = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
    table(folder / metadata / "UrbanSound8K.csv", header, rows)


def urban_on_kaggle(folder):
    urban(folder / "archive", audio="", metadata="")


def esc_in_archives(folder):
    esc(folder / "archive" / "ESC-50" / "ESC-50-master")


def numbered(folder):
    """A contest's table: numbers of files without their extension, and a table to fill in."""
    labeled = [(f"{i:04}", word) for i, (_, word) in enumerate(KINDS * 4)]
    for name, _ in labeled:
        clip(folder / "audio_train" / f"{name}.wav")
    clip(folder / "audio_test" / "t.wav")
    table(folder / "sample_submission.csv", ("id", "label"), [("t", "dog")])
    table(folder / "train.csv", ("id", "take", "label"), [(n, 1, word) for n, word in labeled])


def named_in_german(folder):
    rows = [(f"a/{i}.wav", "Prüfung", word) for i, (_, word) in enumerate(KINDS * 4)]
    for name, *_ in rows:
        clip(folder / name)
    table(folder / "Übersicht.csv", ("Datei", "Teil", "Wort"), rows)


@pytest.mark.parametrize(
    "make", [esc, urban, urban_on_kaggle, esc_in_archives, numbered, named_in_german]
)
@pytest.mark.parametrize("chosen", [(), ("dog", "vacuum_cleaner")])
def test_a_table_of_the_files_is_found_and_what_is_advised_works(tmp_path, make, chosen):
    make(tmp_path / "set")
    folder = tmp_path / "set"
    with pytest.raises(DataError, match="names the files: to take the words from it") as refused:
        find_speech(folder, SpeechData(words=chosen))
    said = str(refused.value).partition("names the files")[2]
    manifest = ast.literal_eval(re.search(r"manifest = (\[.*?\])", said)[1])
    columns = dict(re.findall(r'(path|label) = "(.*?)"', said))
    found = find_speech(folder, SpeechData(words=chosen, manifest=manifest, columns=columns))
    assert sorted(found.clips) == sorted(chosen or {word for _, word in KINDS})
    assert all(found.clips.values())


@pytest.mark.parametrize("levels", ["", "pets", "archive/pets/pets", "a/b/c"])
@pytest.mark.parametrize("chosen", [(), ("yes", "no")])
def test_folders_that_hold_nothing_but_one_folder_are_passed(tmp_path, levels, chosen):
    words(tmp_path / "top" / levels)
    (tmp_path / "top" / "__MACOSX").mkdir()
    (tmp_path / "top" / ".DS_Store").write_bytes(b"x")
    found = find_speech(tmp_path / "top", SpeechData(words=chosen))
    assert {word: len(clips) for word, clips in found.clips.items()} == {"no": 3, "yes": 3}


def test_speech_commands_are_read_with_noise_and_lists(tmp_path):
    words(tmp_path, names=("yes", "no", "up"), number=4)
    clip(tmp_path / "_background_noise_" / "white_noise.wav")
    for name, i in (("testing", 0), ("validation", 1)):
        lines = [f"{word}/{i}0a7f04d_nohash_{i}.wav" for word in ("yes", "no", "up")]
        (tmp_path / f"{name}_list.txt").write_text("\n".join(lines) + "\n")
    published = find_speech(tmp_path, SpeechData(words=("yes", "no"), split="published"))
    assert sorted(published.lists) == ["test", "validation"]
    assert [path.name for path in published.noise] == ["white_noise.wav"]
    assert not published.how
    (said,) = find_speech(tmp_path, SpeechData(words=("yes", "no"))).how
    assert "testing_list.txt, validation_list.txt are not used" in said
    assert 'split = "published"' in said
