"""Progress of a run on standard error: a live table, plain lines, JSON lines, or nothing."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Self, get_args

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from motefit.api.board import Board, TrainingProgress, seconds_left
from motefit.api.safe_console import SafeConsole
from motefit.measure.machine import usable_cores
from motefit.search.progress import InTraining, Listener
from motefit.search.rounds import Proposal
from motefit.search.trial import Trial
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import format_value
from motefit.spec.recipe import Recipe
from motefit.spec.visible import visible

LONG_S, OFTEN_S = 2.0, 10.0
"""Seconds before a log first reports on loading data, and between two such lines."""
ROWS = 12
"""Number of trainings in the live table; the others are only counted."""


ProgressName = Literal["auto", "live", "plain", "json", "quiet"]
"""How progress is shown; ``auto`` is live in a terminal, and plain elsewhere, as in a notebook."""
Progress = ProgressName | Listener

err = SafeConsole(stderr=True, highlight=False, emoji=False)


class Shown(Listener):
    """A listener that is a context manager and restores the terminal however a run ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restore the terminal."""


def open_progress(
    progress: Progress = "auto", *, workers: int = 0
) -> AbstractContextManager[Listener]:
    """Open a display of a run's progress on standard error.

    Args:
        progress: name of the display, or the caller's own listener.
        workers: number of workers of the run; 0: one per core.

    Raises:
        RecipeError: if the name is unknown.
    """
    if isinstance(progress, Listener):
        return nullcontext(progress)
    if progress == "auto":
        progress = "live" if err.is_terminal else "plain"
    if progress == "live":
        return LiveTable(workers or usable_cores())
    shown: dict[str, type[Shown]] = {"plain": PlainLines, "json": JsonLines, "quiet": Shown}
    if progress not in shown:
        names = ", ".join(get_args(ProgressName))
        raise RecipeError(f"progress must be one of {names}, or a Listener, got {progress!r}")
    return shown[progress]()


class Count:
    """Progress of what can be counted, with the time left.

    Args:
        what: is counted, e.g. ``"data"`` that are decoded, spoken or downloaded.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._told = time.perf_counter()
        self._first: tuple[float, int] | None = None

    def words(self, done: int, total: int) -> str:
        """Describe the progress, and estimate the time left at the same pace."""
        words = f"{self._what}: {done} of {total}"
        now, (start, before) = time.perf_counter(), self._start(done)
        if not before < done < total or now - start < LONG_S:
            return words
        return f"{words}, about {_time((now - start) / (done - before) * (total - done))} left"

    def _start(self, done: int) -> tuple[float, int]:
        """Return when the first progress was seen, and how much it was."""
        self._first = self._first or (time.perf_counter(), done)
        return self._first

    def is_due(self, done: int) -> bool:
        """Return whether a line for a log is due: after two seconds, then every ten."""
        now, _ = time.perf_counter(), self._start(done)
        due = now - self._told > (LONG_S if self._told == self._started else OFTEN_S)
        self._told = now if due else self._told
        return due


class PlainLines(Shown):
    """Display of one line per step, for logs."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = {}

    def loading(self, done: int, total: int) -> None:
        """Print the progress in loading data, if it takes long."""
        self.counted("data", done, total)

    def counted(self, what: str, done: int, total: int) -> None:
        """Print how many are done, if it takes long."""
        count = self._counts.setdefault(what, Count(what))
        if count.is_due(done):
            _say(count.words(done, total))

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        """Print how many candidates are trained and rejected, and by which bounds."""
        board = Board()
        board.screened(number, proposals)
        counts = board.counts
        fitting = sum(proposal.trains for proposal in proposals)
        line = f"screened: {fitting} to train, {counts['rejected']} rejected before training"
        if board.rejected_by:
            line += f" ({_by(board.rejected_by)})"
        if counts["left out"]:
            line += f", {counts['left out']} left out by max_candidates"
        _say(f"round {number + 1}: {line}" if number else line)

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Print how many candidates are trained, and up to which epoch."""
        count = len(trainings)
        _say(f"training: {count} candidate{'s' * (count != 1)}, {stage}")

    def round_finished(self, trials: Sequence[Trial]) -> None:
        """Print the candidates that failed."""
        for trial in trials:
            if trial.status in {"diverged", "lost"}:
                _say(f"{trial.status}: {trial.reason}")

    def measuring(self, what: str) -> None:
        """Show what is being measured."""
        _say(f"measuring: {what}")


