"""What a data set holds that a score does not tell: shared speakers, duplicates, gaps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motefit.data.series import SeriesDataset
from motefit.data.speech import Clips, SpeechDataset

SILENT_PEAK = 32
"""A clip whose largest absolute sample is below this (-60 dB of full scale) is silent."""
CLIPPED_SAMPLES = 10
"""A clip with at least this many samples at full scale is clipped."""
_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class SpeechAudit:
    """Facts of a speech data set; parts are ``"train"``, ``"validation"``, ``"test"``.

    Attributes:
        key: of the data set.
        clips: per part and word, the number of clips.
        speakers: per part, the number of speakers.
        shared_speakers: speakers in both the training and the test part.
        test_clips_shared: test clips whose speaker is also in the training part.
        test_shared_percent: the same, in percent of all test clips.
        duplicates_across: clips of the validation and test part whose samples are, bit for bit,
            also those of a clip in an earlier part.
        duplicates_within: per part, clips that repeat the samples of another clip of the part.
        conflicting: clips whose samples also carry another word, in any part.
        short: per part, clips that were shorter than the data set's length and are zero-padded.
        silent: per part, clips without a sample over -60 dB of full scale.
        clipped: per part, clips with ten samples or more at full scale.
        listed_missing: ids that a published list names and the folder lacks.
        unlisted: number of clips that no published list names.
        noise_seconds: length of the background noise.
    """

    key: str
    clips: Mapping[str, Mapping[str, int]]
    speakers: Mapping[str, int]
    shared_speakers: int
    test_clips_shared: int
    test_shared_percent: float
    duplicates_across: int
    duplicates_within: Mapping[str, int]
    conflicting: int
    short: Mapping[str, int]
    silent: Mapping[str, int]
    clipped: Mapping[str, int]
    listed_missing: tuple[str, ...]
    unlisted: int
    noise_seconds: float


@dataclass(frozen=True, kw_only=True)
class SeriesAudit:
    """Facts of a series; parts are ``"train"``, ``"validation"``, ``"test"``.

    Attributes:
        key: of the data set.
        rows: usable rows.
        part_rows: per part, the number of rows.
        windows: per part, the number of windows.
        runs: gap-free stretches.
        gaps: places where the series was split.
        missing_rows: rows left out because a value was missing.
        filled_values: missing values that were interpolated.
        repeated_rows: rows left out because they repeat an earlier one.
        first: time of the first window's last input row, ISO 8601.
        last: time of the last window's last input row, ISO 8601.
        ranges: per input column, smallest and largest value.
    """

    key: str
    rows: int
    part_rows: Mapping[str, int]
    windows: Mapping[str, int]
    runs: int
    gaps: int
    missing_rows: int
    filled_values: int
    repeated_rows: int
    first: str
    last: str
    ranges: Mapping[str, tuple[float, float]]


def audit_speech(dataset: SpeechDataset) -> SpeechAudit:
    """Count what makes a speech score look better, or worse, than it is."""
    parts = dataset.parts
    training = set(dataset.train.speakers)
    shared = sum(speaker in training for speaker in dataset.test.speakers)
    loudness = {part: _silent_and_clipped(clips.pcm) for part, clips in parts.items()}
    return SpeechAudit(
        key=dataset.key,
        clips={part: _per_word(clips, dataset.labels) for part, clips in parts.items()},
        speakers={part: len(set(clips.speakers)) for part, clips in parts.items()},
        shared_speakers=len(training & set(dataset.test.speakers)),
        test_clips_shared=shared,
        test_shared_percent=100 * shared / len(dataset.test),
        duplicates_across=_duplicates_across(dataset),
        duplicates_within={p: len(c) - len(set(c.digests)) for p, c in parts.items()},
        conflicting=_conflicting(dataset),
        short={p: int((c.lengths < c.pcm.shape[1]).sum()) for p, c in parts.items()},
        silent={part: silent for part, (silent, _) in loudness.items()},
        clipped={part: clipped for part, (_, clipped) in loudness.items()},
        listed_missing=dataset.listed_missing,
        unlisted=len(dataset.unlisted),
        noise_seconds=len(dataset.noise) / dataset.rate_hz,
    )


def audit_series(dataset: SeriesDataset) -> SeriesAudit:
    """Count rows, windows, gaps and what was left out or filled."""
    parts = dataset.parts
    times = np.concatenate([windows.times for windows in parts.values()])
    return SeriesAudit(
        key=dataset.key,
        rows=dataset.rows,
        part_rows=dict(zip(parts, dataset.part_rows, strict=True)),
        windows={part: len(windows) for part, windows in parts.items()},
        runs=dataset.runs,
        gaps=dataset.gaps,
        missing_rows=dataset.missing_rows,
        filled_values=dataset.filled_values,
        repeated_rows=dataset.repeated_rows,
        first=str(times.min()),
        last=str(times.max()),
        ranges=dict(zip(dataset.inputs, dataset.ranges, strict=True)),
    )


def _per_word(clips: Clips, labels: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(clips.label, minlength=len(labels)).tolist()
    return dict(zip(labels, counts, strict=True))


def _duplicates_across(dataset: SpeechDataset) -> int:
    earlier = set(dataset.train.digests)
    count = sum(digest in earlier for digest in dataset.validation.digests)
    earlier |= set(dataset.validation.digests)
    return count + sum(digest in earlier for digest in dataset.test.digests)


def _conflicting(dataset: SpeechDataset) -> int:
    pairs = [
        (digest, int(label))
        for clips in dataset.parts.values()
        for digest, label in zip(clips.digests, clips.label, strict=True)
    ]
    words = Counter(digest for digest, _ in set(pairs))
    return sum(words[digest] > 1 for digest, _ in pairs)


def _silent_and_clipped(pcm: npt.NDArray[np.int16]) -> tuple[int, int]:
    """Counts of silent and clipped clips; block by block, as the clips are a memory map."""
    silent = clipped = 0
    for start in range(0, len(pcm), _BLOCK):
        block = pcm[start : start + _BLOCK]
        high, low = block.max(axis=1), block.min(axis=1)
        silent += int(((high < SILENT_PEAK) & (low > -SILENT_PEAK)).sum())
        suspects = block[(high == 32767) | (low == -32768)]
        full = ((suspects == 32767) | (suspects == -32768)).sum(axis=1)
        clipped += int((full >= CLIPPED_SAMPLES).sum())
    return silent, clipped
