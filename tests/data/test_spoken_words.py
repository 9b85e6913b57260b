"""Spoken words from espeak-ng: what is written, that it repeats, and what is refused."""

import hashlib
import os
import re
import resource
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.synth.spoken_words import (
    NEAR_WORDS,
    OTHER_SPEECH,
    SynthReport,
    synthesize_speech,
)
from motefit.data.synth.voices import ENGLISH_ACCENTS, cast
from motefit.data.synth.words import checked_words
from motefit.spec.errors import DataError, MotefitError, OutputError, RecipeError

SOURCE = Path(__file__).parents[2] / "src"


def make(  # noqa: PLR0913  # the options of synthesize_speech
    out: Path,
    words: list[str] | None = None,
    *,
    clips: int = 3,
    seed: int = 0,
    workers: int = 1,
    rate_hz: int = 16000,
    accents: tuple[str, ...] = ENGLISH_ACCENTS,
    seconds: float | None = None,
    near_words: int = 0,
    sentences: int = 0,
    add: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SynthReport:
    return synthesize_speech(
        words or ["up", "down"],
        out,
        clips_per_word=clips,
        rng=np.random.default_rng(seed),
        rate_hz=rate_hz,
        accents=accents,
        seconds=seconds,
        near_word_clips=near_words,
        sentence_clips=sentences,
        workers=workers,
        add=add,
        progress=progress,
    )


def read(path: Path) -> tuple[int, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getframerate(), samples.astype(np.float64) / 32768


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.wav")
    }


@pytest.mark.parametrize("rate_hz", [16000, 11025])
def test_layout_and_format(tmp_path: Path, rate_hz: int) -> None:
    calls: list[tuple[int, int]] = []
    report = make(
        tmp_path / "new" / "out", rate_hz=rate_hz, progress=lambda *args: calls.append(args)
    )
    out = report.folder
    assert sorted(path.name for path in out.iterdir()) == [
        "_background_noise_", "down", "synth.json", "up",
    ]  # fmt: skip
    assert (report.words, report.clips, report.reused) == (("up", "down"), 6, False)
    assert (report.noises, report.rate_hz) == (6, rate_hz)
    assert calls[-1] == (6, 6)
    clips = [path for word in ("up", "down") for path in (out / word).iterdir()]
    assert len(clips) == 6
    for path in clips:
        assert re.fullmatch(r"en[a-z0-9-]*_nohash_0\.wav", path.name)
        rate, samples = read(path)
        assert (rate, len(samples)) == (rate_hz, rate_hz)
        assert 0.05 < np.max(np.abs(samples)) < 1
    assert report.speakers == len({path.name.split("_nohash_")[0] for path in clips})
    for path in (out / "_background_noise_").iterdir():
        rate, samples = read(path)
        assert (rate, len(samples)) == (rate_hz, 10 * rate_hz)
        assert np.std(samples) == pytest.approx(0.1, rel=0.05)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.slow
def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    one = make(tmp_path / "one", ["up"], clips=70)
    two = make(tmp_path / "two", ["up"], clips=70, workers=4)
    assert hashes(one.folder) == hashes(two.folder)
    assert one.sha256 == two.sha256
    other = make(tmp_path / "other", clips=2, seed=1)
    assert not set(hashes(one.folder).values()) & set(hashes(other.folder).values())


def test_a_word_does_not_depend_on_other_words_or_more_clips(tmp_path: Path) -> None:
    few = hashes(make(tmp_path / "few", ["up"], clips=3).folder)
    many = hashes(make(tmp_path / "many", ["yes", "up"], clips=9).folder)
    assert few.items() <= many.items()


def test_clips_of_a_word_all_differ(tmp_path: Path) -> None:
    report = make(tmp_path / "out", ["go"], clips=40)
    assert len(set(hashes(report.folder / "go").values())) == 40


@pytest.mark.proof
def test_every_voice_of_the_cast_speaks_and_then_speaks_again(tmp_path: Path) -> None:
    names = {voice.name for voice in cast(ENGLISH_ACCENTS)}
    report = make(tmp_path / "out", ["seven"], clips=len(names) + 10)
    found = [path.stem.split("_nohash_") for path in (tmp_path / "out" / "seven").iterdir()]
    assert {name for name, _ in found} == names
    assert sorted(number for _, number in found) == ["0"] * len(names) + ["1"] * 10
    assert report.speakers == len(names) >= 150


def test_any_words_a_user_types(tmp_path: Path) -> None:
    words = ("hey mote", "größe", "7", "What", "don't", "o-k!", "日本")
    report = make(tmp_path / "out", [f"  {word} " for word in words], clips=2)
    assert report.words == words
    assert [len(list((tmp_path / "out" / word).iterdir())) for word in words] == [2] * 7


def test_other_languages(tmp_path: Path) -> None:
    report = make(tmp_path / "out", ["grün"], clips=2, accents=("de",))
    assert all(p.name.startswith("de-") for p in (report.folder / "grün").iterdir())
    with pytest.raises(DataError, match="no voice 'xx"):
        make(tmp_path / "x", accents=("xx",))
    with pytest.raises(DataError, match="not an espeak-ng language code"):
        make(tmp_path / "x", accents=("../de",))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([" "], "is empty"),
        (["a/b"], "a folder name cannot have"),
        (["a\\b"], "a folder name cannot have"),
        (["a\x00"], "a folder name cannot have"),
        ([".."], "starts with"),
        (["_background_noise_"], "starts with"),
        (["up", "Up"], "are the same"),
        (["u\u0308ber", "über"], "are the same"),
        (["a" * 101], "longer than 100 bytes"),
        (["777777777777777777 " * 4], "s to say"),
        (["—"], "is silent"),
    ],
)
def test_words_that_are_refused(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(tmp_path / "out", words)
    assert list(tmp_path.iterdir()) == []


def test_no_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no word"):
        synthesize_speech([], tmp_path, clips_per_word=1, rng=np.random.default_rng(0))


@given(st.text(max_size=30))
def test_accepted_words_name_a_folder_right_here(text: str) -> None:
    try:
        (word,) = checked_words([text])
    except DataError:
        return
    assert (Path("here") / word).parent == Path("here")
    assert (Path("here") / word).name == word
    assert checked_words([word]) == (word,)


@pytest.mark.parametrize(
    ("clips", "rate_hz", "workers"), [(0, 16000, 1), (1, 4000, 1), (1, 96000, 1), (1, 16000, 0)]
)
def test_numbers_out_of_range(tmp_path: Path, clips: int, rate_hz: int, workers: int) -> None:
    with pytest.raises(RecipeError, match="must be"):
        make(tmp_path / "out", clips=clips, rate_hz=rate_hz, workers=workers)


@pytest.mark.parametrize(
    ("seconds", "near_words", "message"),
    [(0.1, 0, "seconds must be"), (3.1, 0, "seconds must be"), (1.0, -1, "must not be negative")],
)
def test_lengths_and_counts_out_of_range(
    tmp_path: Path, seconds: float, near_words: int, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        synthesize_speech(
            ["up"],
            tmp_path / "out",
            clips_per_word=1,
            rng=np.random.default_rng(0),
            seconds=seconds,
            near_word_clips=near_words,
        )
    assert list(tmp_path.iterdir()) == []


def test_clips_are_as_long_as_a_phrase_takes(tmp_path: Path) -> None:
    """A phrase is not squeezed into a second, and a given length is kept."""
    phrase = "turn on the lights in the hall"
    free = make(tmp_path / "free", ["up", phrase], clips=4)
    assert 1.5 < free.seconds <= 3
    short = make(tmp_path / "short", ["up", phrase], clips=4, seconds=1.2)
    for report in (free, short):
        for path in report.folder.rglob("*_nohash_*"):
            rate, samples = read(path)
            assert len(samples) == round(report.seconds * rate)
    assert make(tmp_path / "word", ["computer"], clips=1).seconds == 1.0
    again = make(tmp_path / "free", ["up", phrase], clips=4)
    assert (again.reused, again.seconds) == (True, free.seconds)


def test_what_must_be_rejected_lies_beside_the_words(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    report = make(
        tmp_path / "out",
        ["up", "coffee"],
        clips=2,
        near_words=6,
        sentences=5,
        progress=lambda *counts: calls.append(counts),
    )
    folders = {name: list((report.folder / name).iterdir()) for name in (NEAR_WORDS, OTHER_SPEECH)}
    assert {name: len(paths) for name, paths in folders.items()} == {NEAR_WORDS: 6, OTHER_SPEECH: 5}
    assert (report.clips, report.rejects) == (4, 11)
    lengths = {name: {len(read(p)[1]) for p in paths} for name, paths in folders.items()}
    assert lengths[NEAR_WORDS] == {16000}
    assert len(lengths[OTHER_SPEECH]) > 2
    assert calls[0] == (0, 15)
    assert calls[-1] == (15, 15)
    assert calls == sorted(calls)


def test_adding_leaves_what_is_there_as_it_is(tmp_path: Path) -> None:
    """New words and clips join own recordings and an earlier synthesis; nothing else changes."""
    out = tmp_path / "out"
    (out / "up").mkdir(parents=True)
    own = {out / "up" / "anna_nohash_0.wav": b"mine", out / "notes.txt": b"also mine"}
    for path, content in own.items():
        path.write_bytes(content)
    first = make(out, ["up"], clips=2, add=True)
    assert (first.clips, first.added) == (3, 2 + first.noises)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.suffix != ".json"}
    more = make(out, ["up", "down"], clips=3, add=True)
    assert (more.clips, more.added) == (7, 4)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert {path: path.read_bytes() for path in own} == own
    assert hashes(make(tmp_path / "new", clips=3).folder).items() <= hashes(out).items()
    assert make(out, ["up", "down"], clips=3, add=True).added == 0


def test_an_addition_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, add=True, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))


