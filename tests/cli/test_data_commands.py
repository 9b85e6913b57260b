"""``motefit data synth``, ``fetch`` and ``audit``."""

import functools
import http.server
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def test_equal_seeds_give_the_same_climate(invoke, tmp_path):
    paths = [tmp_path / f"{i}.csv" for i in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        result = invoke("data", "synth", "--climate-days", 3, "--out", path, "--seed", seed)
        assert result.exit_code == 0
    first, second, third = (path.read_bytes() for path in paths)
    assert first == second != third


@pytest.mark.slow
def test_words_are_spoken(invoke, tmp_path):
    out = tmp_path / "words"
    result = invoke("data", "synth", "--words", "up, down", "--clips", 3, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["clips"] == 6
    assert len(list((out / "up").iterdir())) == len(list((out / "down").iterdir())) == 3


def test_synth_needs_words_or_days(refused, tmp_path):
    assert "--words" in refused("data", "synth", "--out", tmp_path / "x")
    said = refused("data", "synth", "--out", tmp_path, "--words", "a,b", "--climate-days", 2)
    assert "either" in said


def test_synth_does_not_overwrite(refused, tmp_path):
    (tmp_path / "mine").write_text("mine")
    assert "contains other data" in refused("data", "synth", "--words", "a,b", "--out", tmp_path)


def test_audit_counts_speakers_and_duplicates(invoke, tones):
    first, second = sorted((tones / "low").iterdir())[:2]
    second.write_bytes(first.read_bytes())
    facts = json.loads(invoke("data", "audit", tones, "--json").stdout)
    assert facts["broken"] == []
    assert facts["duplicates_across"] + sum(facts["duplicates_within"].values()) == 1
    assert sum(sum(words.values()) for words in facts["clips"].values()) == 32
    assert re.search("repeat(ed| an earlier clip)", invoke("data", "audit", tones).stdout)


def test_audit_with_a_recipe_uses_its_split(invoke, tones, tones_recipe):
    text = tones_recipe.read_text().replace("[frontend]", 'split = "speaker"\n[frontend]')
    tones_recipe.write_text(text)
    result = invoke("data", "audit", tones, "--recipe", tones_recipe, "--json")
    assert json.loads(result.stdout)["shared_speakers"] == 0


def test_audit_of_a_series(invoke, climate_csv):
    facts = json.loads(invoke("data", "audit", climate_csv, "--json").stdout)
    assert facts["rows"] == len(climate_csv.read_text().splitlines()) - 1
    assert invoke("data", "audit", climate_csv).exit_code == 0


def test_audit_of_nothing(refused, tmp_path):
    assert "no such folder" in refused("data", "audit", tmp_path / "nothing")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address and folder of a local HTTP server."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", folder
        finally:
            running.shutdown()
            thread.join()


def test_a_wrong_archive_is_refused_and_leaves_nothing(refused, server, tmp_path):
    address, folder = server
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mini_speech_commands/up/a.wav", b"not the real thing")
    (folder / "mini.zip").write_bytes(content.getvalue())
    said = refused("data", "fetch", "mini-speech-commands", "--out", tmp_path / "data",
                   "--url", f"{address}/mini.zip")  # fmt: skip
    assert "bytes" in said
    assert not (tmp_path / "data" / "mini_speech_commands").exists()


def test_a_missing_archive_is_reported(refused, server, tmp_path):
    address, _ = server
    said = refused("data", "fetch", "jena-climate", "--out", tmp_path, "--url", f"{address}/no.zip")
    assert "404" in said


def test_fetch_of_an_unknown_name_or_address(refused, tmp_path):
    said = refused("data", "fetch", "jena", "--out", tmp_path)
    assert "jena-climate" in said
    assert refused("data", "fetch", "jena-climate", "--out", tmp_path, "--url", "ftp://x/y.zip")