class JsonLines(Shown):
    """Display of one JSON object per event and line, for programs."""

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        """Print the counts of the round."""
        board = Board()
        board.screened(number, proposals)
        _log("screened", round=number, **board.counts, rejected_by=dict(board.rejected_by))

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Print titles and epochs of the candidates."""
        rows = [{"title": t.title, "epochs": t.epochs} for t in trainings]
        _log("training", stage=stage, candidates=rows)

    def scored(self, facts: Sequence[Mapping[str, float]]) -> None:
        """Print the facts of the candidates."""
        _log("scored", candidates=[dict(f) for f in facts])

    def round_finished(self, trials: Sequence[Trial]) -> None:
        """Print the status of each candidate of a round."""
        kept = [{"key": t.key, "status": t.status, "reason": t.reason} for t in trials]
        _log("round_finished", candidates=kept)

    def measuring(self, what: str) -> None:
        """Show what is being measured."""
        _log("measuring", what=what)


class LiveTable(Shown):
    """Display of a table that follows the run.

    Args:
        workers: number of workers that train at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._board = Board()
        self._doing = "starting"
        self._counts: dict[str, Count] = {}
        self._since = time.perf_counter()
        self._parts: list[RenderableType] = []
        self._live = Live(
            console=err, refresh_per_second=1, transient=True, get_renderable=self._shown
        )

    def started(self, recipe: Recipe) -> None:
        """Store the budget for the table, and show that something is happening."""
        self._board.budget = recipe.budget
        self._draw()

    def loading(self, done: int, total: int) -> None:
        """Show the clips decoded or spoken, or the bytes downloaded."""
        self.counted("data", done, total)

    def loaded(self, notes: Sequence[str]) -> None:
        """Show the next stage; the notes are printed with the verdict."""
        del notes
        self._doing = "screening"
        self._draw()

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        """Update the counts."""
        self._board.screened(number, proposals)
        self._draw()

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Show one row per training."""
        self._board.training(stage, trainings)
        self._doing = f"training {stage}"
        self._draw()

    def tick(self) -> None:
        """Read the workers' logs."""
        self._draw()

    def trained(self) -> None:
        """Remove the rows of the trainings."""
        self._board.trained()
        self._draw()

    def scored(self, facts: Sequence[Mapping[str, float]]) -> None:
        """Update the best candidate so far."""
        self._board.scored(facts)
        self._draw()

    def round_finished(self, trials: Sequence[Trial]) -> None:
        """Update the counts."""
        self._board.round_finished(trials)
        self._draw()

    def listening(self, done: int, recordings: int, seconds: float) -> None:
        """Show how much sound was heard."""
        self._doing = f"listening: recording {min(done + 1, recordings)} of {recordings}, "
        self._doing += f"{_time(seconds)} heard"
        self._draw()

    def measuring(self, what: str) -> None:
        """Show what is being measured."""
        self._doing = f"measuring {what}"
        self._draw()

    def counted(self, what: str, done: int, total: int) -> None:
        """Show how many are done."""
        self._doing = self._counts.setdefault(what, Count(what)).words(done, total)
        self._draw()

    def close(self) -> None:
        """Remove the table."""
        self._live.stop()

    def _draw(self) -> None:
        self._since, self._parts = time.perf_counter(), self._table()
        if not self._live.is_started:
            self._live.start()
        self._live.refresh()

    def _shown(self) -> RenderableType:
        """Return the table as it was drawn last, and how long ago; another thread asks for it."""
        waited_s = time.perf_counter() - self._since
        waited = [Text(f"for {_time(waited_s)}", style="dim")] if waited_s > LONG_S else []
        return Group(*self._parts, *waited)

    def _table(self) -> list[RenderableType]:
        board, trainings = self._board, self._board.trainings()
        counts = [f"{n} {name}" for name, n in board.counts.items() if n]
        parts: list[RenderableType] = [Text(self._doing + _left(trainings, self._workers))]
        if counts:
            by = f" (rejected by {_by(board.rejected_by)})" if board.rejected_by else ""
            parts.append(Text(f"round {board.round + 1}: {', '.join(counts)}{by}"))
        if board.best and board.budget.bounds:
            parts.append(_bounds(board))
        if trainings:
            parts.append(_rows(trainings))
        return parts


def _bounds(board: Board) -> Table:
    """Tabulate the best candidate so far against each bound."""
    table = Table(box=None, pad_edge=False)
    for title in ("best so far", "bound", "now"):
        table.add_column(title)
    for bound in board.budget.bounds:
        value = board.best.get(bound.metric)
        style = "" if value is None else "green" if bound.holds(value) else "red"
        now = "" if value is None else format_value(bound.metric, value)
        table.add_row(Text(bound.metric), str(bound), Text(now, style=style))
    return table


def _rows(trainings: Sequence[TrainingProgress]) -> Table:
    table = Table.grid(padding=(0, 1))
    running = [t for t in trainings if 0 < t.done < t.epochs]
    others = [t for t in trainings if t not in running]
    for t in (running + others)[:ROWS]:
        score = "" if t.score is None else f"validation {_score(t.score)}"
        bar = ProgressBar(total=t.epochs, completed=t.done, width=24)
        table.add_row(Text(t.title), bar, f"{t.done}/{t.epochs}", score)
    if len(trainings) > ROWS:
        table.add_row(f"and {len(trainings) - ROWS} more")
    return table


def _left(trainings: Sequence[TrainingProgress], workers: int) -> str:
    seconds = seconds_left(trainings, workers)
    return "" if seconds is None else f", about {_time(seconds)} left in this stage"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _score(value: float) -> str:
    """Format an accuracy, or a mean absolute error in standard units, whose score is negative."""
    return f"{100 * value:.1f} %" if value >= 0 else f"error {-value:.4f}"


def _by(rejected: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in rejected.items())


def _say(line: str) -> None:
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()


def _log(event: str, **facts: object) -> None:
    sys.stderr.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stderr.flush()
