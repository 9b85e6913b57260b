"""Decision rule of a keyword spotter: from which evidence on a sound counts as a word."""

import math
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Conditions that a sound must meet to be reported as a word; all of them, each on its own.

    None can make up for another: a loud sound needs as certain a network as a quiet one. The
    defaults were chosen on validation clips, for models whose card has no decision
    (docs/decisions/0027-stream.md).

    Attributes:
        threshold: least probability of the word, averaged over the windows that have the sound in
            their middle; for a single clip, its probability.
        agreement: least share of these windows in which the word is the likeliest label.
        refractory_ms: after a reported word, nothing is reported that follows it by less.
        prominence: by how much the loudness at a word must exceed that of the audio around it: 0.5
            for 50 % more; -1 evaluates every window.
        shortest_ms: least time for which a sound keeps a quarter of its loudness over the
            background (24 dB in power); a click is shorter.
        quietest_dbfs: assumed level of background noise, so that nothing is prominent in digital
            silence.
    """

    threshold: float = 0.7
    agreement: float = 0.8
    refractory_ms: float = 400.0
    prominence: float = 0.1
    shortest_ms: float = 80.0
    quietest_dbfs: float = -70.0

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.threshold <= 1:
            raise RecipeError(
                f"threshold is a probability, 0 to 1, got {self.threshold}; 0 reports every sound "
                "that is prominent and long enough"
            )
        if not 0 <= self.agreement <= 1:
            raise RecipeError(f"agreement is a share of windows, 0 to 1, got {self.agreement}")
        for name in ("refractory_ms", "shortest_ms"):
            if not 0 <= getattr(self, name) < math.inf:
                raise RecipeError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not -1 <= self.prominence < math.inf:
            raise RecipeError(f"prominence must be at least -1, got {self.prominence}")
        if not -math.inf < self.quietest_dbfs <= 0:
            raise RecipeError(f"quietest_dbfs must be at most 0, got {self.quietest_dbfs}")
