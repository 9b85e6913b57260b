"""Trials: what became of each candidate of a study."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from motefit.search.space import Point
from motefit.spec.codec import check_fields

Status = Literal["rejected", "diverged", "lost", "stopped", "trained"]
"""Rejected before training; loss not finite; its workers died; stopped at a rung; to the end."""
STATUSES: tuple[Status, ...] = ("trained", "stopped", "diverged", "lost", "rejected")
"""From the farthest to the one that never started."""
WORST = 1e30
"""Replaces infinity where only finite numbers can be stored."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate of a study, after its round.

    Attributes:
        round: number of the round, from 0.
        index: within the round, from 0.
        point: of the search space.
        key: of the candidate.
        status: how it ended.
        epochs: trained.
        facts: by metric name, as far as they are known; quality metrics are those on the validation
            set.
        violations: fraction by which each bound is missed, by metric name; 0 or less if it holds.
        reason: why it was rejected or failed, for display.
    """

    round: int
    index: int
    point: Point
    key: str
    status: Status
    epochs: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def place(self) -> tuple[int, int]:
        """Round and index: unique in a study."""
        return self.round, self.index


def rejected_by(violations: Iterable[Mapping[str, float]]) -> Mapping[str, int]:
    """Count the candidates that missed each bound before training, most frequent first.

    A candidate that misses several bounds counts for each.
    """
    return dict(Counter(name for missed in violations for name in missed).most_common())
