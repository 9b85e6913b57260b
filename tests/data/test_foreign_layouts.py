"""Folders of sound with labels, formats and archives of other programs: read, or named."""

import numpy as np
import pytest
import soundfile
import wav_files
from sound_folders import RATE, clip, clips

from motefit.data.quality import audit_speech
from motefit.data.speech import load_speech
from motefit.data.speech_folder import find_speech
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

NUMBER = 6
LABELS = ["up", "down"] * (NUMBER // 2)


def texts(folder, contents, suffix=".txt"):
    """Clips c0.wav, c1.wav, ..., each with a text beside it."""
    for i, content in enumerate(contents):
        clip(folder / f"c{i}.wav", samples=40)
        (folder / f"c{i}{suffix}").write_text(content)


@pytest.mark.parametrize("suffix", [".txt", ".lab"])
def test_the_text_beside_a_clip_is_its_label(tmp_path, suffix):
    texts(tmp_path, [f"{word}\n" for word in LABELS], suffix)
    found = find_speech(tmp_path, SpeechData())
    assert {word: len(held) for word, held in found.clips.items()} == {"down": 3, "up": 3}
    assert found.clips["up"]["up/c0"] == tmp_path / "c0.wav"
    assert "words: the text file beside each clip" in found.how
    clip(tmp_path / "c9.wav", samples=40)  # without a text
    with pytest.raises(DataError, match="no word folders"):
        find_speech(tmp_path, SpeechData())


def test_transcripts_are_no_labels(tmp_path):
    texts(tmp_path, [f"sentence {i}" for i in range(NUMBER)])
    with pytest.raises(DataError, match="no word folders"):
        find_speech(tmp_path, SpeechData())


FILES = {
    "labels of Audacity": (
        "rec.txt",
        "0.5\t1.0\tup\n",
        "as Audacity exports them: .* start_s and end_s",
    ),
    "Praat": ("c0.TextGrid", "x", "with times: .* start_s and end_s"),
    "Kaldi": ("wav.scp", "c0 c0.wav\n", "data folder of Kaldi: .* columns path and label"),
    "LibriSpeech": ("84.trans.txt", "84-1 UP\n", "84.trans.txt holds transcripts"),
    "a list without a header": ("files.txt", "wavs/c0.wav|up\n", "files.txt names the files"),
    "a table without a header": ("meta.csv", "c0.wav,up\nc1.wav,down\n", "first line is a row"),
    "a workbook": ("labels.xlsx", "x", "save it as CSV with the columns path and label"),
    "an archive": ("words.7z", "x", "unpack the archives, e.g. words.7z"),
    "arrays": ("clips.npy", "x", "write each clip as a WAV file"),
    "samples alone": ("c1.raw", "x", "ffmpeg -f s16le -ar 16000 -ac 1 -i c1.raw"),
}


@pytest.mark.parametrize("kind", FILES)
def test_labels_of_other_programs_are_named_with_what_helps(tmp_path, kind):
    name, content, said = FILES[kind]
    clip(tmp_path / "c0.wav", samples=40)
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        find_speech(tmp_path, SpeechData())


def test_a_word_in_a_format_that_is_not_read_names_the_command(tmp_path):
    clips(tmp_path, "up/{i}", words=("up",), number=2)
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "a.wma").write_bytes(b"x")
    with pytest.raises(DataError, match=r"'down' has no clips.* ffmpeg -i a\.wma") as caught:
        find_speech(tmp_path, SpeechData())
    assert str(caught.value).count("ffmpeg") == 1


def test_the_noise_folder_of_teachable_machine_is_no_word(tmp_path):
    clips(tmp_path, "{word}/{i}")
    clips(tmp_path, "{word}/{i}", words=("Background Noise",))
    found = find_speech(tmp_path, SpeechData())
    assert (list(found.clips), len(found.noise)) == (["down", "up"], 6)


def audited(tmp_path, sounds):
    for name, pcm in sounds.items():
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav_files.wav(pcm.astype("<i2").tobytes(),
                                       wav_files.format_chunk(rate_hz=RATE)))  # fmt: skip
    data = load_speech(
        tmp_path / "d", SpeechData(), rate_hz=RATE, seconds=0.2, cache=tmp_path / "c"
    )
    return "; ".join(audit_speech(data).warnings)


def test_offsets_and_clips_too_short_for_a_word_are_warned_of(tmp_path):
    rng = np.random.default_rng(0)
    sounds = {f"{w}/{i}.wav": rng.integers(-3000, 3000, 1600) for w in ("up", "down")
              for i in range(10)}  # fmt: skip
    assert audited(tmp_path, sounds) == ""
    sounds["up/3.wav"] += 1000  # 3 % of full scale
    sounds["up/4.wav"] = sounds["up/4.wav"][:1000] + 1000  # and padded
    sounds["up/5.wav"] += 500
    sounds["down/6.wav"] = sounds["down/6.wav"][:799]
    said = audited(tmp_path, sounds)
    assert "have an offset, whose level counts as sound: up 2 of 10; " in said
    assert "shorter than 100 ms, too short for a word: down 1 of 10" in said


def test_compressed_sphere_names_the_command(tmp_path):
    head = (
        b"NIST_1A\n   1024\nsample_count -i 16000\nsample_n_bytes -i 2\nchannel_count -i 1\n"
        b"sample_byte_format -s2 01\nsample_rate -i 16000\n"
        b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    )
    clips(tmp_path / "d", "{word}/{i}")
    (tmp_path / "d/up/a.sph").write_bytes(head.ljust(1024) + b"ajkg\2" + bytes(900))
    pcm = np.random.default_rng(1).integers(-900, 900, 400).astype(np.int16)
    soundfile.write(tmp_path / "d/up/b.sph", pcm, RATE, format="NIST", subtype="PCM_16")
    data = SpeechData(damaged_percent=20)
    found = load_speech(tmp_path / "d", data, rate_hz=RATE, seconds=0.05, cache=tmp_path / "c")
    assert sum(map(len, found.subsets.values())) == 13
    assert [file.path.name for file in found.damaged] == ["a.sph"]
    assert any("its encoding is not read; convert it: ffmpeg -i" in note for note in found.taken)
