"""Folders, tables and files of sound as strangers have them: read as they are meant, or refused."""

import io
import os
import shutil
import struct

import numpy as np
import pytest
import soundfile
import wav_files
from sound_folders import clip, clips

from motefit.data.decode import decode_clip
from motefit.data.labeled_files import case_hints, subset_of
from motefit.data.speech import load_speech
from motefit.data.speech_folder import find_speech
from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

NAMES = [f"wavs/{word}/{i}.wav" for word in ("up", "down") for i in range(4)]
LABELED = [(name, name.split("/")[1]) for name in NAMES]


@pytest.mark.parametrize("pair", [
    "train-clean test-clean", "1_train 2_test", "speech_train speech_test", "TrainingSet TestSet",
    "train_16k test_16k", "Trainingsdaten Testdaten", "x_train hold-out", "train(1) eval(1)",
])  # fmt: skip
def test_sets_are_known_in_any_spelling(tmp_path, pair):
    train, test = pair.split()
    clips(tmp_path, f"{train}/{{word}}/{{i}}", f"{test}/{{word}}/t{{i}}", number=4)
    found = find_speech(tmp_path, SpeechData(split="given"))
    assert set(found.clips) == {"up", "down"}
    assert set(found.subsets.values()) == {"train", "test"}
    with pytest.raises(DataError, match="sets of a split"):
        find_speech(tmp_path, SpeechData())
    for word in ("up", "down"):  # and without word folders they are no words
        shutil.rmtree(tmp_path / train / word)
        shutil.rmtree(tmp_path / test / word)
    for name in (train, test):
        clips(tmp_path, f"{name}/{{word}}{{i}}", number=2)
    with pytest.raises(DataError, match="look like part of a split"):
        find_speech(tmp_path, SpeechData())


def test_names_that_are_no_sets():
    assert [subset_of(name) for name in ("contest", "dev_test", "latest", "up")] == [""] * 4


def test_folders_of_speakers_are_seen_in_file_names(tmp_path):
    clips(tmp_path, "anna/{word}_anna_{i}", "bob/{word}_bob_{i}", number=3)
    with pytest.raises(DataError, match=r'seem to be speakers.*layout = "speaker/word_\*"'):
        find_speech(tmp_path, SpeechData())
    assert set(find_speech(tmp_path, SpeechData(layout="speaker/word_*")).clips) == {"up", "down"}


def test_names_that_all_folders_share_are_pointed_out(tmp_path):
    clips(tmp_path, "{word}/anna_{i}", "{word}/bob_{i}", number=3)
    (hint,) = find_speech(tmp_path, SpeechData()).how
    assert "start with anna, bob" in hint
    assert "layout" in hint
    found = load_speech(
        tmp_path, SpeechData(speaker="/([^_.-]+)"), rate_hz=8000, seconds=0.05, cache=tmp_path / "c"
    )
    assert set(found.train.speakers) == {"anna", "bob"}


def table(folder, rows, head=("path", "label"), *, name="clips.csv", mark=",", encoding="utf-8"):
    for path in NAMES:
        clip(folder / path, samples=40)
    lines = [mark.join(row) for row in (head, *rows)]
    (folder / name).write_bytes("\n".join([*lines, ""]).encode(encoding))
    return find_speech(folder, SpeechData(manifest=(name,)))


@pytest.mark.parametrize(("keys", "head"), [
    ({"encoding": "utf-16"}, ("path", "label")), ({"encoding": "cp1252"}, ("path", "label")),
    ({"mark": "|"}, ("path", "label")), ({"mark": ";"}, ("sep=;\npath", "label")),
    ({"mark": ", "}, ("path", "label")), ({"encoding": "utf-8-sig"}, ("Path", "LABEL ")),
])  # fmt: skip
def test_tables_in_any_dialect(tmp_path, keys, head):
    rows = [(path, word.replace("up", "über")) for path, word in LABELED]
    found = table(tmp_path, [*rows, ("", "")], head, **keys)
    assert {word: len(held) for word, held in found.clips.items()} == {"down": 4, "über": 4}


@pytest.mark.parametrize("start", ["C:\\Users\\me\\data\\", "/home/me/data/", ".\\", "file://"])
def test_paths_of_other_machines(tmp_path, start):
    base = f"{tmp_path}/" if start == "file://" else ""
    mark = "\\" if "\\" in start else "/"
    rows = [(start + base + path.replace("/", mark), word) for path, word in LABELED]
    found = table(tmp_path, rows)
    assert {p for held in found.clips.values() for p in held.values()} == {
        tmp_path / path for path in NAMES
    }
    moved = [note for note in found.how if "found by the end of their paths" in note]
    assert bool(moved) == ("me" in start)


