"""Reports on words, subsets and speakers, and layouts that the command line refuses to guess."""

import json
import re
import shutil

import numpy as np
import pytest
import soundfile

from motefit.runtime import load_bundle


def write_wav(path, pcm, *, rate_hz=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, pcm, rate_hz)


def sound(seed):
    return np.random.default_rng(seed).integers(-9000, 9000, 800, dtype=np.int16)


def test_the_audit_reports_the_words_used_and_how_each_was_recorded(invoke, tones):
    (tones / "low" / "x.m4a").write_bytes(b"x")
    lines = invoke("data", "audit", tones).stdout.splitlines()
    assert "note: words: high, low (folder names)" in lines
    assert "note: speakers: from the file names, 16" in lines
    assert any(re.match(r"note: split: drawn clip by clip.*: train 2\d,", line) for line in lines)
    assert "note: audio files not used: 1 (1 .m4a is not read)" in lines
    (titles,) = [re.split("  +", line.strip()) for line in lines if line.startswith("word ")]
    (low,) = [re.split("  +", line.strip()) for line in lines if line.startswith("low ")]
    facts = dict(zip(titles, low, strict=True))
    assert sum(int(facts[part]) for part in ("train", "validation", "test")) == 16
    assert (facts["length s"], facts["not used"]) == ("1.00", "1")
    assert "all clips: 8000 Hz, 1 channel, WAV PCM_16" in lines
    warnings = [line for line in lines if line.startswith("warning: ")]
    shares = "high 0 of 16 (0 %); low 1 of 17 (6 %)"
    assert warnings == [f"warning: words lose unequal shares of their audio files: {shares}"]


def test_a_damaged_file_is_no_clip_whose_speaker_is_unknown(invoke, tones):
    damaged = tones / "low" / "x.mp3"
    damaged.write_bytes(b"x")
    lines = invoke("data", "audit", tones).stdout.splitlines()
    assert any(line.startswith(f"broken {damaged}: not a readable MP3 file") for line in lines)
    assert "note: speakers: from the file names, 16" in lines
    assert "note: audio files not used: 1 (1 damaged)" in lines


def test_two_folders_of_one_word_at_two_rates_cause_a_warning(invoke, tmp_path):
    for i in range(20):
        write_wav(tmp_path / "d" / "a" / f"s{i}_nohash_0.wav", sound(i), rate_hz=8000)
        write_wav(tmp_path / "d" / "b" / f"s{i}_nohash_0.wav", sound(i + 50), rate_hz=16_000)
    found = json.loads(invoke("data", "audit", tmp_path / "d", "--json").stdout)
    assert found["words"]["a"]["rates_hz"] == {"8000": 20}
    assert any("native sampling rate" in text for text in found["warnings"])
    assert any("bandwidth" in text for text in found["warnings"])


@pytest.mark.parametrize("command", ["audit", "fit"])
def test_an_ambiguous_layout_is_refused(refused, tmp_path, tones_recipe, command):
    recipe = tones_recipe.read_text().replace('words = ["low", "high"]\n', "")
    tones_recipe.write_text(recipe)
    for part in ("training", "testing"):
        for i in range(4):
            write_wav(tmp_path / "d" / part / f"low.{i}.wav", sound(i))
            write_wav(tmp_path / "d" / part / f"high.{i}.wav", sound(i + 9))
    arguments = {
        "audit": ("data", "audit", tmp_path / "d", "--recipe", tones_recipe),
        "fit": ("fit", tones_recipe, "--data", tmp_path / "d", "--out", tmp_path / "run"),
    }
    said = refused(*arguments[command])
    assert "testing, training each look like part of a split" in said
    assert "high, low, as Edge Impulse exports them" in said


def unnamed(tones, folder):
    """The same clips under names without speakers."""
    for word in ("low", "high"):
        for i, path in enumerate(sorted((tones / word).iterdir())):
            (folder / word).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / word / f"{word}-p{i % 5}-{i}.wav")
    return folder


def test_a_split_by_speakers_needs_their_names(invoke, refused, tones, tones_recipe, tmp_path):
    data = unnamed(tones, tmp_path / "unnamed")
    text = tones_recipe.read_text().replace("[frontend]", 'split = "speaker"\n[frontend]')
    tones_recipe.write_text(text)
    audit = ("data", "audit", data, "--recipe", tones_recipe)
    said = refused(*audit)
    assert "speakers are unknown for 32 of 32 clips: high/high-p0-0" in said
    assert "[data] speaker" in said
    tones_recipe.write_text(text.replace("[frontend]", "speaker = '-(p[0-9])-'\n[frontend]"))
    found = json.loads(invoke(*audit, "--json").stdout)
    assert (found["unknown_speakers"], found["shared_speakers"]) == (0, 0)
    assert "speakers: by speaker = '-(p[0-9])-', 5" in found["notes"]
    tones_recipe.write_text(text.replace("[frontend]", "speaker = '('\n[frontend]"))
    assert "not a regular expression" in refused(*audit)


def test_fit_reports_the_data_used_and_the_accuracy_for_new_speakers(tones_run, invoke, tmp_path):
    evidence = load_bundle(tones_run.bundle).card.evidence
    unseen = evidence["accuracy"]["unseen_speakers"]
    clips, data = evidence["accuracy"]["n"], evidence["data"]
    assert unseen["n"] == clips - data["test_clips_shared"]
    assert "speakers: from the file names, 16" in data["notes"]
    assert data["unknown_speakers"] == 0
    assert data["words"]["low"]["encodings"] == {"WAV PCM_16": 16}
    out = tmp_path / "check"
    again = invoke("check", tones_run.bundle, "--data", tones_run.data, "--out", out)
    start = "accuracy on speakers who are not in training: "
    (line,) = [text for text in again.stdout.splitlines() if text.startswith(start)]
    if unseen["n"]:
        assert f"{unseen['correct']} of {unseen['n']} test clips; 95 % interval " in line
    else:
        assert line == f"{start}none of the {clips} test clips"
    assert "data: words: high, low (folder names)" in again.stdout
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "On speakers who are not in training: " in page
    assert "How the clips of each word were recorded" in page


def test_unknown_speakers_are_unknown_in_terminal_certificate_and_report(
    tones_run, invoke, tmp_path
):
    data, out = unnamed(tones_run.data, tmp_path / "unnamed"), tmp_path / "check"
    result = invoke("check", tones_run.bundle, "--data", data, "--out", out)
    assert "accuracy on speakers who are not in training: speakers unknown" in result.stdout
    assert "data: speakers unknown for 32 of 32 clips" in result.stdout
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["data"]["unknown_speakers"] == 32
    assert "shared_speakers" not in certificate["data"]
    assert "unseen_speakers" not in certificate["accuracy"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "On speakers who are not in training: speakers unknown." in page
