"""Progress events of a run; a listener overrides the methods it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.search.rounds import Proposal
from motefit.search.trial import Trial
from motefit.spec.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class InTraining:
    """A training that the workers are doing.

    Attributes:
        title: of the candidate, for display.
        history: file that gets a line of JSON per epoch (``train.loop.EpochReport``).
        epochs: to train up to in this stage.
    """

    title: str
    history: Path
    epochs: int


class Listener:
    """Receives progress events; the base class ignores them. Subclass it to show progress."""

    def started(self, recipe: Recipe) -> None:
        """Handle the start of a run."""

    def loading(self, done: int, total: int) -> None:
        """Handle progress in decoding or synthesizing data."""

    def loaded(self, notes: Sequence[str]) -> None:
        """Handle loaded data, with notes that qualify the result."""

    def screened(self, number: int, proposals: Sequence[Proposal]) -> None:
        """Handle the screening results of a round."""

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Handle the start of the training of one stage of a round."""

    def tick(self) -> None:
        """Refresh the display; called about five times a second during training."""

    def trained(self) -> None:
        """Handle the end of a stage."""

    def scored(self, facts: Sequence[Mapping[str, float]]) -> None:
        """Handle the current facts of the candidates' files, on the validation set."""

    def round_finished(self, trials: Sequence[Trial]) -> None:
        """Handle the end of a round, with its trials."""

    def listening(self, done: int, recordings: int, seconds: float) -> None:
        """Handle progress in long recordings: those done, their number, and seconds heard."""

    def measuring(self, what: str) -> None:
        """Handle the start of a measurement."""

    def counted(self, what: str, done: int, total: int) -> None:
        """Handle progress in anything else: what is counted, e.g. loops, and how many are done."""
