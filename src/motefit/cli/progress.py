"""Progress of a run on standard error: live in a terminal, plain lines where there is none."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from motefit.cli.output import err, escape
from motefit.pipeline.events import InTraining, Listener
from motefit.pipeline.rounds import Entry


class LiveListener(Listener):
    """Shows data loading, screening, and one bar per candidate in training.

    A context manager: the terminal is left as it was, however the run ends.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._bars: list[tuple[TaskID, Path]] = []
        self._loading: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _start(self) -> Progress:
        self._stop()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(compact=True),
            console=err,
            disable=not err.is_terminal,
        )
        self._progress.start()
        return self._progress

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress = self._loading = None
        self._bars = []

    def loading(self, done: int, total: int) -> None:
        """A bar of clips decoded or spoken, or of bytes."""
        if self._progress is None or self._loading is None:
            self._loading = self._start().add_task("data", total=total, note="")
        if self._progress is not None:
            self._progress.update(self._loading, completed=done, total=total)

    def loaded(self, notes: Sequence[str]) -> None:
        """The bar goes; the notes come with the verdict."""
        del notes
        self._stop()

    def screened(self, number: int, entries: Sequence[Entry]) -> None:
        """How many are trained and dropped."""
        fitting = sum(entry.trains for entry in entries)
        left_out = sum(entry.left_out for entry in entries)
        rejected = len(entries) - fitting - left_out
        line = f"screened: {fitting} to train, {rejected} rejected before training"
        if left_out:
            line += f", {left_out} left out by max_candidates"
        err.print(f"round {number + 1}: {line}" if number else line)

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """One bar per training."""
        if not err.is_terminal:
            err.print(f"training: {len(trainings)} candidate(s) {stage}")
        progress = self._start()
        self._bars = [
            (progress.add_task(escape(t.title), total=t.epochs, note=""), t.history)
            for t in trainings
        ]

    def tick(self) -> None:
        """Read what the workers have written."""
        for bar, history in self._bars:
            last = _last_line(history)
            if last is not None and self._progress is not None:
                done, total = last["epoch"] + 1, last["epochs"]
                note = f"epoch {done}/{total}, validation {_score(last['best_score'])}"
                self._progress.update(bar, completed=done, total=total, note=note)

    def trained(self) -> None:
        """Bars stay as they ended."""
        self.tick()
        self._stop()

    def measuring(self, what: str) -> None:
        """One line."""
        err.print(f"measuring: {what}")


def _score(value: float) -> str:
    """An accuracy, or a mean absolute error in standard units, which training scores negative."""
    return f"{100 * value:.1f} %" if value >= 0 else f"error {-value:.4f}"


def _last_line(path: Path) -> dict[str, Any] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return dict(json.loads(lines[-1])) if lines else None
    except (OSError, ValueError):
        return None  # not there yet, or half a line: the next tick sees more
