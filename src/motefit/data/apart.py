"""Clips of more words for a helper of the training, apart from all that judges the model."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motefit.data.speech import Clips, SpeechDataset


def apart(wider: SpeechDataset, judged: SpeechDataset) -> SpeechDataset:
    """The wider data set without the clips that judge a model of the other one.

    Its training part loses every clip that stands, by id or sample for sample, in the validation or
    test part of either; its validation part every clip of either's test part. Where no speaker of
    ``judged`` is in training and test, as in a split by speaker, the same holds of speakers. The
    test part is empty.

    Args:
        wider: of more words, from the same folder.
        judged: of the words that the model tells apart.

    Returns:
        a data set whose key depends on the wider one and on the clips kept, and not on ``judged``:
        what is made of it serves other choices of words as well.
    """
    test = (wider.test, judged.test)
    held = (wider.validation, judged.validation, *test)
    by_speaker = not set(judged.train.speakers) & set(judged.test.speakers)  # None in both: unknown
    train = _without(wider.train, held, speakers=by_speaker)
    validation = _without(wider.validation, test, speakers=by_speaker)
    nothing = _chosen(wider.test, np.zeros(len(wider.test), bool))
    kept = json.dumps([wider.key, train.ids, validation.ids])
    key = hashlib.sha256(kept.encode()).hexdigest()
    return replace(wider, train=train, validation=validation, test=nothing, key=key)


def _without(clips: Clips, others: Collection[Clips], *, speakers: bool) -> Clips:
    ids = {name for other in others for name in other.ids}
    digests = {digest for other in others for digest in other.digests}
    voices = {voice for other in others for voice in other.speakers} if speakers else set()
    rows = zip(clips.ids, clips.digests, clips.speakers, strict=True)
    keep = [i not in ids and d not in digests and v not in voices for i, d, v in rows]
    return _chosen(clips, np.array(keep, bool))


def _chosen(clips: Clips, keep: NDArray[np.bool_]) -> Clips:
    if keep.all():
        return clips
    rows = np.flatnonzero(keep)
    return Clips(
        pcm=clips.pcm[rows],
        label=clips.label[rows],
        ids=tuple(clips.ids[i] for i in rows),
        speakers=tuple(clips.speakers[i] for i in rows),
        lengths=clips.lengths[rows],
        digests=tuple(clips.digests[i] for i in rows),
        recordings=tuple(clips.recordings[i] for i in rows) if clips.recordings else (),
    )
