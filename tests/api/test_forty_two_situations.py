"""The 42 situations of sound as people have it, one test each: read as what it is, or refused by
name. Details of many have tests of their own beside the code; these are the whole table, in order.
"""

import itertools
import json
import unicodedata

import numpy as np
import pytest
import soundfile
import wav_files
from sound_folders import RATE, clip, clips, manifest
from tone_model import tone_model, tones

import motefit
from motefit.data.decode import decode_clip
from motefit.data.quality import audit_speech
from motefit.data.speech import load_speech
from motefit.runtime.microphone.alsa_messages import advice
from motefit.runtime.microphone.input_watch import InputWatch
from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

SOUND = np.random.default_rng(3).uniform(-0.9, 0.9, 600)
WANTED = SOUND * 32768


@pytest.fixture
def d(tmp_path):
    return tmp_path / "d"


@pytest.fixture
def load(d, tmp_path):
    def run(**data):
        return load_speech(
            d, SpeechData(**data), rate_hz=RATE, seconds=0.05, cache=tmp_path / "cache"
        )

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tone_model(tmp_path_factory.mktemp("model") / "tones.zip")


def sizes(dataset) -> tuple[int, ...]:
    return tuple(map(len, dataset.subsets.values()))


def form(**options) -> bytes:
    return wav_files.format_chunk(rate_hz=RATE, **options)


def both(path, content: bytes, **options) -> np.ndarray:
    """Samples on the device, which training must hear, too."""
    path.write_bytes(content)
    pcm, rate_hz = read_wav(path, **options)
    trained = decode_clip(path, rate_hz=rate_hz, **options).pcm
    np.testing.assert_array_equal(trained, pcm)
    return pcm


def heard(model, path, **options) -> list[str]:
    return [found.word for found in motefit.listen(model, source=str(path), **options)]


def as_file(path, pcm: np.ndarray, *, after=()) -> object:
    path.write_bytes(wav_files.wav(pcm.astype("<i2").tobytes(), form(), after=list(after)))
    return path


