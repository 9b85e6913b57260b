"""A command that refuses its input leaves nothing behind, whichever output it would have made."""

import pytest

BUDGET = '[budget]\nsize.tflite_bytes = "< 10 lightyears"\n'
IMPOSSIBLE = '[budget]\nsize.tflite_bytes = "< 100 B"\n'
MISTAKES = {
    "fit": [
        "fit up-down --data nowhere --out new/run",
        "fit up-down --data empty --out new/run",
        "fit up-down --data noise --out new/run",
        "fit climate-6 --data bad.csv --out new/run",
        "fit climate-6 --data bad.csv",
        "fit bad.toml --out new/run",
        "fit budget.toml --out new/run",
        "fit no-such-recipe --out new/run",
        "fit up-down --engine none --data empty --out new/run",
        "fit up-down --profile bad.csv --data empty --out new/run",
        "fit up-down --words one --out new/run",
        "fit --resume new/run",
    ],
    "check": [
        "check up-down --data nowhere --out new/check",
        "check up-down --data empty --out new/check",
        "check climate-6 --data bad.csv --out new/check",
        "check bad.csv --data empty --out new/check",
        "check up-down --data empty --recipe bad.toml --out new/check",
        "check up-down --data empty",
    ],
    "codegen": ["codegen bad.csv --out new/c", "codegen no-such-model --out new/c"],
    "export": ["export bad.csv --frontend in-graph --out new/x.zip",
               "export climate-6 --frontend in-graph --out new/x.zip"],
    "shrink": ["shrink bad.csv --out new/x.tflite"],
    "bench": ["bench bad.csv --profile new/p.json", "bench no-such-model --profile new/p.json"],
    "data synth": [
        "data synth --words a/b,c --out new/words",
        "data synth --words up,down --clips 1 --accents xx --out new/words",
    ],
    "data cut": ["data cut bad.csv --list new/cuts.csv --words up,down",
                 "data cut --apply bad.csv --out new/words"],
    "data fetch": ["data fetch no-such-set --out new/data"],
    "forecast": ["forecast climate-6 bad.csv"],
    "monitor": ["monitor --sensor none --sink sqlite:new/r.db --outbox new/o.db",
                "monitor --sensor room --sink none:x --outbox new/o.db",
                "monitor --sensor csv:nowhere.csv --sink sqlite:new/r.db --outbox new/o.db",
                "monitor --model no-such-model --sink sqlite:new/r.db --outbox new/o.db"],
    "readings": ["readings sqlite:new/r.db"],
    "reproduce": ["reproduce --data nowhere --out new", "reproduce --only none --data empty"],
    "study": ["study export empty --out new/s.csv", "study show new/run"],
}  # fmt: skip
"""Commands, without the program's name, each with one mistake; a line is split at spaces."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Fill a folder with inputs that cannot be used, and go there."""
    (tmp_path / "empty").mkdir()
    for word in ("up", "down"):
        folder = tmp_path / "noise" / word
        folder.mkdir(parents=True)
        (folder / "clip.wav").write_bytes(b"no sound")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "bad.toml").write_text("task = 'juggling'\n", encoding="utf-8")
    (tmp_path / "budget.toml").write_text(
        f'task = "forecasting"\n[model]\nfamily = "linear"\n{BUDGET}', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder):
    return {str(path): path.stat().st_size for path in folder.rglob("*")}


@pytest.mark.parametrize("line", [line for lines in MISTAKES.values() for line in lines])
def test_a_refusal_leaves_no_folder(here, refused, line):
    before = tree(here)
    assert refused(*line.split())
    assert tree(here) == before


def test_a_run_that_nothing_fits_leaves_no_folder(here, invoke, climate_csv):
    recipe = f'task = "forecasting"\n[model]\nfamily = "linear"\n{IMPOSSIBLE}'
    (here / "small.toml").write_text(recipe, encoding="utf-8")
    before = tree(here)
    done = invoke("fit", "small.toml", "--data", climate_csv, "--out", "new/run")
    assert done.exit_code == 1
    assert "no candidate can meet the budget" in done.stdout
    assert tree(here) == before
