"""Stored rounds of a study, as proposed and screened, so that a resumed run has the same ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from motefit.search.space import Candidate, Point, Space
from motefit.spec.codec import check_fields, decode
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.files import DamagedFileError, read_sealed, write_sealed


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One proposal of a round.

    Attributes:
        point: of the search space.
        facts: of the untrained candidate, by metric name.
        violations: fraction by which it misses each bound that it cannot meet; empty if it may fit.
        reason: why it cannot meet the budget, for display.
        left_out: fits, but the recipe asks for no more candidates.
    """

    point: Point
    facts: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    left_out: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def trains(self) -> bool:
        """Whether the candidate is to be trained."""
        return not self.violations and not self.left_out


@dataclass(frozen=True, kw_only=True)
class Round:
    """All proposals of a round, in order.

    Attributes:
        entries: the proposals.
        last: nothing was proposed, or nothing else that fits was found: the study ends.
    """

    entries: tuple[Proposal, ...]
    last: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    def candidates(self, space: Space) -> tuple[tuple[int, Proposal, Candidate], ...]:
        """Return the candidates to train, with their indices."""
        return tuple(
            (index, proposal, space.candidate(proposal.point))
            for index, proposal in enumerate(self.entries)
            if proposal.trains
        )


class Rounds:
    """Rounds in the folder of a run.

    Args:
        run: the folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / "rounds"

    def read(self, number: int) -> Round | None:
        """Read a stored round; None if there is none.

        Raises:
            OutputError: if it is damaged.
        """
        path = self._path(number)
        try:
            table = read_sealed(path)
            return None if table is None else decode(Round, table, where=str(path))
        except (DamagedFileError, RecipeError) as error:
            raise OutputError(f"{error}; delete it, and the round will be proposed again") from None

    def write(self, number: int, stored: Round) -> None:
        """Store a round.

        Raises:
            OutputError: if it cannot be written.
        """
        write_sealed(self._path(number), stored)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"
