"""Which set each reject recording is in: whole recordings, and whole speakers where known."""

import hashlib
from collections.abc import Mapping, Sequence

from motefit.data.rejects.reject_folders import RejectFile
from motefit.data.splits import SUBSETS


def split_rejects(
    files: Sequence[RejectFile],
    *,
    listed: Mapping[str, str],
    homes: Mapping[str, str],
    train_percent: float,
    validation_percent: float,
    seed: int,
) -> list[str]:
    """Assign each recording to a set.

    A published list decides where there is one. Otherwise all recordings of a speaker, or a
    recording of an unknown speaker, are in one set: that of the speaker's words if no speaker of
    the words is in two sets, else drawn within each entry of the recipe. An entry of at least three
    speakers or recordings has one in each set.

    Args:
        files: the recordings.
        listed: set by name, for recordings in published lists; ``""`` leaves one out.
        homes: set by speaker of the words; empty if speakers of the words are in several sets.
        train_percent: share of the training set.
        validation_percent: share of the validation set; the rest is the test set.
        seed: same seed and names: same split.

    Returns:
        one of ``SUBSETS`` for each recording, or ``""`` for one that is left out.
    """
    groups = [f"speaker {f.speaker}" if f.speaker else f"recording {f.name}" for f in files]
    home = {f"speaker {speaker}": subset for speaker, subset in homes.items()}
    for source in dict.fromkeys((f.label, f.source) for f in files):
        own = {
            g
            for f, g in zip(files, groups, strict=True)
            if (f.label, f.source) == source and g not in home and f.name not in listed
        }
        order = sorted(own, key=lambda g: hashlib.sha256(f"{seed} {g}".encode()).digest())
        first, second = _cuts(len(order), train_percent, train_percent + validation_percent)
        for place, group in enumerate(order):
            home[group] = SUBSETS[(place >= first) + (place >= second)]
    return [
        listed[f.name] if f.name in listed else home[g] for f, g in zip(files, groups, strict=True)
    ]


def _cuts(count: int, first_percent: float, second_percent: float) -> tuple[int, int]:
    """Return how many of a shuffled list are in the first set, and in the first two."""
    if count < len(SUBSETS):
        return count, count
    second = min(max(round(count * second_percent / 100), 2), count - 1)
    return min(max(round(count * first_percent / 100), 1), second - 1), second
