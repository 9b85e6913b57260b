"""A few recordings of one's own among many synthetic clips: what trains, what chooses, what tests.

Real speech is measured wherever there is some: with recordings, the test set is recordings only.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motefit.data.speech import Clips, SpeechDataset, chosen_clips
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

TRAIN_PERCENT, VALIDATION_PERCENT = 70, 10
"""Split of the recordings of each word; the rest is the test set."""
SPEAKER = "espeak-ng"
"""Start of the names of synthetic speakers, so that none is taken for a person."""


def split_of_recordings(data: SpeechData) -> SpeechData:
    """Return how recordings are split: each set has at least one of each word, if there are 3."""
    return replace(
        data,
        split="stratified",
        train_percent=TRAIN_PERCENT,
        validation_percent=VALIDATION_PERCENT,
        unknown=(),
        silence=(),
    )


def synthetic_only(synthetic: SpeechDataset) -> SpeechDataset:
    """Name the synthetic speakers as such, and say what the score of such a test set means."""
    test = _named(synthetic.test)
    note = (
        f"measured on synthetic speech only: {len(test)} clips by {len({*test.speakers})} voices "
        "that are not in training. People are harder: record each word ten times and give the "
        "folder with --data, and the score will be of real speech"
    )
    return replace(
        synthetic,
        train=_named(synthetic.train),
        validation=_named(synthetic.validation),
        test=test,
        taken=(*synthetic.taken, note),
    )


def add_recordings(
    synthetic: SpeechDataset, own: SpeechDataset, *, share_percent: float
) -> SpeechDataset:
    """Add recordings to synthetic clips of the same words.

    The training recordings of a word are repeated until they are a share of its training clips, and
    augmented differently every time. The synthetic voices kept apart choose the model together with
    some recordings; the test set is recordings only.

    Args:
        synthetic: split by synthetic speaker.
        own: the recordings, at the same rate and length.
        share_percent: of recordings among the training clips of each word.

    Raises:
        DataError: if the words differ.
    """
    if own.words != synthetic.words:
        raise DataError(
            f"recordings of {', '.join(own.words)}, but the words are "
            f"{', '.join(synthetic.words)}: record each of them"
        )
    made = {name: _named(clips) for name, clips in synthetic.subsets.items()}
    times, rows = _repeated(made["train"], own.train, share_percent)
    train = _joined([made["train"], chosen_clips(own.train, rows)])
    validation = _joined([made["validation"], made["test"], own.validation])
    counts = {name: len(clips) for name, clips in own.subsets.items()}
    choosing = len(made["validation"]) + len(made["test"])
    taken = " to ".join(str(n) for n in sorted({min(times), max(times)}))
    note = (
        f"measured on {counts['test']} of the recordings in the folder, which were held out; "
        f"{counts['train']} train, each taken {taken} times, beside {len(made['train'])} synthetic "
        f"clips; {counts['validation']} choose the model together with {choosing} clips by "
        "synthetic voices that are not in training"
    )
    key = json.dumps([synthetic.key, own.key, share_percent])
    return replace(
        synthetic,
        train=train,
        validation=validation,
        test=own.test,
        noise=np.concatenate([synthetic.noise, own.noise]),
        key=hashlib.sha256(key.encode()).hexdigest(),
        taken=(*synthetic.taken, *own.taken[2:], note),
        unused=own.unused,
    )


def _named(clips: Clips) -> Clips:
    return replace(clips, speakers=tuple(f"{SPEAKER} {name}" for name in clips.speakers))


def _repeated(
    synthetic: Clips, own: Clips, share_percent: float
) -> tuple[list[int], NDArray[np.int64]]:
    """Return how often the recordings of each word are taken, and the indices of all."""
    ratio = share_percent / (100 - share_percent)
    times, rows = [], []
    for label in np.unique(own.label):
        places = np.flatnonzero(own.label == label)
        wanted = ratio * int((synthetic.label == label).sum())
        times.append(max(1, round(wanted / len(places))))
        rows.append(np.tile(places, times[-1]))
    return times, np.concatenate(rows)


def _joined(sets: Sequence[Clips]) -> Clips:
    return Clips(
        pcm=np.concatenate([clips.pcm for clips in sets]),
        label=np.concatenate([clips.label for clips in sets]),
        ids=tuple(name for clips in sets for name in clips.ids),
        speakers=tuple(name for clips in sets for name in clips.speakers),
        lengths=np.concatenate([clips.lengths for clips in sets]),
        digests=tuple(digest for clips in sets for digest in clips.digests),
        recordings=tuple(recording for clips in sets for recording in clips.recordings),
    )
