"""What a streaming spotter may be told, and what it tells."""

import math
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class StreamingSettings:
    """How a stream of sound and probabilities becomes words, each reported once.

    The defaults were chosen on recordings of training and validation clips, made as
    ``benchmarks/streaming/words.py`` makes them, and on background noise alone.

    Attributes:
        hop_ms: between two looks at the window; rounded to whole frames of the front end.
        prominence: by how much the loudness must be greater at a word than in the sound around it:
            0.5 for half as much again; -1 looks at every window.
        threshold: evidence from which a word is reported: the network's certainty plus the
            prominence. Certainty is the logarithm of the averaged probability, from 0 at chance,
            one over the number of labels, to 1.
        quietest_dbfs: level of noise that is taken to be in any sound, so that nothing stands out
            from digital silence.
        ignored: labels that are never reported, such as those of noise or other words.
    """

    hop_ms: float = 100.0
    prominence: float = 0.1
    threshold: float = 0.98
    quietest_dbfs: float = -70.0
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.hop_ms < math.inf:
            raise RecipeError(f"hop_ms must be above 0, got {self.hop_ms}")
        if not -1 <= self.prominence < math.inf or not 0 <= self.threshold < math.inf:
            raise RecipeError(
                "prominence must be at least -1 and threshold at least 0, got "
                f"{self.prominence} and {self.threshold}"
            )
        if not -math.inf < self.quietest_dbfs <= 0:
            raise RecipeError(f"quietest_dbfs must be at most 0, got {self.quietest_dbfs}")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One word that was heard.

    Attributes:
        word: its label.
        probability: averaged over the windows that had it in their middle, 0..1.
        time_s: of the word's middle, where it is loudest; seconds of sound since the stream began.
        reported_s: seconds of sound that had been heard when it was reported.
    """

    word: str
    probability: float
    time_s: float
    reported_s: float
