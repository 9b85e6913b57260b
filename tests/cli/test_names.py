"""Names instead of paths: shipped models, near misses, shell completion; and readers that leave."""

import json
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import motefit
from motefit.cli import main
from motefit.cli.app import MEANT, PANELS, command_names
from motefit.cli.completion import complete_model, complete_recipe, complete_run
from motefit.data.synth.sound import write_wav
from motefit.runtime import load_bundle


def test_the_zoo_shows_what_the_cards_say(invoke):
    rows = {row["name"]: row for row in json.loads(invoke("zoo", "--json").stdout)}
    assert set(rows) == set(motefit.model_names())
    printed = {line.split()[0]: line for line in invoke("zoo").stdout.splitlines() if line}
    for name, row in rows.items():
        assert row["facts"] == dict(load_bundle(row["path"]).card.facts)
        assert f"{row['facts']['size.zip_bytes']:,.0f}".replace(",", " ") in printed[name]
        assert ("met" if row["met"] else "missed") in printed[name]
        quality = [v for k, v in row["facts"].items() if k.startswith("mae.")]
        for value in quality or [100 * row["facts"]["accuracy"]]:
            assert (f"{value:.4g}" if quality else f"{value:.2f} %") in printed[name]


def test_a_shipped_model_hears_a_clip(invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "up-down").mkdir()  # a folder of that name is no model
    write_wav(tmp_path / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    (heard,) = json.loads(invoke("kws", "up-down", "clip.wav", "--json").stdout)
    assert (heard["label"] in {"up", "down"}, heard["rejected"]) == (True, True)
    assert invoke("kws", "up-down", "clip.wav").stdout.startswith(f"no word ({heard['label']} ")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("train", "up-down"), "did you mean fit?"),
        (("predict", "clip.wav"), "did you mean kws or forecast?"),
        (("test", "up-down"), "did you mean check?"),
        (("fitt", "up-down"), "did you mean 'fit'?"),
        (("kws", "up-donw", "clip.wav"), "did you mean 'up-down'?"),
        (("inspect", "climate-7.zip"), "did you mean 'climate-9'?"),
        (("fit", "quikstart"), "did you mean 'quickstart'?"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_a_near_miss_is_recognized(refused, arguments, meant):
    assert meant in refused(*arguments)


def test_a_word_that_is_near_nothing_gets_no_guess(refused):
    assert "did you mean" not in refused("xyzzy")


def test_groups_and_suggestions_name_commands():
    named = [name for names in PANELS.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) <= set(command_names())
    for meant in MEANT.values():
        for name in meant.split(" or "):
            assert name.split()[0].removeprefix("--") in {*command_names(), "help", "version"}
    assert not set(MEANT) & set(command_names())


@given(start=st.sampled_from(["", "c", "climate-6", "up", "x", "./", "runs/", "no/such/"]))
def test_completions_begin_with_what_was_typed(start):
    for complete in (complete_model, complete_recipe, complete_run):
        assert all(found.startswith(start) for found in complete(start))


def test_completion_knows_names_files_and_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "recipe.toml").touch()
    (tmp_path / "upper.zip").touch()
    assert complete_model("up") == ["up-down", "up-down-live", "up-stop", "upper.zip"]
    assert "quickstart" in complete_recipe("")
    assert complete_recipe("runs/mine/") == ["runs/mine/recipe.toml"]
    assert complete_run("") == ["runs/mine"]
    assert complete_run("ru") == ["runs/"]


@pytest.fixture
def unread(command, environment, tmp_path):
    """Run the command line with nobody to read its output."""

    def run(*arguments):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*command, *map(str, arguments)], cwd=tmp_path, env=environment,
            stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        os.close(writer)
        return done

    return run


@pytest.mark.parametrize("arguments", [["--help"], ["zoo", "--json"], ["kws", "up-down", "a.wav"]])
def test_a_reader_that_leaves_is_no_error(unread, tmp_path, arguments):
    write_wav(tmp_path / "a.wav", np.zeros(16_000, np.int16), 16_000)
    done = unread(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_verdict_survives_a_reader_that_leaves(unread, tones):
    (tones / "low" / "empty.wav").touch()
    done = unread("data", "audit", tones)
    (said,) = done.stderr.splitlines()  # the warning, and nothing of the reader
    assert (done.returncode, "1 of 33 audio files are damaged" in said) == (1, True)


@pytest.mark.parametrize(
    ("streams", "arguments", "said"),
    [
        ("<&- >&-", ("listen", "up-down", "--input", "-"), "ended without a sample"),
        (">/dev/full", ("zoo", "--json"), "cannot write what is printed: No space left"),
    ],
)
def test_standard_streams_may_be_closed_or_full(command, environment, streams, arguments, said):
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *command, *arguments],
        env=environment, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert said in done.stderr


class Interrupted(ModuleType):
    """The application's module while Ctrl-C interrupts its import."""

    def __getattr__(self, name):
        raise KeyboardInterrupt


def test_ctrl_c_while_it_starts_is_no_traceback(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "motefit.cli.app", Interrupted("motefit.cli.app"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (130, "error: interrupted\n")
