"""``motefit data record``: a player that follows the prompts, good and bad takes, interruptions."""

import json
import os
import re
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

import motefit
from motefit.data.takes import assess_take
from motefit.spec.errors import DataError, RecipeError

RATE = 8000
SECONDS = 0.5
RNG = np.random.default_rng(0)
PROMPT = re.compile(r"^(\w+) \(\d+ of \d+\): (in \d|now!)")


def room(seconds: float, *, level: float = 10.0) -> np.ndarray:
    return RNG.normal(0, level, round(seconds * RATE))


def spoken(*, at=(0.6,), length=0.3, level=6000.0, noise=10.0) -> np.ndarray:
    """A take in which something is said at some times."""
    sound = room(SECONDS + 1, level=noise)
    for start in at:
        part = slice(round(start * RATE), round((start + length) * RATE))
        sound[part] += RNG.normal(0, level / 2, len(sound[part]))
    return np.clip(sound, -32768, 32767).astype(np.int16)


BAD = {
    "no sound at all": np.zeros(round((SECONDS + 1) * RATE), np.int16),
    "samples are clipped": spoken(level=60_000),
    "no word was heard": spoken(at=()),
    "2 sounds were heard": spoken(at=(0.2, 0.9)),
    "the word is cut off": spoken(at=(1.3,)),
    "0.8 s long, but a clip has 0.5 s": spoken(at=(0.3,), length=0.8),
    "too quiet": spoken(level=100, noise=1),
    "louder than the room": spoken(level=6000, noise=800),
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_take_is_refused_by_name(said):
    take = assess_take(BAD[said], RATE, seconds=SECONDS)
    assert said in take.problem
    assert not len(take.clip)


@pytest.mark.parametrize("at", [0.1, 0.6, 1.1])
def test_a_good_take_is_trimmed_to_its_word(at):
    take = assess_take(spoken(at=(at,)), RATE, seconds=SECONDS)
    assert take.problem == ""
    assert len(take.clip) == SECONDS * RATE
    loud = np.flatnonzero(np.abs(take.clip) > 500) / RATE
    assert loud.max() - loud.min() == pytest.approx(0.3, abs=0.02)
    if at == 0.6:
        assert loud.mean() == pytest.approx(SECONDS / 2, abs=0.03)


class Player:
    """Plays a session into a named pipe, as the prompts ask for it."""

    def __init__(self, path: Path, bad: dict[int, str]) -> None:
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR)
        self._bad, self.takes, self.lines = bad, 0, []

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        asked = PROMPT.match(line)
        if asked and asked[2] == "now!":
            sound = BAD[self._bad[self.takes]] if self.takes in self._bad else spoken()
            self.takes += 1
            os.write(self._pipe, sound.astype("<i2").tobytes())
        elif asked:
            os.write(self._pipe, room(1.0).astype("<i2").tobytes())

    def close(self) -> None:
        os.close(self._pipe)


@pytest.fixture
def player(tmp_path):
    made = []

    def start(**bad: str) -> Player:
        made.append(Player(tmp_path / f"fifo{len(made)}", {int(k[1:]): v for k, v in bad.items()}))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_session_asks_again_for_bad_takes_and_continues(player, tmp_path):
    out = tmp_path / "words"

    def record(tell, clips, **options):
        return motefit.record(
            ["up", "down"], out, source=str(tmp_path / "fifo0"), rate_hz=RATE, seconds=SECONDS,
            clips=clips, countdown=1, tell=tell, **options,
        )  # fmt: skip

    play = player(_1="2 sounds were heard", _4="samples are clipped", _5="no word was heard")
    report = record(play, 3, speaker="ann")
    assert (dict(report.clips), report.recorded) == ({"up": 3, "down": 3}, 6)
    assert (report.repeated, report.missing) == (3, 0)
    asked = [PROMPT.match(line)[1] for line in play.lines if "now!" in line]
    assert asked == ["up", "down", "down", "up", "down", "down", "down", "up", "down"]
    assert sum("try again: " in line for line in play.lines) == 3
    assert sorted(path.name for path in (out / "up").iterdir()) == [
        f"ann_nohash_{i}.wav" for i in range(3)
    ]
    with wave.open(str(out / "up" / "ann_nohash_0.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, SECONDS * RATE)
    (out / "down" / "ann_nohash_1.wav").unlink()
    before = len(play.lines)
    again = record(play, 4, speaker="ann")
    assert (again.recorded, dict(again.clips)) == (3, {"up": 4, "down": 4})
    assert [PROMPT.match(t)[1] for t in play.lines[before:] if "now!" in t] == [
        "down", "up", "down",
    ]  # fmt: skip
    assert record(play, 4, speaker="ann").recorded == 0
    found = motefit.audit(out, progress="quiet")
    assert not found.broken
    assert sum(counts["up"] for counts in found.facts["clips"].values()) == 4


def test_one_bad_take_after_the_other_ends_with_advice(player, tmp_path):
    play = player(**{f"_{i}": "too quiet" for i in range(3)})
    with pytest.raises(DataError, match=r"3 takes of up .*too quiet.*listen --check"):
        motefit.record(
            ["up"], tmp_path / "words", source=str(tmp_path / "fifo0"), rate_hz=RATE,
            seconds=SECONDS, countdown=0, attempts=3, tell=play,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}), (["up", "up"], {}), (["a/b"], {}), ([".x"], {}), (["_noise_"], {}),
        (["up"], {"speaker": "a/b"}), (["up"], {"seconds": 0}),
    ],
)  # fmt: skip
def test_what_cannot_be_a_folder_is_refused(tmp_path, words, options):
    with pytest.raises(RecipeError):
        motefit.record(words, tmp_path, source="-", **options)