class TestLayouts:
    def test_01_word_folders(self, d, load):
        clips(d, "{word}/{i}")
        assert load().labels == ("down", "up")

    def test_02_speakers_within_words(self, d, load):
        clips(d, "{word}/ann/{i}", "{word}/bob/{i}", "{word}/cy/{i}")
        found = load(layout="word/speaker", split="speaker", train_percent=40)
        assert len({voice for subset in found.subsets.values() for voice in subset.speakers}) == 3

    def test_03_words_within_speakers(self, d, load):
        clips(d, "ann/{word}/{i}", "bob/{word}/{i}", "cy/{word}/{i}")
        with pytest.raises(DataError, match=r"several folders contain words"):
            load()
        assert load(layout="speaker/word").labels == ("down", "up")

    def test_04_given_sets_in_other_spellings(self, d, load):
        for subset, number in {"Training": 4, "val": 2, "testing_set": 3}.items():
            clips(d, f"{subset}/{{word}}/{{i}}", number=number)
        with pytest.raises(DataError, match="given"):
            load()
        assert sizes(load(split="given")) == (8, 4, 6)

    def test_05_sets_within_words(self, d, load):
        for subset, number in {"train": 4, "test": 3}.items():
            clips(d, f"{{word}}/{subset}/{{i}}", number=number)
        assert sizes(load(split="given", train_percent=50, validation_percent=25))[2] == 6

    def test_06_names_that_start_with_the_label(self, d, load):
        clips(d, "{word}.anything.{i}")
        assert load().labels == ("down", "up")

    def test_07_names_with_label_and_speaker(self, d, load):
        clips(d, "{word}_ann_{i}", "{word}_bob_{i}")
        found = load(layout="word_speaker_*")
        assert {v for subset in found.subsets.values() for v in subset.speakers} == {"ann", "bob"}

    def test_08_an_edge_impulse_export(self, d, load):
        clips(d, "training/{word}.{i}", number=5)
        clips(d, "testing/{word}.{i}", number=2)
        rows = [{"path": f"training/up.{i}.wav", "label": {"label": "left"}} for i in range(5)]
        rows += [{"path": f"testing/up.{i}.wav", "label": {"label": "left"}} for i in range(2)]
        (d / "info.labels").write_text(json.dumps({"version": 1, "files": rows}))
        assert load(split="given").labels == ("down", "left")

    @pytest.mark.parametrize("name", ["09.csv", "10.tsv", "11.jsonl"])
    def test_09_to_11_a_manifest(self, d, load, name):
        clips(d, "wavs/{word}{i}")
        rows = [
            {"path": f"wavs/{word}{i}.wav", "label": word, "speaker": f"v{i}"}
            for word in ("up", "down")
            for i in range(6)
        ]
        manifest(d, name, rows)
        found = load(split="speaker", train_percent=50)
        assert sum(sizes(found)) == 12

    def test_12_common_voice(self, d, load):
        clips(d, "clips/{word}{i}")
        for subset, numbers in {"train": range(4), "dev": [4], "test": [5]}.items():
            rows = [{"client_id": f"c{i}", "path": f"{word}{i}.wav", "sentence": word}
                    for word in ("up", "down") for i in numbers]  # fmt: skip
            manifest(d, f"{subset}.tsv", rows)
        assert sizes(load(split="given")) == (8, 2, 2)

    def test_13_a_folder_of_background_noise(self, d, load):
        clips(d, "{word}/{i}", words=("up", "down", "_background_noise_"))
        found = load()
        assert (found.labels, len(found.noise)) == (("down", "up"), 6 * 400)

    def test_14_folders_of_unknown_words_and_silence(self, d, load):
        clips(d, "{word}/{i}", words=("up", "down", "_unknown_", "silence"))
        found = load()
        assert found.labels == ("down", "up")
        assert sum("other sound" in note for note in found.taken) == 2

    def test_15_several_roots(self, d, load):
        clips(d, "monday/{word}/{i}", "friday/{word}/{i}")
        assert sum(sizes(load(layout="*/word"))) == 24

    def test_16_decomposed_umlauts(self, d, load):
        clips(d, "{word}/{i}", words=(unicodedata.normalize("NFD", "für"), "up"))
        assert load(words=("für", "up")).labels == ("für", "up")

    def test_17_labels_that_differ_by_case(self, d, load):
        clips(d, "{word}/{i}", words=("up", "Up"))
        assert any("differ by case only" in note for note in load().taken)

    def test_18_speakers_that_no_name_tells(self, d, load):
        clips(d, "{word}/take-{i}")
        assert any("speakers unknown" in note for note in load().taken)
        with pytest.raises(DataError, match="speaker"):
            load(split="speaker")


