"""The ``[train.rejects]`` section of a recipe: how often other sound is heard in training."""

from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class RejectSpec:
    """The ``[train.rejects]`` section, for keyword recipes with reject classes.

    Windows of the reject recordings (``unknown`` and ``silence`` in ``[data]``) are drawn again in
    every epoch, at any place, and augmented as the clips of words are.

    Attributes:
        unknown: windows of other speech in an epoch, per clip of a word.
        silence: windows of sound without speech in an epoch, per clip of a word.
        half_words: share of the windows of other speech that are the first or the last half of a
            training word, or halves of two different words.
        neighbors: share of the clips of words with other speech before the word, after it or both,
            as in a stream. Above 0, every word is moved to any place in its window where it is
            whole, and its own background fills the rest; 0 leaves clips as they are.
        mining_rounds: rounds of hard negatives after the training. In each, the quantized network
            classifies the training recordings, and the network is trained further, for a fifth of
            the epochs, with the windows that it takes for words.
        mined: share of the windows of other speech that are hard negatives, once some are found.
    """

    unknown: float = 1.0
    silence: float = 0.25
    half_words: float = 0.15
    neighbors: float = 0.0
    mining_rounds: int = 0
    mined: float = 0.3

    def __post_init__(self) -> None:
        check_fields(self)
        if not (0 < self.unknown <= 100 and 0 < self.silence <= 100):
            raise RecipeError(
                "unknown and silence must be above 0 and at most 100 windows per clip, "
                f"got {self.unknown} and {self.silence}"
            )
        if not (self.half_words >= 0 and self.mined >= 0 and self.half_words + self.mined < 1):
            raise RecipeError(
                "half_words and mined must not be negative and leave a share for other speech, "
                f"got {self.half_words} and {self.mined}"
            )
        if not 0 <= self.neighbors <= 1:
            raise RecipeError(f"neighbors is a share, 0..1, got {self.neighbors}")
        if not 0 <= self.mining_rounds <= 20:
            raise RecipeError(f"mining_rounds must be 0..20, got {self.mining_rounds}")