def test_bare_names_are_found_where_only_one_file_has_them(tmp_path):
    for i in range(6):
        clip(tmp_path / f"audio/fold{i % 2}/{i}-x.wav", samples=40)
    clip(tmp_path / "audio/fold0/5-x.wav")
    rows = "".join(f"{i}-x.wav,{'ab'[i % 2]},0,1\n" for i in range(6))
    (tmp_path / "meta.csv").write_text("filename,label,start,end\n" + rows)
    found = find_speech(tmp_path, SpeechData(manifest=("meta.csv",)))
    assert sum(map(len, found.clips.values())) == 5
    said = "; ".join(found.how)
    for part in ("columns start, end give", "5 files were found", "1 files .* are missing"):
        assert part.split(" .*")[0] in said


@pytest.mark.parametrize(("more", "said"), [
    ((NAMES[0], "down"), "listed twice, as 'up' and as 'down'"),
    (("./" + NAMES[0], "up"), "listed twice"), ((NAMES[0], "a/b"), "without a slash"),
    ((NAMES[0], ""), "expected a path and a label"),
])  # fmt: skip
def test_rows_that_contradict_others_are_refused(tmp_path, more, said):
    with pytest.raises(DataError, match=said):
        table(tmp_path, [*LABELED, more])


def test_a_clip_in_two_sets_is_refused(tmp_path):
    rows = [(path, word, "train") for path, word in LABELED]
    with pytest.raises(DataError, match="for train and as 'up' for test"):
        table(tmp_path, [*rows, (*rows[0][:2], "test")], ("path", "label", "split"))


def test_json_tables_of_numbers_and_labels_of_other_sound(tmp_path):
    rows = [f'{{"path": "{path}", "label": {i % 2}}}' for i, path in enumerate(NAMES)]
    for path in NAMES:
        clip(tmp_path / path, samples=40)
    (tmp_path / "a.json").write_text(f"[{', '.join(rows)}]")
    (tmp_path / "a.jsonl").write_text("\n".join(rows).replace("}", ', "note": "a\u2028b"}'))
    for name in ("a.json", "a.jsonl"):
        found = find_speech(tmp_path, SpeechData(manifest=(name,)))
        assert {word: len(held) for word, held in found.clips.items()} == {"0": 4, "1": 4}
    found = table(tmp_path, [*LABELED[:-1], (NAMES[-1], "_unknown_")])
    assert set(found.clips) == {"down", "up"}
    assert found.unused == {"of other sound": {"": 1}}


def test_a_column_without_a_name_is_no_speaker(tmp_path):
    rows = [(str(i), *row) for i, row in enumerate(LABELED)]
    found = table(tmp_path, rows, ("", "path", "label"))
    assert not found.speakers


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="'label' occurs 2 times"):
        table(tmp_path, [(*row, "other") for row in LABELED], ("path", "label", "label"))


def test_paths_of_systems_that_do_not_tell_case(tmp_path):
    for path in NAMES:
        clip(tmp_path / "Audio" / path.upper(), samples=40)
    rows = "".join(f"audio/{path},{word}\n" for path, word in LABELED)
    (tmp_path / "t.csv").write_text(f"path,label\n{rows}")
    found = find_speech(tmp_path, SpeechData())
    assert {word: len(held) for word, held in found.clips.items()} == {"down": 4, "up": 4}
    assert "8 files were found by the end of their paths" in found.how


def test_sets_that_are_not_used_are_pointed_out(tmp_path):
    rows = [(path, word, "train") for path, word in LABELED]
    assert "column split is not used" in " ".join(
        table(tmp_path / "a", rows, ("path", "label", "split")).how
    )
    for i, path in enumerate(NAMES):
        clip(tmp_path / "b" / ("test", "train")[i % 2] / path, samples=40)
    rows = [f"{('test', 'train')[i % 2]}/{path},{word}" for i, (path, word) in enumerate(LABELED)]
    (tmp_path / "b" / "t.csv").write_text("path,label\n" + "\n".join(rows))
    found = find_speech(tmp_path / "b", SpeechData(manifest=("t.csv",)))
    assert "the paths name sets (test, train), which are not used" in " ".join(found.how)


def test_files_in_one_folder_name_what_tells_the_words(tmp_path):
    clips(tmp_path, "{word}{i}")
    with pytest.raises(DataError, match=r'layout = "word_\*".* \(manifest\); motefit data cut'):
        find_speech(tmp_path, SpeechData())


def test_lines_of_json_may_be_in_a_json_file(tmp_path):
    rows = [f'{{"audio_filepath": "{path}", "command": "{word}"}}' for path, word in LABELED]
    for path in NAMES:
        clip(tmp_path / path, samples=40)
    (tmp_path / "train_manifest.json").write_text("\n".join(rows))
    found = find_speech(tmp_path, SpeechData())
    assert {word: len(held) for word, held in found.clips.items()} == {"down": 4, "up": 4}


