"""``motefit data cut``: words of a long recording, listed, confirmed, and written as clips."""

import csv
import json
import wave

import numpy as np
import pytest

from motefit.data.word_finder import COLUMNS, cut_clips, find_stretches
from motefit.spec.errors import DataError

RATE = 16_000


def recording(path, starts_s, *, length_s=12.0, room=20.0, seed=0):
    """Bursts of 0.4 s, as loud as speech, in a room."""
    rng = np.random.default_rng(seed)
    pcm = rng.normal(0, room, round(length_s * RATE))
    for start in starts_s:
        at = slice(round(start * RATE), round((start + 0.4) * RATE))
        pcm[at] += rng.normal(0, 3000, at.stop - at.start)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(pcm, -32768, 32767).astype("<i2").tobytes())
    return pcm


@pytest.mark.parametrize("room", [0.0, 5.0, 200.0])
def test_words_are_found_at_their_places(tmp_path, room):
    starts = [0.5, 2.0, 4.25, 7.0, 11.5]
    pcm = recording(tmp_path / "a.wav", starts, room=room)
    found = find_stretches(np.clip(pcm, -32768, 32767).astype(np.int16), RATE)
    assert [round(stretch.start_s, 1) for stretch in found] == pytest.approx(starts, abs=0.06)
    assert all(0.35 < stretch.end_s - stretch.start_s < 0.45 for stretch in found)


def test_a_list_is_checked_by_a_person_and_becomes_clips(invoke, refused, tmp_path):
    recording(tmp_path / "monday.wav", [0.1, 1.0, 5.0, 8.0])
    table = tmp_path / "cuts.csv"
    listing = ("data", "cut", tmp_path / "monday.wav", "--list", table)
    assert "4 stretches" in invoke(*listing, "--words", "up,down").stdout
    assert "it may have been edited" in refused(*listing)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["word"] for row in rows] == ["up", "down", "up", "down"]
    rows[3]["keep"] = "no"

    def edit(**change) -> None:
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows([{**rows[0], **change}, *rows[1:]])

    apply = ("data", "cut", "--apply", table, "--out", tmp_path / "words", "--speaker", "ann")
    for change, said in (
        ({"word": ""}, "line 2: write the word that is said"),
        ({"keep": "perhaps"}, "line 2: keep must be yes or no, got 'perhaps'"),
        ({"start_s": "9"}, "line 2: start_s and end_s must be seconds"),
        ({"recording": str(tmp_path / "gone.wav")}, "there is no such file"),
    ):
        edit(**change)
        assert said in refused(*apply)
    edit()
    made = json.loads(invoke(*apply, "--json").stdout)
    assert (made["clips"], made["longer"]) == ({"down": 1, "up": 2}, 0)
    clips = sorted(
        path.relative_to(tmp_path / "words") for path in (tmp_path / "words").rglob("*.*")
    )
    assert list(map(str, clips)) == [
        "down/ann_nohash_0.wav", "up/ann_nohash_0.wav", "up/ann_nohash_1.wav",
    ]  # fmt: skip
    with wave.open(str(tmp_path / "words" / "up" / "ann_nohash_1.wav")) as file:
        assert file.getnframes() == pytest.approx(RATE, abs=RATE // 50)
        pcm = np.frombuffer(file.readframes(RATE), "<i2")
    loud = np.flatnonzero(np.abs(pcm) > 1000)
    assert abs(loud.mean() - len(pcm) / 2) < 0.03 * RATE
    with wave.open(str(tmp_path / "words" / "up" / "ann_nohash_0.wav")) as file:
        assert file.getnframes() < 0.9 * RATE  # it does not reach into the next word
    assert "exists; choose another folder" in refused(*apply)


@pytest.mark.parametrize(
    "options", [("a.wav",), ("--apply", "a.csv"), ("a.wav", "--list", "b.csv", "--apply", "c.csv")]
)
def test_cut_needs_both_ends(refused, options):
    assert "give either recordings and --list" in refused("data", "cut", *options)


def test_silence_has_no_words(refused, tmp_path):
    recording(tmp_path / "a.wav", [])
    said = refused("data", "cut", tmp_path / "a.wav", "--list", tmp_path / "b.csv")
    assert "louder than the room" in said


def listed(tmp_path, *rows, mark=","):
    """Write a list of rows of one recording of 12 s, and return it."""
    recording(tmp_path / "a.wav", [1.0])
    table = [COLUMNS, *((tmp_path / "a.wav", *row) for row in rows)]
    text = "".join(mark.join(map(str, row)) + "\n" for row in table)
    (tmp_path / "cuts.csv").write_text(text, encoding="cp1252")
    return tmp_path / "cuts.csv"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(100, 101, -20, "up", "yes")], "line 2: ends at 101 s, but .*a.wav has 12.00 s"),
        ([(1, 3, 0, "up", "yes"), (1.5, 2, 0, "up", "yes")], "line 3: starts at 1.5 s, before the"),
    ],
)
def test_rows_that_no_sound_is_at_are_refused(tmp_path, rows, said):
    with pytest.raises(DataError, match=said):
        cut_clips(listed(tmp_path, *rows), tmp_path / "words")
    assert not (tmp_path / "words").exists()


def test_a_list_may_come_back_from_a_spreadsheet(tmp_path):
    table = listed(tmp_path, ("1,0", "1,4", "-20,5", "für", "yes"), mark=";")
    assert cut_clips(table, tmp_path / "words").clips == {"für": 1}