class TestFormats:
    @pytest.mark.parametrize(("number", "size"), [("19", 1), ("20", 3), ("21", 4)])
    def test_19_to_21_integers_of_other_widths(self, tmp_path, number, size):
        data = wav_files.encode(SOUND[:, None], "integer", size)
        pcm = both(tmp_path / f"{number}.wav", wav_files.wav(data, form(size=size)))
        np.testing.assert_allclose(pcm, WANTED, atol=160 if size == 1 else 1)

    def test_22_floats(self, tmp_path):
        for size in (4, 8):
            content = wav_files.wav(
                wav_files.encode(SOUND[:, None], "float", size), form(kind="float", size=size)
            )
            np.testing.assert_allclose(both(tmp_path / "a.wav", content), WANTED, atol=1)

    def test_23_an_extensible_header(self, tmp_path):
        data = wav_files.encode(SOUND[:, None], "integer", 3)
        content = wav_files.wav(data, form(size=3, extensible=True))
        np.testing.assert_allclose(both(tmp_path / "a.wav", content), WANTED, atol=1)

    def test_24_telephone_encodings(self, tmp_path):
        for subtype in ("ULAW", "ALAW"):
            soundfile.write(tmp_path / "a.wav", SOUND, RATE, subtype=subtype)
            pcm = both(tmp_path / "a.wav", (tmp_path / "a.wav").read_bytes())
            np.testing.assert_allclose(pcm, WANTED, atol=700)

    def test_25_files_beyond_four_gigabytes(self, tmp_path):
        data = wav_files.encode(SOUND[:, None])
        for container in ("RF64", "W64"):
            content = wav_files.wav(data, form(), container=container)
            np.testing.assert_allclose(both(tmp_path / "a.wav", content), WANTED, atol=1)

    def test_26_a_recorder_that_was_killed(self, tmp_path):
        for length in (0, 0x7FFFF000, 0xFFFFFFFF):
            content = wav_files.wav(wav_files.encode(SOUND[:, None]), form(), length=length)
            np.testing.assert_allclose(both(tmp_path / "a.wav", content), WANTED, atol=1)

    def test_27_odd_chunks_with_and_without_a_pad_byte(self, tmp_path):
        for pad in (True, False):
            content = wav_files.wav(
                wav_files.encode(SOUND[:, None]), form(), before=[(b"LIST", b"odd")], pad=pad
            )
            np.testing.assert_allclose(both(tmp_path / "a.wav", content), WANTED, atol=1)

    def test_28_metadata_behind_the_sound(self, tmp_path, model):
        noise = np.random.default_rng(0).bytes(40_000)
        pcm = tones((1.0, "low"), seconds=3)
        path = as_file(tmp_path / "a.wav", pcm, after=[(b"_PMX", noise)])
        assert len(both(path, path.read_bytes())) == len(pcm)
        assert heard(model, path) == ["low"]

    def test_29_stereo_wired_in_reverse(self, tmp_path):
        data = wav_files.encode(np.stack([SOUND, -SOUND], axis=1))
        content = wav_files.wav(data, form(channels=2))
        with pytest.raises(DataError, match=r"cancel each other.*--channel 1"):
            both(tmp_path / "a.wav", content)
        np.testing.assert_allclose(both(tmp_path / "a.wav", content, channel=1), WANTED, atol=1)

    def test_30_an_array_of_microphones(self, tmp_path):
        data = wav_files.encode(np.stack([SOUND] * 4, axis=1))
        content = wav_files.wav(data, form(channels=4))
        with pytest.raises(DataError, match=r"4 channels.*choose one of them, 1 to 4"):
            both(tmp_path / "a.wav", content)
        np.testing.assert_allclose(both(tmp_path / "a.wav", content, channel=3), WANTED, atol=1)

    def test_31_mp3_opus_flac_and_aiff(self, tmp_path):
        tone = 0.5 * np.sin(np.arange(4000) * 2 * np.pi * 440 / RATE)
        kinds = [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")]
        for kind, subtype in kinds:
            path = tmp_path / f"a.{kind.lower()}"
            soundfile.write(path, tone, RATE, format=kind, subtype=subtype)
            pcm = decode_clip(path, rate_hz=RATE).pcm
            assert abs(np.abs(np.fft.rfft(pcm[800:3200])).argmax() * RATE / 2400 - 440) < 4

    def test_32_m4a_and_webm_name_the_command_that_converts(self, tmp_path):
        path = tmp_path / "a.wav"
        for start in (b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3"):
            path.write_bytes(start + bytes(99))
            with pytest.raises(DataError, match=r"ffmpeg -i .*a\.wav -ac 1"):
                decode_clip(path, rate_hz=RATE)

    def test_33_other_containers_are_never_played_as_samples(self, tmp_path, model):
        path = tmp_path / "a.au"
        soundfile.write(path, SOUND, RATE, format="AU", subtype="PCM_16")
        assert len(decode_clip(path, rate_hz=RATE).pcm) == len(SOUND)
        for name in ("a.au", "a.raw"):
            (tmp_path / name).write_bytes(path.read_bytes())
            with pytest.raises(DataError, match="this is AU, but listening needs WAV"):
                heard(model, tmp_path / name)

    def test_34_half_the_clips_in_another_format(self, d, load):
        clips(d, "{word}/{i}", number=4)
        for i in range(4):
            clip(d / "up" / f"m{i}.flac", fmt=("FLAC", "PCM_16"))
            (d / "down" / f"m{i}.webm").write_bytes(b"x")
        found = load()
        assert sum(sizes(found)) == 12
        assert found.unused == {".webm is not read": {"down": 4}}
        assert any("lose unequal shares" in text for text in audit_speech(found).warnings)

    def test_35_a_few_damaged_files_among_many(self, d, load):
        clips(d, "{word}/{i}", number=24)
        (d / "up" / "empty.wav").write_bytes(b"")
        path = d / "down" / "broken.flac"
        clip(path, samples=20_000, fmt=("FLAC", "PCM_16"))
        path.write_bytes(path.read_bytes()[:9000])
        found = load()
        assert sorted(file.path.name for file in found.damaged) == ["broken.flac", "empty.wav"]
        with pytest.raises(DataError, match="2 of 50 audio files"):
            load(damaged_percent=1)


class TestLengthAndPlace:
    def test_36_long_clips_are_counted_and_cropped_where_the_recipe_says(self, d, load):
        rng = np.random.default_rng(0)
        for word, i in itertools.product(("up", "down"), range(6)):
            pcm = rng.normal(0, 20, 2000)
            pcm[1500:1700] += rng.normal(0, 3000, 200)
            (d / word).mkdir(parents=True, exist_ok=True)
            as_file(d / word / f"{i}.wav", pcm)
        found = audit_speech(load())
        assert sum(found.long.values()) == 12
        assert any("cropping takes the loudest part" in text for text in found.warnings)
        assert not any("loudest part" in t for t in audit_speech(load(crop="loudest")).warnings)

    def test_37_words_in_a_long_recording_are_found_and_cut(self, tmp_path):
        starts = [0.5, 2.0, 4.0]
        path = as_file(
            tmp_path / "long.wav", tones(*((start, "low") for start in starts), seconds=6)
        )
        table = tmp_path / "cuts.csv"
        assert motefit.list_cuts([path], table, words=["up"]) == 3
        assert dict(motefit.cut(table, tmp_path / "words").clips) == {"up": 3}

    def test_38_a_word_late_in_a_long_file(self, tmp_path, model):
        path = as_file(tmp_path / "a.wav", tones((2.25, "high"), seconds=3))
        ((_, found),) = motefit.classify_files(model, [path])
        assert found.label == "high"
        assert (found.length_s, found.start_s) == (3.0, pytest.approx(1.95, abs=0.2))

    def test_39_clicks_are_no_word(self, tmp_path, model):
        sound = np.random.default_rng(0).normal(0, 30, 10 * RATE)
        for place in range(19):
            at = RATE // 2 * (place + 1)
            sound[at : at + 40] += 9000 * np.hanning(40)
        assert heard(model, as_file(tmp_path / "a.wav", sound)) == []


class TestMicrophones:
    def test_40_a_microphone_that_is_muted_or_far_too_quiet(self):
        watch, second = InputWatch(), np.zeros(RATE, np.int16)
        assert [watch.usable(second, RATE) for _ in range(3)] == [True, False, False]
        assert "muted" in watch.news()
        watch = InputWatch()
        second[::2] = 5
        assert [watch.usable(second, RATE) for _ in range(12)] == [True] * 9 + [False] * 3
        assert "far too quiet" in watch.news()

    def test_41_a_device_that_arecord_refuses(self):
        for said, remedy in {
            "Device or resource busy": "fuser",
            "Sample format non available": "S32_LE",
            "Channels count non available": "--channel 1",
            "audio open error: No such file or directory": "arecord -l",
        }.items():
            assert remedy in advice(said, formats={"S16_LE": 0, "S32_LE": 0})

    def test_42_the_program_that_feeds_the_pipe_ends(self, tmp_path, model):
        (tmp_path / "a.pcm").write_bytes(b"")
        with pytest.raises(DataError, match=r"is the program that feeds it running\?"):
            heard(model, tmp_path / "a.pcm")
