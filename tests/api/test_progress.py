"""Progress displays of a run."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from motefit.api import progress_display
from motefit.api.board import Board, seconds_left
from motefit.api.board import TrainingProgress as Row
from motefit.api.progress_display import LiveTable, ProgressName, Shown, open_progress
from motefit.search.progress import InTraining
from motefit.search.rounds import Proposal
from motefit.search.trial import Trial
from motefit.spec.budget import Bound, Budget
from motefit.spec.recipe import Recipe

ENTRIES = (
    Proposal(point={"seed": 0}, facts={"macs": 1.0}),
    Proposal(
        point={"seed": 1}, violations={"size.tflite_bytes": 0.5, "macs": 1.0}, reason="too large"
    ),
    Proposal(point={"seed": 2}, violations={"size.tflite_bytes": 0.1}, reason="too large"),
    Proposal(point={"seed": 3}, left_out=True),
)
BUDGET = Budget(
    bounds=(
        Bound(metric="accuracy", relation=">", limit=0.9),
        Bound(metric="size.tflite_bytes", relation="<", limit=5000.0),
    ),
    objective="accuracy",
)
SCREENED = (
    "screened: 1 to train, 2 rejected before training (size.tflite_bytes 2, macs 1), "
    "1 left out by max_candidates"
)
TRIAL = Trial(round=0, index=0, point={}, key="k", status="diverged", reason="the loss became nan")


def history(folder: Path, name: str, done: int, *, seconds: float = 2.0) -> InTraining:
    path = folder / name
    row = {"epoch": done - 1, "epochs": 10, "best_score": 0.75, "seconds": seconds}
    path.write_text("" if not done else json.dumps(row) + "\n")
    return InTraining(title=name, history=path, epochs=10)


def test_the_board_counts_rejections_by_bound():
    board = Board()
    board.screened(0, ENTRIES)
    board.screened(1, ENTRIES[:1])
    board.round_finished([TRIAL])
    assert board.round == 1
    assert board.counts == {"screened": 5, "rejected": 2, "left out": 1, "diverged": 1}
    assert board.rejected_by == {"size.tflite_bytes": 2, "macs": 1}


def test_the_board_keeps_the_best_for_the_budget():
    board = Board()
    board.budget = BUDGET
    board.scored([{"accuracy": 0.99, "size.tflite_bytes": 9000.0}])
    board.scored([{"accuracy": 0.93, "size.tflite_bytes": 4000.0}])
    board.scored([{"accuracy": 0.91, "size.tflite_bytes": 3000.0}])
    assert board.best == {"accuracy": 0.93, "size.tflite_bytes": 4000.0}
    board.scored([])
    assert board.best["accuracy"] == 0.93


def test_the_time_left_is_that_of_the_remaining_epochs(tmp_path):
    board = Board()
    assert seconds_left(board.trainings(), 2) is None
    board.training("", [history(tmp_path, "a", 5), history(tmp_path, "b", 0)])
    assert [(t.done, t.score) for t in board.trainings()] == [(5, 0.75), (0, None)]
    # five epochs of two seconds, and ten that are assumed to take as long
    assert seconds_left(board.trainings(), 1) == 30
    assert seconds_left(board.trainings(), 2) == 20  # the longest cannot be divided among workers
    board.trained()
    assert board.trainings() == []


@pytest.mark.parametrize("line", ['{"epoch": 3', "", '{"epoch": 3}\n{"ep'])
def test_an_incomplete_line_is_read_at_the_next_update(tmp_path, line):
    path = tmp_path / "history.jsonl"
    path.write_text(line)
    board = Board()
    board.training("", [InTraining(title="t", history=path, epochs=9)])
    assert board.trainings() == [Row(title="t", done=0, epochs=9, score=None, seconds=0)]


def shown(monkeypatch, mode: ProgressName) -> tuple[Shown, io.StringIO]:
    text = io.StringIO()
    monkeypatch.setattr(progress_display, "err", Console(file=text, width=120))
    monkeypatch.setattr(progress_display.sys, "stderr", text)
    return open_progress(mode, workers=2), text


def go_through(listener: Shown, folder: Path) -> None:
    recipe = Recipe.loads('task = "forecasting"\n[model]\nfamily = "linear"', name="r")
    with listener:
        listener.started(recipe)
        listener.loading(1, 2)
        listener.loaded(["note"])
        listener.screened(0, ENTRIES)
        listener.training("up to 10% of the epochs", [history(folder, "width 8", 5)])
        listener.tick()
        listener.trained()
        listener.scored([{"macs": 3.0}])
        listener.round_finished([TRIAL])
        listener.measuring("the test set")


def test_plain_lines(monkeypatch, tmp_path):
    listener, text = shown(monkeypatch, "plain")
    go_through(listener, tmp_path)
    assert text.getvalue().splitlines() == [
        SCREENED,
        "training: 1 candidate, up to 10% of the epochs",
        "diverged: the loss became nan",
        "measuring: the test set",
    ]


def test_json_lines_are_one_object_each(monkeypatch, tmp_path):
    listener, text = shown(monkeypatch, "json")
    go_through(listener, tmp_path)
    events = [json.loads(line) for line in text.getvalue().splitlines()]
    assert [e["event"] for e in events] == [
        "screened", "training", "scored", "round_finished", "measuring",
    ]  # fmt: skip
    assert events[0]["rejected_by"] == {"size.tflite_bytes": 2, "macs": 1}
    assert events[3]["candidates"][0]["reason"] == "the loss became nan"


def test_quiet_prints_nothing(monkeypatch, tmp_path):
    listener, text = shown(monkeypatch, "quiet")
    go_through(listener, tmp_path)
    assert text.getvalue() == ""


def test_auto_is_plain_without_a_terminal(monkeypatch):
    listener, _ = shown(monkeypatch, "auto")
    assert isinstance(listener, progress_display.PlainLines)


def test_the_live_table_shows_counts_bounds_and_trainings(monkeypatch, tmp_path):
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress_display, "err", console)
    listener = open_progress("auto", workers=2)
    assert isinstance(listener, LiveTable)
    go_through(listener, tmp_path)
    printed = text.getvalue()
    assert "about 10 s left in this stage" in printed
    assert "rejected by size.tflite_bytes 2, macs 1" in printed
    assert "validation 75.0 %" in printed
    assert "1 diverged" in printed


def test_a_step_without_progress_shows_how_long_it_has_taken(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_display.time, "perf_counter", lambda: now[0])
    listener = LiveTable(workers=1)
    for started in (10.0, 20.0):
        now[0] = started
        listener.measuring("the file")
        console = Console(file=io.StringIO(), width=80)
        now[0] += 1
        console.print(listener._shown())
        now[0] += 4
        console.print(listener._shown())
        assert console.file.getvalue() == "measuring the file\nmeasuring the file\nfor 5 s\n"
    listener.close()


def test_a_log_says_how_long_the_data_take(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_display.time, "perf_counter", lambda: now[0])
    listener, text = shown(monkeypatch, "plain")
    with listener:
        for second in range(31):
            now[0] = float(second)
            listener.loading(second, 30)
    assert text.getvalue().splitlines() == [
        "data: 3 of 30, about 27 s left",
        "data: 14 of 30, about 16 s left",
        "data: 25 of 30, about 5 s left",
    ]


def test_anything_else_is_counted_by_its_name(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress_display.time, "perf_counter", lambda: now[0])
    listener, text = shown(monkeypatch, "plain")
    with listener:
        for done in (4, 5, 6):  # the time before the first says nothing about the pace
            listener.counted("loops", done, 10)
            listener.counted("cores linked", done - 4, 3)
            now[0] += 3
    assert text.getvalue().splitlines() == [
        "loops: 5 of 10, about 15 s left",
        "cores linked: 1 of 3, about 6 s left",
    ]