def test_words_have_one_line(tmp_path):
    with pytest.raises(DataError, match="line break"):
        table(tmp_path, [*LABELED[:-1], (NAMES[-1], '"a\nbudget met"')])
    clips(tmp_path, "w/{word}\nbudget met/{i}", number=1)
    with pytest.raises(DataError, match=r"budget met' has a line break"):
        find_speech(tmp_path / "w", SpeechData())


def test_names_read_in_another_encoding_are_not_taken_for_words(tmp_path, monkeypatch):
    clips(tmp_path, "{word}/{i}", words=("f\u00fcr", "wider"), number=1)
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(DataError, match=r"read as iso8859-1 here.* PYTHONUTF8=1"):
        find_speech(tmp_path, SpeechData())


def test_words_that_look_the_same_are_pointed_out():
    for pair in (("down", "down\u200b"), ("turn up", "turn  up"), ("up", "\uff55\uff50")):
        (hint,) = case_hints(pair)
        assert "join them" in hint
    assert case_hints(("up", "down")) == []


def test_folders_of_systems_and_of_noise_in_any_case_are_no_words(tmp_path):
    clips(tmp_path, "{word}/{i}", "$RECYCLE.BIN/{word}{i}", "Noise/{word}{i}", "@eaDir/{i}")
    clips(tmp_path, "Unknown/{word}{i}", "Silence/{word}{i}", number=1)
    (tmp_path / "System Volume Information").mkdir()
    found = find_speech(tmp_path, SpeechData())
    assert set(found.clips) == {"up", "down"}
    assert len(found.noise) == 12
    assert set(found.other_sound) == {"_unknown_", "_silence_"}


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/nowhere.wav")])
def test_pipes_and_links_to_nothing_are_named(tmp_path, make):
    clips(tmp_path, "{word}/{i}", number=3)
    make(tmp_path / "up" / "odd.wav")
    with pytest.raises(DataError, match=r"odd\.wav: is not a file"):
        find_speech(tmp_path, SpeechData())


SOUND = np.random.default_rng(0).integers(-9000, 9000, 2000).astype("<i2")
FORM = wav_files.format_chunk(rate_hz=8000)
TAG = b"ID3\x04\0\0\0\0\x02\x00" + b"\0" * 256


def made(container, subtype, data=SOUND):
    file = io.BytesIO()
    soundfile.write(file, data, 8000, format=container, subtype=subtype)
    return file.getvalue()


def in_32_bits(bits, *, extensible):
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else 1, 1, 8000, 32_000, 4, bits)
    form += struct.pack("<HHIH", 22, bits, 0, 1) + wav_files.GUID if extensible else b""
    return wav_files.wav((SOUND.astype("<i4") << 16).tobytes(), form)


@pytest.mark.parametrize("content", [
    TAG + wav_files.wav(SOUND.tobytes(), FORM), TAG + made("FLAC", "PCM_16"),
    made("NIST", "PCM_16"),
    in_32_bits(24, extensible=False), in_32_bits(20, extensible=True),
])  # fmt: skip
def test_samples_in_odd_places_are_all_read(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    np.testing.assert_array_equal(decode_clip(path, rate_hz=8000).pcm, SOUND)
    if b"WAVE" in content[:400]:
        np.testing.assert_array_equal(read_wav(path)[0], SOUND)


@pytest.mark.parametrize(("content", "said"), [
    *[(made(kind, sub)[:-500], "truncated") for kind, sub in [
        ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("WAV", "IMA_ADPCM")]],
    *[(made(kind, "FLOAT"), "full scale is 1.0") for kind in ("AIFF", "AU", "CAF")],
    (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(99), r"AAC.*ffmpeg -i .*a\.wav .*a-16\.wav"),
    (b"\xff\xfd\x84\x04" + bytes(99), "layer 2.*ffmpeg"),
    (b"\x00\x05\x16\x07" + bytes(99), "companion file of macOS"),
    (made("CAF", "ALAC_32"), "ALAC_32.*ffmpeg"),
])  # fmt: skip
def test_what_would_be_read_wrongly_is_refused(tmp_path, content, said):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        decode_clip(path, rate_hz=8000)
    assert "object at 0x" not in str(caught.value)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_a_device_names_the_command_for_other_encodings(tmp_path, subtype):
    (tmp_path / "a.wav").write_bytes(made("WAV", subtype))
    with pytest.raises(DataError, match=r"convert it: ffmpeg -i .*a-16\.wav"):
        read_wav(tmp_path / "a.wav")
