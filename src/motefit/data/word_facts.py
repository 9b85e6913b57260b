"""Recording facts of each word, and differences between words."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motefit.data.recordings import Recording
from motefit.data.speech import Clips, SpeechDataset
from motefit.data.speech_folder import HIDDEN

SHARE_POINTS = 5.0
"""Shares further apart than this many percentage points cause a warning."""
CHANCE_DEVIATIONS = 2.0
"""... unless, with so few clips, they differ by less than this many standard deviations."""
LENGTH_POINTS = 25.0
"""The same for clips that are padded or cropped, because words differ in length."""
LEVEL_DB = 10.0
"""Median levels further apart cause a warning: 1.3 dB apart in Mini Speech Commands."""
BANDWIDTH_RATIO = 1.5
"""Median bandwidths that differ by a larger factor cause a warning: 1.07 in Mini Speech Commands, 2
between recordings at 8 and at 16 kHz."""
MOST_CLIPPED = 0.5
"""A word with a larger share of clipped clips causes a warning."""
OFFSET_PERCENT = 2.0
"""A clip whose mean is further from zero, in percent of full scale, has an offset."""
TINY_MS = 100
"""A shorter clip holds no word."""
LOWER_BITS_DBFS = -48.0
"""Sound that fills only the lower 24 of 32 bits is not louder."""


@dataclass(frozen=True, kw_only=True)
class WordFacts:
    """Recording facts of the clips of one word, over all sets.

    Attributes:
        clips: of the word.
        rates_hz: clips by sampling rate of their files.
        channels: clips by channels of their files.
        encodings: clips by container and encoding, e.g. ``"FLAC PCM_16"``.
        median_ms: length of the clips before they are padded or cropped.
        min_ms: of the shortest.
        max_ms: of the longest.
        shorter: clips shorter than the model's input, zero-padded.
        longer: clips longer than that, cropped.
        level_dbfs: median of the clips' root mean square, in dB of full scale.
        clipped: clips with at least ten samples at full scale.
        bandwidth_hz: median of the frequencies above which clips are empty.
        unused: audio files in the word's folder that are not used, without hidden ones.
        missed: longer clips whose loudest part is cropped away.
        faint: clips without a sample above -60 dB of full scale, or of 32 bits and no louder than
            their lower 24 bits.
        offset: clips, none of them clipped, whose mean is more than 2 % of full scale from zero.
        tiny: clips shorter than 100 ms.
    """

    clips: int
    rates_hz: Mapping[str, int]
    channels: Mapping[str, int]
    encodings: Mapping[str, int]
    median_ms: int
    min_ms: int
    max_ms: int
    shorter: int
    longer: int
    level_dbfs: float
    clipped: int
    bandwidth_hz: float
    unused: int
    missed: int = 0
    faint: int = 0
    offset: int = 0
    tiny: int = 0


def word_facts(dataset: SpeechDataset) -> dict[str, WordFacts]:
    """Compute the facts of each word; empty for clips that do not come from files."""
    if not all(clips.recordings for clips in dataset.subsets.values()):
        return {}
    label = np.concatenate([clips.label for clips in dataset.subsets.values()])
    lengths = np.concatenate([clips.lengths for clips in dataset.subsets.values()])
    recordings = [r for clips in dataset.subsets.values() for r in clips.recordings]
    far = np.concatenate([_has_offset(clips) for clips in dataset.subsets.values()])
    samples = dataset.train.pcm.shape[1]
    facts = {}
    for index, word in enumerate(dataset.words):
        rows = np.flatnonzero(label == index)
        held = [recordings[row] for row in rows]
        ms = lengths[rows] * 1000 / dataset.rate_hz
        facts[word] = WordFacts(
            clips=len(rows),
            rates_hz=_counted(r.rate_hz for r in held),
            channels=_counted(r.channels for r in held),
            encodings=_counted(r.encoding for r in held),
            median_ms=round(float(np.median(ms))),
            min_ms=round(float(ms.min())),
            max_ms=round(float(ms.max())),
            shorter=int((lengths[rows] < samples).sum()),
            longer=int((lengths[rows] > samples).sum()),
            missed=sum(r.missed for r in held),
            faint=sum(map(_is_faint, held)),
            offset=sum(bool(far[row]) and not recordings[row].clipped for row in rows.tolist()),
            tiny=int((ms < TINY_MS).sum()),
            level_dbfs=round(float(np.median([r.level_dbfs for r in held])), 1),
            clipped=sum(r.clipped for r in held),
            bandwidth_hz=round(float(np.median([r.bandwidth_hz for r in held]))),
            unused=sum(
                counts.get(word, 0) for why, counts in dataset.unused.items() if why != HIDDEN
            ),
        )
    return facts


def word_warnings(facts: Mapping[str, WordFacts]) -> tuple[str, ...]:
    """Describe what a model may distinguish instead of the words."""
    if len(facts) < 2:
        return (*_cropped(facts), *_unusable(facts))
    clips = {word: f.clips for word, f in facts.items()}
    warnings = [
        *_by_kind("native sampling rate", {w: f.rates_hz for w, f in facts.items()}, " Hz"),
        *_by_kind("number of channels", {w: f.channels for w, f in facts.items()}),
        *_by_kind("encoding", {w: f.encodings for w, f in facts.items()}),
        *_by_share("clips that are padded", {w: f.shorter for w, f in facts.items()}, clips),
        *_by_share("clips that are cropped", {w: f.longer for w, f in facts.items()}, clips),
    ]
    low, high = _ends({w: f.level_dbfs for w, f in facts.items()})
    if facts[high].level_dbfs - facts[low].level_dbfs > LEVEL_DB:
        warnings.append(
            f"words differ in level (median): {low} {facts[low].level_dbfs} dBFS, "
            f"{high} {facts[high].level_dbfs} dBFS"
        )
    low, high = _ends({w: f.bandwidth_hz for w, f in facts.items()})
    if facts[high].bandwidth_hz > BANDWIDTH_RATIO * facts[low].bandwidth_hz:
        warnings.append(
            f"words differ in bandwidth (median): {low} {facts[low].bandwidth_hz:.0f} Hz, "
            f"{high} {facts[high].bandwidth_hz:.0f} Hz"
        )
    return (*warnings, *_cropped(facts), *_unusable(facts), *_losses(facts))


def _has_offset(clips: Clips) -> npt.NDArray[np.bool_]:
    """Mark the clips (n,) whose mean, without padding, is far from zero."""
    samples = clips.pcm.shape[1]
    mean = clips.pcm.mean(axis=1) * (samples / np.clip(clips.lengths, 1, samples))
    return np.asarray(np.abs(mean) > OFFSET_PERCENT / 100 * 32768)


def _is_faint(recording: Recording) -> bool:
    wide = recording.encoding.endswith("PCM_32")
    return recording.silent or (wide and recording.level_dbfs < LOWER_BITS_DBFS)


def _unusable(facts: Mapping[str, WordFacts]) -> list[str]:
    """Warn if words have clips that are almost silent or tiny, or clipped or offset as a rule."""
    faint = {w: f for w, f in facts.items() if 100 * f.faint > SHARE_POINTS * f.clips}
    clipped = {w: f for w, f in facts.items() if f.clipped > MOST_CLIPPED * f.clips}
    warnings = []
    if faint:
        words = "; ".join(f"{word} {f.faint} of {f.clips}" for word, f in faint.items())
        wide = any(kind.endswith("PCM_32") for f in faint.values() for kind in f.encodings)
        hint = "; if a recorder filled only the lower 24 of 32 bits, save the files as 24-bit ones"
        warnings.append(f"clips are almost silent: {words}{hint if wide else ''}")
    if clipped:
        words = "; ".join(f"{word} {f.clipped} of {f.clips}" for word, f in clipped.items())
        warnings.append(f"most clips are clipped, as with too high a gain: {words}")
    if offset := _named(facts, lambda f: f.offset):
        warnings.append(
            f"clips have an offset, whose level counts as sound: {offset}; the microphone or its "
            "supply is faulty, or its driver lacks a high-pass filter; to remove it: "
            "ffmpeg -i IN.wav -af highpass=f=20 OUT.wav"
        )
    if tiny := _named(facts, lambda f: f.tiny):
        warnings.append(f"clips are shorter than {TINY_MS} ms, too short for a word: {tiny}")
    return warnings


def _named(facts: Mapping[str, WordFacts], count: Callable[[WordFacts], int]) -> str:
    """List the words with such clips, with their number; empty if there are none."""
    found = {word: count(f) for word, f in facts.items()}
    return "; ".join(f"{word} {n} of {facts[word].clips}" for word, n in found.items() if n)


def _cropped(facts: Mapping[str, WordFacts]) -> list[str]:
    """Warn if cropping takes away the loudest part of clips."""
    missed = {word: f for word, f in facts.items() if f.missed}
    if not missed:
        return []
    words = "; ".join(f"{word} {f.missed} of {f.clips}" for word, f in missed.items())
    return [
        (
            f"cropping takes the loudest part of long clips away: {words}; "
            '[data] crop = "loudest" keeps it, and motefit data cut makes clips of long recordings'
        )
    ]


def _losses(facts: Mapping[str, WordFacts]) -> list[str]:
    """Warn if a word loses audio files, and if words lose unequal shares."""
    held = {word: f.unused + f.clips for word, f in facts.items()}
    lost = {word: 100 * f.unused / held[word] for word, f in facts.items()}
    low, high = _ends(lost)
    if lost[high] <= SHARE_POINTS:
        return []
    apart = lost[high] - lost[low] > SHARE_POINTS
    what = "words lose unequal shares of" if apart else "words lose"
    words = "; ".join(
        f"{word} {facts[word].unused} of {held[word]} ({lost[word]:.0f} %)" for word in facts
    )
    return [f"{what} their audio files: {words}"]


def _by_kind(what: str, counts: Mapping[str, Mapping[str, int]], unit: str = "") -> list[str]:
    """Warn if the share of any kind differs between words."""
    clips = {word: sum(kinds.values()) for word, kinds in counts.items()}
    kinds = dict.fromkeys(kind for held in counts.values() for kind in held)
    apart = any(
        _differ({word: held.get(kind, 0) for word, held in counts.items()}, clips, SHARE_POINTS)
        for kind in kinds
    )
    if not apart:
        return []
    shares = "; ".join(
        f"{word} "
        + ", ".join(f"{kind}{unit} {100 * n / clips[word]:.0f} %" for kind, n in held.items())
        for word, held in counts.items()
    )
    return [f"words differ in {what}: {shares}"]


def _by_share(what: str, counts: Mapping[str, int], clips: Mapping[str, int]) -> list[str]:
    pair = _differ(counts, clips, LENGTH_POINTS)
    shares = ", ".join(f"{word} {100 * counts[word] / clips[word]:.0f} %" for word in pair)
    return [f"words differ in the share of {what}: {shares}"] if pair else []


def _differ(
    counts: Mapping[str, int], clips: Mapping[str, int], points: float
) -> tuple[str, str] | tuple[()]:
    """Return the words of the least and the greatest share, if chance does not explain it."""
    low, high = _ends({word: counts[word] / clips[word] for word in counts})
    difference = counts[high] / clips[high] - counts[low] / clips[low]
    pooled = (counts[low] + counts[high]) / (clips[low] + clips[high])
    spread = math.sqrt(pooled * (1 - pooled) * (1 / clips[low] + 1 / clips[high]))
    beyond = difference >= min(CHANCE_DEVIATIONS * spread, 1.0)
    return (low, high) if 100 * difference > points and beyond else ()


def _ends(values: Mapping[str, float]) -> tuple[str, str]:
    """Return the names of the least and of the greatest value."""
    order = sorted(values, key=lambda name: values[name])
    return order[0], order[-1]


def _counted(values: Iterable[object]) -> dict[str, int]:
    return {str(value): n for value, n in sorted(Counter(values).items(), key=lambda i: str(i[0]))}
