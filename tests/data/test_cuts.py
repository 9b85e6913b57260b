"""Clips that are parts of longer recordings: tables, label tracks, and data folders of Kaldi."""

import numpy as np
import pytest
import wav_files
from sound_folders import RATE

from motefit.data.speech import load_speech
from motefit.data.speech_folder import find_speech
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

PARTS = 12
"""Clips of half a second in a recording of six."""
RAMP = np.arange(PARTS * RATE // 2, dtype=np.int64) % 20_000
WORDS = ["up", "down"] * (PARTS // 2)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "d" / "rec.wav"
    path.parent.mkdir()
    form = wav_files.format_chunk(rate_hz=RATE)
    path.write_bytes(wav_files.wav(RAMP.astype("<i2").tobytes(), form))
    return path


def table(folder, head, row):
    rows = [",".join(("rec.wav", word, *row(i))) for i, word in enumerate(WORDS)]
    (folder / "labels.csv").write_text("\n".join([f"path,label,{head}", *rows, ""]))


def loaded(folder, **settings):
    data = SpeechData(**settings)
    cache = folder.parent / "cache"
    return load_speech(folder, data, rate_hz=RATE, seconds=0.5, cache=cache)


def require_parts(dataset):
    """Every clip is the part of the ramp that its id names, and has the label of that part."""
    held = dataset.subsets.values()
    assert sum(map(len, held)) == PARTS
    for clips in held:
        for name, pcm, label in zip(clips.ids, clips.pcm, clips.label, strict=True):
            start = float(name.partition("@")[2].partition("-")[0])
            first = round(start * RATE)
            np.testing.assert_array_equal(pcm, RAMP[first : first + RATE // 2])
            assert dataset.labels[label] == WORDS[round(start / 0.5)]


FORMS = {
    "start,end": lambda i: (f"{i / 2}", f"{i / 2 + 0.5}"),
    "Begin (s),End (s)": lambda i: (f"{i / 2:.3f}", f"{i / 2 + 0.5:.3f}"),
    "offset,duration": lambda i: (f"{i / 2}", "0.5"),
    "onset,offset": lambda i: (f"{i / 2}", f"{i / 2 + 0.5}"),
    "onset,duration": lambda i: (f"{i / 2}", "0.5"),
    "start_ms,end_ms": lambda i: (f"{500 * i}", f"{500 * i + 500}"),
    "segment_start,segment_end": lambda i: (f"0:00:0{i / 2}", f"0:00:0{i / 2 + 0.5}"),
    "xmin,xmax": lambda i: (f'"{i // 2},{i % 2 * 5}"', f'"{(i + 1) // 2},{(i + 1) % 2 * 5}"'),
    "start_time,start_sample,end_time": lambda i: (f"{i / 2}", "7", f"{i / 2 + 0.5}"),
    "from,to,duration": lambda i: (f"{i / 2}", f"{i / 2 + 0.5}", "0.5"),
}


@pytest.mark.parametrize("head", FORMS)
def test_a_table_with_times_cuts_its_recordings(recording, head):
    table(recording.parent, head, FORMS[head])
    dataset = loaded(recording.parent)
    require_parts(dataset)
    said = " ".join(dataset.taken)
    assert "12 clips are parts of one recording" in said
    assert "a clip is the part of its file that the columns" in said


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("start", lambda i: (f"{i}",), "line 2: the column start says where a clip starts, but"),
        ("start_sample,end_sample", lambda i: (f"{i}", f"{i + 9}"), "counts samples or frames"),
        ("start,begin,end", lambda i: ("0", f"{i}", "9"), "several columns may be the start"),
        ("start,end", lambda i: ("2", f"{3 - i}"), "line 3: .*a clip needs 0 <= start < end"),
        ("start,end,duration", lambda _: ("1", "2", "3"), "contradict each other: 1, 2, 3"),
        ("start,end", lambda i: (f"{i / 2}", "soon" if i else "1"), "line 3: .*'soon' in the"),
        ("start,end", lambda i: ("1", "" if i else "2"), "line 3: .*where the clip ends"),
        ("offset,duration", lambda i: ("" if i else "0", "1"), "line 3: .*where the clip starts"),
    ],
)
def test_times_that_cannot_be_used_are_refused_with_their_line(recording, head, row, said):
    table(recording.parent, head, row)
    with pytest.raises(DataError, match=said):
        find_speech(recording.parent, SpeechData())


def test_a_clip_behind_the_end_of_its_recording_is_named(recording):
    table(recording.parent, "start,end", lambda i: (f"{500 * i}", f"{500 * i + 500}"))
    with pytest.raises(DataError, match="from 500 to 1000 s ends after the recording, which has 6"):
        loaded(recording.parent)


def test_a_clip_without_samples_is_named(recording):
    table(recording.parent, "start,end", lambda i: (f"{i / 2}", f"{i / 2 + 1e-6:.6f}"))
    with pytest.raises(DataError, match="shorter than a sample; are its times in another unit"):
        loaded(recording.parent)


def test_clips_that_overlap_are_counted(recording):
    table(recording.parent, "start,end", lambda i: (f"{i / 2}", f"{min(i / 2 + 0.7, 6)}"))
    said = " ".join(find_speech(recording.parent, SpeechData()).how)
    assert "clips that begin before the one before them ends: 11" in said


def test_a_part_may_be_listed_once(recording):
    table(recording.parent, "start,end", lambda _: ("1", "2"))
    with pytest.raises(DataError, match=r"the part 1\.000-2\.000 s is listed twice, as 'up' and"):
        find_speech(recording.parent, SpeechData())


def test_a_length_alone_is_that_of_the_file(recording):
    (recording.parent / "b.wav").write_bytes(recording.read_bytes())
    rows = "path,label,duration\nrec.wav,up,1\nb.wav,down,1\n"
    (recording.parent / "labels.csv").write_text(rows)
    assert find_speech(recording.parent, SpeechData()).cuts == {}


def test_a_label_track_cuts_the_recording_beside_it(recording):
    rows = [f"{i / 2:.6f}\t{i / 2 + 0.5:.6f}\t{word}" for i, word in enumerate(WORDS)]
    track = recording.with_suffix(".txt")
    track.write_text("\n".join(rows))
    dataset = loaded(recording.parent)
    require_parts(dataset)
    assert "words: the list of times beside each recording" in dataset.taken
    track.write_text("\n".join([*rows, "5.75\t5.75\tup"]))
    with pytest.raises(DataError, match=r"the label 'up' at 5\.75 s is a point"):
        find_speech(recording.parent, SpeechData())


def test_transcripts_of_kaldi_are_no_labels(recording):
    kaldi(recording.parent)
    text = "\n".join(f"anna-{i:02d} sentence {i}" for i in range(PARTS))
    (recording.parent / "text").write_text(text)
    with pytest.raises(DataError, match="such as 'sentence 0': these are transcripts"):
        find_speech(recording.parent, SpeechData())


def test_a_data_folder_of_kaldi_further_down_is_named(recording):
    inner = recording.parent / "data" / "train"
    inner.mkdir(parents=True)
    kaldi(inner)
    with pytest.raises(DataError, match="data/train is a data folder of Kaldi: give that folder"):
        find_speech(recording.parent, SpeechData())


def kaldi(folder, *, wav="rec rec.wav", extra=""):
    names = [f"anna-{i:02d}" for i in range(PARTS)]
    texts = {
        "wav.scp": wav,
        "text": "\n".join(f"{n} {word}" for n, word in zip(names, WORDS, strict=True)),
        "segments": "\n".join(f"{n} rec {i / 2} {i / 2 + 0.5}" for i, n in enumerate(names)),
        "utt2spk": "\n".join(f"{n} {'anna' if i < 6 else 'ben'}" for i, n in enumerate(names)),
    }
    for name, text in texts.items():
        (folder / name).write_text(f"{text}{extra if name == 'segments' else ''}\n")


def test_a_data_folder_of_kaldi_is_read(recording):
    kaldi(recording.parent)
    found = find_speech(recording.parent, SpeechData())
    assert found.cuts["up/anna-02"].start_s == 1.0
    assert (found.speakers["up/anna-02"], found.speakers["down/anna-11"]) == ("anna", "ben")
    dataset = loaded(recording.parent)
    for clips in dataset.subsets.values():
        starts = [int(name[-2:]) * RATE // 2 for name in clips.ids]
        np.testing.assert_array_equal(clips.pcm[:, 0], RAMP[starts])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wav": "rec sph2pipe rec.sph |"}, "rec, which has anna-00, is the output of a command"),
        ({"wav": "other rec.wav"}, "rec, which has anna-00, is missing"),
        ({"wav": "rec gone.wav"}, "there is no file gone.wav"),
        ({"extra": "\nanna-00 rec 0 1"}, "anna-00 occurs twice"),
    ],
)
def test_a_data_folder_of_kaldi_that_cannot_be_used_says_why(recording, changes, said):
    kaldi(recording.parent, **changes)
    with pytest.raises(DataError, match=said):
        find_speech(recording.parent, SpeechData())
