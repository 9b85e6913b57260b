"""Hard negatives: the windows of reject recordings that a model takes for words."""

from collections.abc import Mapping, Sequence

import numpy as np

from motefit.data.rejects.reject_sounds import RejectSounds
from motefit.measure.accuracy import CHUNK_CLIPS
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming.detector import StreamingSettings


def find_hard_negatives(
    spotter: KeywordSpotter,
    sounds: Sequence[RejectSounds],
    *,
    known: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Classify windows at the hop of a stream, and list those whose likeliest label is a word.

    Args:
        spotter: the model, as it would ship.
        sounds: recordings of the training set.
        known: hard negatives found earlier, which are kept.

    Returns:
        by the name of a recording, the first samples of the windows in it, sorted.
    """
    frontend = spotter.io.frontend
    hop = round(StreamingSettings().hop_ms / 1000 * frontend.rate_hz)
    found = {name: set(places) for name, places in (known or {}).items()}
    for recordings in sounds:
        owners, places = _hops(recordings, hop, frontend.clip_samples)
        for start in range(0, len(owners), CHUNK_CLIPS):
            some = slice(start, start + CHUNK_CLIPS)
            pcm = recordings.cut(owners[some], places[some], frontend.clip_samples, continued=False)
            answered = spotter.classify_batch(pcm).argmax(axis=1) < len(spotter.io.words)
            for owner, place in zip(owners[some][answered], places[some][answered], strict=True):
                found.setdefault(recordings.names[owner], set()).add(int(place))
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def _hops(sounds: RejectSounds, hop: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """List windows (k,) recording and (k,) first sample, a hop apart."""
    counts = np.maximum(sounds.lengths - samples, 0) // hop + 1
    owners = np.repeat(np.arange(len(sounds)), counts)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owners, number * hop