def test_the_command_reads_a_pipe_and_says_what_is_missing(invoke, tmp_path):
    """A recorded session: whatever is played is asked for in turn."""
    takes = [sound for _ in range(3) for sound in (room(1.0), spoken())]
    tape = tmp_path / "session.pcm"
    tape.write_bytes(np.concatenate(takes).astype("<i2").tobytes())
    command = ("data", "record", "--words", "up,down", "--out", tmp_path / "words", "--input",
               tape, "--rate", RATE, "--seconds", SECONDS, "--countdown", 1)  # fmt: skip
    ended = invoke(*command, "--clips", 2, "--json")
    assert ended.exit_code == 1
    made = json.loads(ended.stdout)
    assert (made["clips"], made["missing"]) == ({"down": 1, "up": 2}, 1)
    assert "up (1 of 4): now!" in ended.stderr
    done = invoke(*command, "--clips", 2)
    assert done.exit_code == 0
    assert "2 of up, 2 of down" in done.stdout
    assert "motefit fit custom --words up,down" in done.stdout


RECIPE = """
task = "keyword-spotting"
[data]
words = ["lamp", "coffee"]
[frontend]
rate_hz = 8000
frame_length = 256
frame_step = 256
mel_bins = 20
lower_hz = 100
upper_hz = 3800
coefficients = 0
[model]
family = "dscnn"
width = 8
blocks = 1
[train]
epochs = 30
batch_size = 8
learning_rate = 0.02
[budget]
accuracy = ">= 75 %"
size.tflite_bytes = "< 10 KB"
[search]
repeats = 1
"""


@pytest.mark.proof
def test_two_new_words_from_pipes_to_a_certified_model(command, environment, tmp_path):
    """Synthetic voices sit at the microphone: prompts are followed, then a long recording is cut
    into more clips, and a model of both is trained and certified."""
    said, rate_hz = tmp_path / "said", 16_000
    motefit.synthesize(said, words=["lamp", "coffee"], clips=40, rate_hz=rate_hz, progress="quiet")
    voices = {word: sorted((said / word).glob("*.wav")) for word in ("lamp", "coffee")}

    def sound(path: Path) -> bytes:
        with wave.open(str(path)) as file:
            pcm = np.frombuffer(file.readframes(-1), "<i2").astype(float)
        quiet = RNG.normal(0, 5, rate_hz // 2)
        pcm *= 8000 / max(np.abs(pcm).max(), 1)
        return np.concatenate((quiet, pcm, quiet)).astype("<i2").tobytes()

    words = tmp_path / "words"
    with subprocess.Popen(
        [*command, "data", "record", "--words", "lamp,coffee", "--clips", "20", "--speaker", "ann",
         "--out", str(words), "--input", "-", "--countdown", "1", "--attempts", "40"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as recording:  # fmt: skip
        for line in recording.stderr:
            asked = PROMPT.match(line.decode())
            if asked:
                now = asked[2] == "now!"
                recording.stdin.write(sound(voices[asked[1]].pop()) if now else bytes(2 * rate_hz))
                recording.stdin.flush()
        recording.stdin.close()
        assert recording.wait(600) == 0, recording.stdout.read()

    tape = tmp_path / "long.wav"
    rest = [path for pair in zip(voices["lamp"], voices["coffee"], strict=False) for path in pair]
    with wave.open(str(tape), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(b"".join(map(sound, rest)))

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [*command, *map(str, arguments)], env=environment, capture_output=True, text=True,
            timeout=1200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    cuts = tmp_path / "cuts.csv"
    run("data", "cut", tape, "--list", cuts, "--words", "lamp,coffee")
    run("data", "cut", "--apply", cuts, "--out", words, "--speaker", "tape")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE)
    printed = run("fit", recipe, "--data", words, "--out", tmp_path / "run", "--workers", 1)
    assert "pass" in printed