def test_identical_synthesis_is_recognized_and_others_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    first = make(out)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = make(out)
    assert again.reused
    assert (again.sha256, again.speakers) == (first.sha256, first.speakers)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == stamps
    with pytest.raises(DataError, match="other settings or seed; delete it or give"):
        make(out, seed=1)
    next((out / "up").iterdir()).unlink()
    with pytest.raises(DataError, match="has changed since"):
        make(out)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="contains other data"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError):
            make(out)


def test_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            make(tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "out", clips=130, workers=2, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_espeak_stays_out_of_this_process(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\nfrom pathlib import Path\n"
        "from motefit.data.synth.spoken_words import synthesize_speech\n"
        "synthesize_speech(['up'], Path(sys.argv[1]), clips_per_word=2,"
        " rng=np.random.default_rng(0))\n"
        "assert 'espeakng_loader' not in sys.modules\n"
        "assert 'espeak' not in Path('/proc/self/maps').read_text()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "out")], check=True)


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    """A Python that finds numpy and motefit but no espeakng_loader."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for item in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / item.name).symlink_to(item)
    program = (
        "import numpy as np\nfrom pathlib import Path\n"
        "from motefit.spec.errors import MissingExtraError\n"
        "from motefit.data.synth.spoken_words import synthesize_speech\n"
        "try:\n"
        "    synthesize_speech(['up'], Path('out'), clips_per_word=1,"
        " rng=np.random.default_rng(0))\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{SOURCE}"},
    )
    assert "pip install 'motefit[synth]'" in done.stdout
    assert not (tmp_path / "out").exists()


def log_mel(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """[frames, 20] log energies in bands of equal width in mel, each clip aligned to its speech."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(512, 1 / rate_hz) / 700)
    bank = np.maximum(0, 1 - np.abs(mel[:, None] - np.linspace(150, 2700, 20)) / 134)
    log = np.log(power @ bank + 1e-6)
    loud = np.argsort(power.sum(axis=1))[-16:].min()
    log = np.roll(log, -loud, axis=0)[:24]
    return np.asarray((log - log.mean()) / log.std())


@pytest.mark.slow
def test_words_can_be_told_apart_across_speakers(tmp_path: Path) -> None:
    """Ridge regression on log-mel energies, trained on some speakers, tested on others."""
    out = make(tmp_path / "out", ["yes", "no"], clips=90).folder
    x, y, speakers = [], [], []
    for label, word in enumerate(("yes", "no")):
        for path in sorted((out / word).iterdir()):
            rate, samples = read(path)
            x.append(log_mel(samples, rate).ravel())
            y.append(2 * label - 1)
            speakers.append(path.name.split("_nohash_")[0])
    features, target = np.array(x), np.array(y)
    held_out = set(sorted(set(speakers))[::2])
    test = np.array([speaker in held_out for speaker in speakers])
    mean = features[~test].mean(axis=0)
    train = features[~test] - mean
    gram = train.T @ train + 100 * np.eye(train.shape[1])
    weights = np.linalg.solve(gram, train.T @ target[~test])
    accuracy = np.mean(np.sign((features[test] - mean) @ weights) == target[test])
    assert accuracy > 0.8
    assert np.mean(target[test] == 1) == pytest.approx(0.5, abs=0.1)


def test_all_errors_are_motefit_errors(tmp_path: Path) -> None:
    with pytest.raises(MotefitError):
        make(tmp_path, ["a/b"])
