"""Audits: facts of a data set that a score does not show, e.g. shared speakers, duplicates."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from motefit.data.oddities import Oddities
from motefit.data.series import SeriesDataset
from motefit.data.speakers import unseen
from motefit.data.speech import Clips, SpeechDataset
from motefit.data.word_facts import WordFacts, word_facts, word_warnings


@dataclass(frozen=True, kw_only=True)
class SpeechAudit:
    """Facts of a speech data set; sets are ``"train"``, ``"validation"``, ``"test"``.

    Attributes:
        key: of the data set.
        clips: per set and word, the number of clips.
        unknown_speakers: clips whose speaker is not known, in any set.
        speakers: per set, the number of known speakers.
        shared_speakers: speakers in both the training and the test set; None, like the next two, if
            a speaker of either set is not known.
        test_clips_shared: test clips whose speaker is also in the training set.
        test_shared_percent: the same, in percent of all test clips.
        duplicates_across: clips of the validation and test set whose samples are, bit for bit,
            also those of a clip in an earlier set.
        duplicates_within: per set, clips that repeat the samples of another clip of the set.
        conflicting: clips whose samples also occur under another word, in any set.
        short: per set, clips that were shorter than the data set's length and are zero-padded.
        long: per set, clips longer than the model's input, which are cropped.
        silent: per set, clips without a sample above -60 dB of full scale.
        clipped: per set, clips with at least ten samples at full scale.
        listed_missing: ids in a published list that are missing from the folder.
        unlisted: number of clips that no published list names.
        noise_seconds: length of the background noise.
        unused: audio files that are neither clips nor noise, by reason; hidden ones too.
        rejects: per set, windows of each reject class; empty without such classes.
        rejects_dropped: reject recordings that are not used, by reason.
        words: how the clips of each word were recorded.
        warnings: differences between words in recording and losses, one sentence each.
    """

    key: str
    clips: Mapping[str, Mapping[str, int]]
    unknown_speakers: int
    speakers: Mapping[str, int]
    shared_speakers: int | None
    test_clips_shared: int | None
    test_shared_percent: float | None
    duplicates_across: int
    duplicates_within: Mapping[str, int]
    conflicting: int
    short: Mapping[str, int]
    long: Mapping[str, int]
    silent: Mapping[str, int]
    clipped: Mapping[str, int]
    listed_missing: tuple[str, ...]
    unlisted: int
    noise_seconds: float
    unused: Mapping[str, int]
    rejects: Mapping[str, Mapping[str, int]]
    rejects_dropped: Mapping[str, int]
    words: Mapping[str, WordFacts]
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SeriesAudit:
    """Facts of a series; sets are ``"train"``, ``"validation"``, ``"test"``.

    Attributes:
        key: of the data set.
        rows: usable rows.
        subset_rows: per set, the number of rows.
        windows: per set, the number of windows.
        runs: gap-free stretches.
        gaps: places where the series was split.
        missing: how a missing value is handled, as the recipe spells it.
        missing_rows: rows dropped because a value was missing.
        filled_values: missing values in usable rows, where an earlier value is held.
        filled_inputs_percent: per set, the percentage of the windows' input values that are held.
        filled_columns_percent: the same per input column, over the windows of all sets.
        windows_left_out: per set and reason, windows that are not used because of a missing value.
        repeated_rows: rows dropped because they repeat an earlier one.
        first: time of the first window's last input row, ISO 8601.
        last: time of the last window's last input row, ISO 8601.
        ranges: per input column, smallest and largest value.
        groups: stations or devices that the file has; empty for a single series.
        oddities: per input column, spikes and stuck values.
        reading: sentences on what was left out or changed when the data were read.
    """

    key: str
    rows: int
    subset_rows: Mapping[str, int]
    windows: Mapping[str, int]
    runs: int
    gaps: int
    missing: str
    missing_rows: int
    filled_values: int
    filled_inputs_percent: Mapping[str, float]
    filled_columns_percent: Mapping[str, float]
    windows_left_out: Mapping[str, Mapping[str, int]]
    repeated_rows: int
    first: str
    last: str
    ranges: Mapping[str, tuple[float, float]]
    groups: tuple[str, ...]
    oddities: Mapping[str, Oddities]
    reading: tuple[str, ...]


def audit_speech(dataset: SpeechDataset) -> SpeechAudit:
    """Count what makes a speech score look better or worse than it is."""
    subsets = dataset.subsets
    strangers = unseen(dataset.train, dataset.test)
    shared = None if strangers is None else len(dataset.test) - int(strangers.sum())
    both = set(dataset.train.speakers) & set(dataset.test.speakers)
    recordings = {subset: clips.recordings for subset, clips in subsets.items()}
    words = word_facts(dataset)
    conflicting = _conflicting(dataset)
    return SpeechAudit(
        key=dataset.key,
        clips={subset: _per_word(clips, dataset.words) for subset, clips in subsets.items()},
        unknown_speakers=sum(clips.speakers.count(None) for clips in subsets.values()),
        speakers={subset: len(set(clips.speakers) - {None}) for subset, clips in subsets.items()},
        shared_speakers=None if shared is None else len(both),
        test_clips_shared=shared,
        test_shared_percent=None if shared is None else 100 * shared / len(dataset.test),
        duplicates_across=_duplicates_across(dataset),
        duplicates_within={p: len(c) - len(set(c.digests)) for p, c in subsets.items()},
        conflicting=conflicting,
        short={p: int((c.lengths < c.pcm.shape[1]).sum()) for p, c in subsets.items()},
        long={p: int((c.lengths > c.pcm.shape[1]).sum()) for p, c in subsets.items()},
        silent={subset: sum(r.silent for r in rows) for subset, rows in recordings.items()},
        clipped={subset: sum(r.clipped for r in rows) for subset, rows in recordings.items()},
        listed_missing=dataset.listed_missing,
        unlisted=len(dataset.unlisted),
        noise_seconds=len(dataset.noise) / dataset.rate_hz,
        unused={reason: sum(counts.values()) for reason, counts in dataset.unused.items()},
        rejects=_windows(dataset),
        rejects_dropped=dataset.sounds.dropped if dataset.sounds is not None else {},
        words=words,
        warnings=(*word_warnings(words), *_copies(conflicting)),
    )


def _copies(conflicting: int) -> list[str]:
    """Point out clips that no model can tell apart."""
    if not conflicting:
        return []
    return [f"{conflicting} clips have the samples of a clip of another word: remove the wrong one"]


def audit_series(dataset: SeriesDataset) -> SeriesAudit:
    """Count rows, windows, gaps, and dropped or filled values."""
    subsets = dataset.subsets
    times = np.concatenate([windows.times for windows in subsets.values()])
    filled = {subset: windows.filled_inputs for subset, windows in subsets.items()}
    shown = {subset: len(windows) * dataset.input_steps for subset, windows in subsets.items()}
    columns = zip(dataset.inputs, zip(*filled.values(), strict=True), strict=True)
    return SeriesAudit(
        key=dataset.key,
        rows=dataset.rows,
        subset_rows=dict(zip(subsets, dataset.subset_rows, strict=True)),
        windows={subset: len(windows) for subset, windows in subsets.items()},
        runs=dataset.runs,
        gaps=dataset.gaps,
        missing=dataset.missing,
        missing_rows=dataset.missing_rows,
        filled_values=dataset.filled_values,
        filled_inputs_percent={
            subset: 100 * sum(counts) / (shown[subset] * len(counts))
            for subset, counts in filled.items()
        },
        filled_columns_percent={
            name: 100 * sum(counts) / sum(shown.values()) for name, counts in columns
        },
        windows_left_out={subset: windows.left_out for subset, windows in subsets.items()},
        repeated_rows=dataset.repeated_rows,
        first=str(times.min()),
        last=str(times.max()),
        ranges=dict(zip(dataset.inputs, dataset.ranges, strict=True)),
        groups=tuple(name for name in dataset.group_names if name),
        oddities=dict(zip(dataset.columns, dataset.oddities, strict=True)),
        reading=dataset.notes,
    )


def _per_word(clips: Clips, labels: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(clips.label, minlength=len(labels)).tolist()
    return dict(zip(labels, counts, strict=True))


def _windows(dataset: SpeechDataset) -> dict[str, dict[str, int]]:
    """Count the windows of each reject class in each set."""
    if dataset.sounds is None:
        return {}
    samples = dataset.train.pcm.shape[1]
    return {
        subset: {
            label: len(subsets[subset].windows(samples)[0])
            for label, subsets in dataset.sounds.classes.items()
        }
        for subset in dataset.subsets
    }


def _duplicates_across(dataset: SpeechDataset) -> int:
    earlier = set(dataset.train.digests)
    count = sum(digest in earlier for digest in dataset.validation.digests)
    earlier |= set(dataset.validation.digests)
    return count + sum(digest in earlier for digest in dataset.test.digests)


def _conflicting(dataset: SpeechDataset) -> int:
    pairs = [
        (digest, int(label))
        for clips in dataset.subsets.values()
        for digest, label in zip(clips.digests, clips.label, strict=True)
    ]
    words = Counter(digest for digest, _ in set(pairs))
    return sum(words[digest] > 1 for digest, _ in pairs)
