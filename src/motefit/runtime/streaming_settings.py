"""What a streaming spotter may be told, and what it tells."""

import math
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class StreamingSettings:
    """How a stream of probabilities becomes words, each reported once.

    The defaults were chosen on validation clips only, by ``benchmarks/streaming/words.py``.

    Attributes:
        hop_ms: between two looks at the window; rounded to whole frames of the front end.
        middle: share of the window that counts as its middle.
        open_share: share of the window's loudness in its middle from which a word stands there;
            0 together with ``above_floor_db = 0`` looks at every window.
        close_share: share below which the word has left the middle again.
        above_floor_db: by which the loudest moment of the window must exceed the noise floor.
        floor_ms: the noise floor is the quietest hop in so much past sound.
        quietest_dbfs: lower end of the noise floor, so that digital silence is no floor.
        smoothing_ms: probabilities are averaged over so much time at most.
        threshold: certainty from which a word is reported: how far its averaged probability lies
            on the way from chance, one over the number of labels (0), to certainty (1).
        release: certainty below which the same word may be reported again although it never left
            the middle.
        refractory_ms: between the middles of two reported words.
        ignored: labels that are never reported, such as those of noise or other words.
    """

    hop_ms: float = 100.0
    middle: float = 0.6
    open_share: float = 0.72
    close_share: float = 0.68
    above_floor_db: float = 9.0
    floor_ms: float = 2000.0
    quietest_dbfs: float = -70.0
    smoothing_ms: float = 300.0
    threshold: float = 0.4
    release: float = 0.3
    refractory_ms: float = 500.0
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        times = self.hop_ms, self.floor_ms, self.smoothing_ms
        if not (all(0 < t < math.inf for t in times) and 0 <= self.refractory_ms < math.inf):
            raise RecipeError(
                "hop_ms, floor_ms and smoothing_ms must be above 0 and refractory_ms at least 0, "
                f"got {times} and {self.refractory_ms}"
            )
        if not 0 < self.middle <= 1 or not 0 <= self.close_share <= self.open_share <= 1:
            raise RecipeError(
                "middle must lie in 0..1 and 0 <= close_share <= open_share <= 1 must hold, got "
                f"{self.middle}, {self.close_share} and {self.open_share}"
            )
        if not 0 <= self.release <= self.threshold <= 1:
            raise RecipeError(
                "certainties must satisfy 0 <= release <= threshold <= 1, got "
                f"{self.release} and {self.threshold}"
            )
        if not 0 <= self.above_floor_db < math.inf or not -math.inf < self.quietest_dbfs <= 0:
            raise RecipeError(
                "above_floor_db must be at least 0 and quietest_dbfs at most 0, got "
                f"{self.above_floor_db} and {self.quietest_dbfs}"
            )


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One word that was heard.

    Attributes:
        word: its label.
        probability: averaged over the windows that had it in their middle, 0..1.
        time_s: of the word's middle, in seconds of sound since the stream began.
        reported_s: seconds of sound that had been heard when it was reported.
    """

    word: str
    probability: float
    time_s: float
    reported_s: float
