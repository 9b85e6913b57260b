"""False accepts, misses and latency of a keyword model in long recordings.

The model listens as on a device, hop by hop through the streaming spotter, but its candidates are
kept, so that one pass over hours of sound tells what every threshold would report.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from motefit.data.stream_folder import SpokenWord
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.candidates import CandidateStream
from motefit.runtime.streaming.detector import (
    Detection,
    DetectionPostprocessor,
    StreamingSettings,
    WordCandidate,
)
from motefit.spec.codec import encode
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError
from motefit.spec.stream_evidence import StreamEvidence

CHUNK_S = 2.0
"""Sound between two reports of progress: some 30 ms of computation."""
TOLERANCE_S = 0.25
"""A report belongs to a word if its time is not further from the word than this."""
CURVE_POINTS = 40
"""Number of thresholds in a curve, about."""

StreamProgress = Callable[[int, int, float], None]
"""Receives progress: recordings done, all recordings, and seconds of sound processed so far."""


class Sound(Protocol):
    """A recording of any length, and the words in it."""

    @property
    def name(self) -> str:
        """Name for people."""

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        """Words in it, in order."""

    def pcm(self, rate_hz: int) -> npt.NDArray[np.int16]:
        """Return its samples at a rate."""


@dataclass(frozen=True, kw_only=True)
class RecordingCandidates:
    """The candidates of one recording.

    Attributes:
        seconds: its length.
        words: of the model, in it.
        candidates: for words, in order, whatever their probability.
    """

    seconds: float
    words: tuple[SpokenWord, ...]
    candidates: tuple[WordCandidate, ...]


@dataclass(frozen=True, kw_only=True)
class StreamCandidates:
    """The candidates of several recordings, before a threshold is chosen.

    Attributes:
        recordings: each with its candidates.
        decision: the conditions, whose threshold was left open.
        postprocessor: returns the postprocessor of one recording for a decision.
        unread: why the recordings that are left out could not be read.
    """

    recordings: tuple[RecordingCandidates, ...]
    decision: Decision
    postprocessor: Callable[[Decision], DetectionPostprocessor]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StreamCounts:
    """Counts over recordings.

    Attributes:
        seconds: length of all of them.
        words: of the model, spoken in them.
        found: of these, reported as what they are.
        confused: reports of another word at a word; the word is not found by them.
        false_accepts: reports where no word is, and second reports of a word.
        latencies_ms: of each word found: from its end to its report.
    """

    seconds: float
    words: int
    found: int
    confused: int
    false_accepts: int
    latencies_ms: tuple[float, ...] = ()

    @property
    def missed(self) -> int:
        """Words that were not found."""
        return self.words - self.found


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """What a threshold would do: missed words and false accepts."""

    threshold: float
    missed: int
    false_accepts: int


def find_candidates(
    spotter: KeywordSpotter,
    sounds: Sequence[Sound],
    *,
    settings: StreamingSettings | None = None,
    progress: StreamProgress | None = None,
) -> StreamCandidates:
    """Run the streaming spotter over recordings, as on a device, and keep every candidate.

    Damaged recordings are left out and counted: they must not end a run of hours.

    Args:
        spotter: the model.
        sounds: recordings.
        settings: of the detection; None: the model's own.
        progress: called at least once for every :data:`CHUNK_S` of sound.

    Raises:
        DataError: if no recording can be read.
    """
    stream = CandidateStream(spotter, settings=settings)
    finished, unread, before_s = [], [], 0.0
    for done, sound in enumerate(sounds):
        if progress:
            progress(done, len(sounds), before_s)
        try:
            pcm = sound.pcm(stream.rate_hz)
        except DataError as error:
            _, name, reason = str(error).partition(sound.name)  # without its folder, for a card
            unread.append(f"{name}{reason}" or str(error))
            continue
        found: list[WordCandidate] = []
        chunk = round(CHUNK_S * stream.rate_hz)
        start_s = stream.received_s
        for first in range(0, len(pcm), chunk):
            found += stream.push(pcm[first : first + chunk])
            if progress:
                progress(done, len(sounds), before_s + first / stream.rate_hz)
        found += stream.finish()
        seconds = len(pcm) / stream.rate_hz
        finished.append(
            RecordingCandidates(
                seconds=seconds,
                words=tuple(w for w in sound.words if w.word in spotter.io.words),
                candidates=tuple(_from_start(one, start_s) for one in found),
            )
        )
        before_s += seconds
    if progress:
        progress(len(sounds), len(sounds), before_s)
    if unread and not finished:
        raise DataError(f"none of {len(sounds)} recordings can be read; the first: {unread[0]}")
    return StreamCandidates(
        recordings=tuple(finished),
        decision=stream.decision,
        postprocessor=stream.postprocessor,
        unread=tuple(unread),
    )


def _from_start(candidate: WordCandidate, start_s: float) -> WordCandidate:
    """Count time from the start of a recording, not of all of them."""
    return replace(
        candidate,
        time_s=candidate.time_s - start_s,
        received_s=candidate.received_s - start_s,
    )


def count(candidates: StreamCandidates, *, threshold: float | None = None) -> StreamCounts:
    """Count what a model reports in recordings.

    Args:
        candidates: of the recordings.
        threshold: in place of the decision's.
    """
    decision = candidates.decision
    if threshold is not None:
        decision = replace(decision, threshold=threshold)
    parts = [
        _count_one(candidates.postprocessor(decision).detect(recording.candidates), recording)
        for recording in candidates.recordings
    ]
    return StreamCounts(
        seconds=math.fsum(part.seconds for part in parts),
        words=sum(part.words for part in parts),
        found=sum(part.found for part in parts),
        confused=sum(part.confused for part in parts),
        false_accepts=sum(part.false_accepts for part in parts),
        latencies_ms=tuple(ms for part in parts for ms in part.latencies_ms),
    )


def _count_one(reports: Iterable[Detection], recording: RecordingCandidates) -> StreamCounts:
    words = recording.words
    starts_s = np.array([word.start_s for word in words])
    ends_s = np.array([word.end_s for word in words])
    found: dict[int, float] = {}
    confused = false = 0
    for report in reports:
        apart_s = np.maximum(starts_s - report.time_s, report.time_s - ends_s)
        near = np.flatnonzero(apart_s <= TOLERANCE_S).tolist()
        same = [place for place in near if words[place].word == report.word]
        missing = [place for place in same if place not in found]
        if missing:
            best = min(missing, key=apart_s.__getitem__)
            found[best] = 1000 * (report.reported_s - words[best].end_s)
        elif near and not same:
            confused += 1
        else:
            false += 1
    return StreamCounts(
        seconds=recording.seconds,
        words=len(words),
        found=len(found),
        confused=confused,
        false_accepts=false,
        latencies_ms=tuple(found.values()),
    )


def curve(candidates: StreamCandidates) -> tuple[CurvePoint, ...]:
    """Count misses and false accepts at thresholds from the least to the greatest probability.

    The thresholds are probabilities of candidates: about :data:`CURVE_POINTS` of them, at equal
    shares of all candidates whose label may be reported.
    """
    unreported = candidates.postprocessor(candidates.decision).unreported
    probabilities = sorted(
        {
            one.probability
            for recording in candidates.recordings
            for one in recording.candidates
            if one.label not in unreported
        }
    )
    step = max(len(probabilities) // CURVE_POINTS, 1)
    chosen = [*probabilities[::step], *probabilities[-1:]]
    return tuple(point_at(candidates, threshold) for threshold in dict.fromkeys(chosen))


def point_at(candidates: StreamCandidates, threshold: float) -> CurvePoint:
    """Return the point of the curve at a threshold."""
    counts = count(candidates, threshold=threshold)
    return CurvePoint(threshold=threshold, missed=counts.missed, false_accepts=counts.false_accepts)


def stream_evidence(candidates: Mapping[str, StreamCandidates]) -> dict[str, object]:
    """Collect the evidence of a card: counts and curve of each kind of recordings.

    Args:
        candidates: by kind of stream, see :mod:`motefit.spec.stream_evidence`.
    """
    return {kind: _table(found) for kind, found in candidates.items()}


def _table(candidates: StreamCandidates) -> dict[str, object]:
    counts = count(candidates)
    table = encode(counts)
    latencies = table.pop("latencies_ms")
    if latencies:
        median, late = np.percentile(latencies, (50, 95))
        table["latency_ms"] = {"median": float(median), "p95": float(late)}
    points = [[one.threshold, one.missed, one.false_accepts] for one in curve(candidates)]
    if candidates.unread:
        table |= {"unread": len(candidates.unread), "unread_example": candidates.unread[0]}
    return {
        **table,
        "recordings": len(candidates.recordings),
        "decision": encode(candidates.decision),
        "curve": points,
    }


def stream_facts(evidence: Mapping[str, object]) -> dict[str, float]:
    """Compute the values of the stream metrics from the evidence."""
    found = StreamEvidence.read(evidence)
    return {} if found is None else found.facts
