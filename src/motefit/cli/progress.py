"""Progress of a run, live in a terminal; plain lines where there is none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motefit.cli.output import err, escape
from motefit.pipeline.events import Listener
from motefit.search.screen import Screened
from motefit.search.space import Candidate


class LiveListener(Listener):
    """Shows data loading, screening, and one bar per candidate in training; on standard error."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._bars: list[tuple[Any, Path]] = []
        self._loading: Any = None

    def _start(self) -> Progress:
        self.stop()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._progress.start()
        return self._progress

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None
        self._loading = None

    def loading(self, done: int, total: int) -> None:
        """A bar of clips decoded or spoken."""
        if self._progress is None:
            self._loading = self._start().add_task("data", total=total, note="")
        if self._progress is not None and self._loading is not None:
            self._progress.update(self._loading, completed=done, total=total)

    def loaded(self, notes: Sequence[str]) -> None:
        """One line per note."""
        self.stop()
        for note in notes:
            err.print(f"data: {escape(note)}", soft_wrap=True)

    def screened(self, fitting: Sequence[Screened], rejected: Sequence[Screened]) -> None:
        """How many are trained and dropped."""
        err.print(f"screened: {len(fitting)} to train, {len(rejected)} rejected before training")

    def training(self, candidates: Sequence[tuple[Candidate, Path]]) -> None:
        """One bar per candidate."""
        progress = self._start()
        self._bars = [
            (progress.add_task(escape(c.title), total=c.recipe.train.epochs, note=""), history)
            for c, history in candidates
        ]
        if not err.is_terminal:
            err.print(f"training {len(candidates)} candidates")

    def tick(self) -> None:
        """Read what the workers have written."""
        for bar, history in self._bars:
            last = _last_line(history)
            if last is not None and self._progress is not None:
                note = f"validation {last['best_score']:.4f}"
                self._progress.update(bar, completed=last["epoch"] + 1, note=note)

    def trained(self) -> None:
        """Bars stay as they ended."""
        self.tick()
        self.stop()

    def measuring(self, what: str) -> None:
        """One line."""
        err.print(f"measuring {what}")


def _last_line(path: Path) -> dict[str, Any] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return dict(json.loads(lines[-1])) if lines else None
    except (OSError, ValueError):
        return None  # not there yet, or half a line: the next tick sees more
