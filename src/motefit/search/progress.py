"""What a run tells whoever watches it; every method may be left as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.search.rounds import Proposal
from motefit.search.trial import Trial
from motefit.spec.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class InTraining:
    """A training that was handed to the workers.

    Attributes:
        title: of the candidate, for people.
        history: file that gets a line of JSON per epoch (``train.loop.EpochReport``).
        epochs: that it trains up to now.
    """

    title: str
    history: Path
    epochs: int


class Listener:
    """Hears of each step; the base class keeps quiet. Subclass it to show progress."""

    def began(self, recipe: Recipe) -> None:
        """A run begins."""

    def loading(self, done: int, total: int) -> None:
        """Data are being decoded or synthesized."""

    def loaded(self, notes: Sequence[str]) -> None:
        """Data are there; facts that qualify the result."""

    def screened(self, number: int, entries: Sequence[Proposal]) -> None:
        """The candidates of a round were judged."""

    def training(self, stage: str, trainings: Sequence[InTraining]) -> None:
        """Trainings of one stage of a round begin."""

    def tick(self) -> None:
        """About five times a second while training goes on."""

    def trained(self) -> None:
        """The stage has ended."""

    def standing(self, facts: Sequence[Mapping[str, float]]) -> None:
        """What the files of the candidates would come to now, on the validation set."""

    def entered(self, records: Sequence[Trial]) -> None:
        """A round is over: what became of its candidates."""

    def measuring(self, what: str) -> None:
        """A measurement begins."""
