"""What a run tells whoever watches it; every method may be left as it is."""

from collections.abc import Sequence
from pathlib import Path

from motefit.search.screen import Screened
from motefit.search.space import Candidate


class Listener:
    """Hears of each step; the base class keeps quiet. Subclass it to show progress."""

    def loading(self, done: int, total: int) -> None:
        """Data are being decoded or synthesised."""

    def loaded(self, notes: Sequence[str]) -> None:
        """Data are there; facts that qualify the result."""

    def screened(
        self, fitting: Sequence[Screened], rejected: Sequence[Screened], left_out: int
    ) -> None:
        """Candidates were judged; ``left_out`` fit, but there are more than the recipe wants."""

    def training(self, candidates: Sequence[tuple[Candidate, Path]]) -> None:
        """Training begins; each candidate's epochs are appended to its history file."""

    def tick(self) -> None:
        """About five times a second while training goes on."""

    def trained(self) -> None:
        """Training has ended."""

    def measuring(self, what: str) -> None:
        """A measurement begins."""
