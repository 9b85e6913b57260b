"""Detection of words in segments of audio.

The network's probabilities for the windows around a loudness peak
(:mod:`motefit.runtime.streaming.peaks`) are averaged: that is a candidate. A :class:`Decision`
says which candidates are words; each is reported once.
"""

import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.streaming.peaks import REACH, LoudnessPeak
from motefit.spec.codec import check_fields
from motefit.spec.decision import Decision
from motefit.spec.errors import RecipeError

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class StreamingSettings:
    """Settings of the detection of words in a stream.

    Attributes:
        hop_ms: between two evaluations of the window; rounded to whole frames of the front end.
        decision: which sounds are words; None: as the model's card says, or the default.
        ignored: labels that are never reported, besides the reject classes of the card.
    """

    hop_ms: float = 100.0
    decision: Decision | None = None
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.hop_ms < math.inf:
            raise RecipeError(f"hop_ms must be above 0, got {self.hop_ms}")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One detected word.

    Attributes:
        word: its label.
        probability: averaged over the windows that had it in their middle, 0..1.
        time_s: of the word's middle, where it is loudest; seconds of audio since the start of the
            stream.
        reported_s: seconds of audio received when it was reported.
    """

    word: str
    probability: float
    time_s: float
    reported_s: float


@dataclass(frozen=True, kw_only=True)
class WordCandidate:
    """A sound that stands out, with the network's answer; a decision says if it is a word.

    Attributes:
        label: the most probable one.
        probability: of that label, averaged over the windows around the peak.
        agreement: share of these windows in which it is the most probable.
        time_s: of the sound's loudest moment; seconds of audio since the start of the stream.
        received_s: seconds of audio received when it was complete.
    """

    label: str
    probability: float
    agreement: float
    time_s: float
    received_s: float


def windows_kept(*, hop_s: float, clip_s: float) -> int:
    """Count the windows that may have a new peak in their middle."""
    return int(clip_s / hop_s) + 2


def is_middle(ago_s: float, hops: int, *, hop_s: float, clip_s: float) -> bool:
    """Return whether the window that ended some hops ago has a peak in its middle.

    Args:
        ago_s: seconds from the peak to the end of the last hop.
        hops: since the end of the window.
        hop_s: seconds between two windows.
        clip_s: length of a window in seconds.
    """
    reach_s = max(REACH * clip_s, hop_s / 2) + 1e-9
    return abs(clip_s / 2 + hops * hop_s - ago_s) <= reach_s


class CandidateFinder:
    """Averages the probabilities of the windows that have a peak in their middle.

    Args:
        labels: of the model's outputs, in order.
        hop_s: seconds between two windows.
        clip_s: length of a window in seconds.
    """

    def __init__(self, labels: Sequence[str], *, hop_s: float, clip_s: float) -> None:
        self._labels = tuple(labels)
        self._hop_s, self._clip_s = hop_s, clip_s
        self._recent: deque[Float32Array | None] = deque(
            maxlen=windows_kept(hop_s=hop_s, clip_s=clip_s)
        )

    def push(
        self, probabilities: Float32Array | None, peaks: Sequence[LoudnessPeak], *, now_s: float
    ) -> list[WordCandidate]:
        """Add the result of one hop.

        Args:
            probabilities: (labels,) float32, of the window that ends with the hop; None if it was
                not evaluated.
            peaks: peaks that became certain with this hop.
            now_s: time of the hop's end.

        Returns:
            One candidate for each peak that has a window, oldest first.
        """
        self._recent.appendleft(probabilities)
        return [found for peak in peaks if (found := self._at(peak, now_s)) is not None]

    def _at(self, peak: LoudnessPeak, now_s: float) -> WordCandidate | None:
        near = [
            probabilities
            for hops, probabilities in enumerate(self._recent)
            if probabilities is not None
            and is_middle(peak.ago_s, hops, hop_s=self._hop_s, clip_s=self._clip_s)
        ]
        if not near:
            return None
        mean = np.mean(near, axis=0)
        best = int(mean.argmax())
        return WordCandidate(
            label=self._labels[best],
            probability=float(mean[best]),
            agreement=sum(int(one.argmax()) == best for one in near) / len(near),
            time_s=now_s - peak.ago_s,
            received_s=now_s,
        )

    def reset(self) -> None:
        """Discard the windows."""
        self._recent.clear()


class DetectionPostprocessor:
    """Reports the candidates that are words, each once.

    Args:
        decision: the conditions.
        unreported: labels that are never reported.
    """

    def __init__(self, decision: Decision, *, unreported: Collection[str]) -> None:
        self.decision, self.unreported = decision, frozenset(unreported)
        self._last_s = -math.inf

    def detect(self, candidates: Iterable[WordCandidate]) -> list[Detection]:
        """Return the words among the next candidates of the stream, in their order."""
        return [self._report(found) for found in candidates if self._is_word(found)]

    def _is_word(self, found: WordCandidate) -> bool:
        return (
            found.label not in self.unreported
            and found.probability >= self.decision.threshold
            and found.agreement >= self.decision.agreement
            and found.time_s - self._last_s >= self.decision.refractory_ms / 1000
        )

    def _report(self, found: WordCandidate) -> Detection:
        self._last_s = found.time_s
        return Detection(
            word=found.label,
            probability=found.probability,
            time_s=found.time_s,
            reported_s=found.received_s,
        )

    def reset(self) -> None:
        """Forget the last word."""
        self._last_s = -math.inf
