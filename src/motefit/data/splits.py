"""Splits into training, validation and test set: published lists, or seeded by clip or speaker."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from motefit.data.speakers import SPEAKER_REMEDY
from motefit.data.tree import composed
from motefit.spec.errors import DataError

SUBSETS = ("train", "validation", "test")
_NAMED = 3
"""Number of clips without a speaker that an error names."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Clip ids (``"word/stem"``) per set, each sorted.

    Attributes:
        train: ids of the training set.
        validation: ids of the validation set.
        test: ids of the test set.
        missing: ids in a list that are missing from the folder.
        unlisted: ids in the folder that are in no list.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()

    @property
    def subsets(self) -> dict[str, tuple[str, ...]]:
        """The three sets by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def word_of(clip_id: str) -> str:
    """Return the word of a clip id ``"word/stem"``."""
    return clip_id.partition("/")[0]


def published_split(ids: Iterable[str], lists: Mapping[str, Path]) -> Split:
    """Read lists of files; a line is matched by its last folder (word) and its stem.

    The file extension does not matter: ``./data/x/up/a_nohash_0.wav`` is the clip
    ``up/a_nohash_0``. Lines of other words are ignored. Without a training list, clips in no list
    are for training (as in Google's Speech Commands).

    Args:
        ids: clip ids in the folder.
        lists: the list of each set; ``train`` may be absent.

    Raises:
        DataError: for a clip in two lists, a line that is not a path, or no existing clip at all.
    """
    present = set(ids)
    words = {word_of(name) for name in present}
    home: dict[str, str] = {}
    for subset, path in lists.items():
        for name in read_list(path):
            if word_of(name) not in words:
                continue
            if home.setdefault(name, subset) != subset:
                raise DataError(
                    f"{path}: the clip {name} is also in {lists[home[name]].name}; "
                    "a clip may be in one set only: remove it from one list"
                )
    unlisted = present - set(home)
    if "train" not in lists:
        home.update(dict.fromkeys(unlisted, "train"))
        unlisted = set()
    missing = set(home) - present
    if home and not set(home) & present:
        raise DataError(
            f"{next(iter(lists.values())).parent}: none of the {len(home)} listed clips is in the "
            f"folder (listed: {min(home)}, present: {min(present)}); the lists belong to other data"
        )
    subsets = {subset: sorted(n for n in present if home.get(n) == subset) for subset in SUBSETS}
    return _checked(subsets, missing=sorted(missing), unlisted=sorted(unlisted))


def stratified_split(
    ids: Iterable[str], *, train_percent: float, validation_percent: float, seed: int
) -> Split:
    """Split each word at random; each count is within one clip of its percentage.

    A word with at least three clips has one in each set, which may move a cut by one more clip.
    Each word has its own random stream, so that adding a word moves no clip of another.

    Args:
        ids: clip ids, in any order.
        train_percent: share of the training set.
        validation_percent: share of the validation set; the rest is the test set.
        seed: same seed and ids: same split.
    """
    subsets: dict[str, list[str]] = {subset: [] for subset in SUBSETS}
    for word, names in _by_word(ids).items():
        rng = np.random.default_rng([seed % 2**63, *word.encode()])
        order = [names[i] for i in rng.permutation(len(names))]
        shares = _cumulated(train_percent, validation_percent)
        first, second = (round(len(order) * share / 100) for share in shares)
        if len(order) >= len(SUBSETS):  # each set has a clip of the word
            second = min(max(second, 2), len(order) - 1)
            first = min(max(first, 1), second - 1)
        cuts = [first, second]
        for subset, start, stop in zip(SUBSETS, [0, *cuts], [*cuts, len(order)], strict=True):
            subsets[subset] += order[start:stop]
    return _checked({subset: sorted(names) for subset, names in subsets.items()})


def speaker_split(
    speakers: Mapping[str, str | None],
    *,
    train_percent: float,
    validation_percent: float,
    seed: int,
) -> Split:
    """Draw sets that share no speaker, as balanced by word as whole speakers allow.

    Speakers come in random order, those with most clips first; each goes to the set that lacks most
    of what the speaker has (iterative stratification: Sechidis et al., ECML PKDD 2011).

    Args:
        speakers: the speaker of each clip id; None where it is not known.
        train_percent: share of the training set.
        validation_percent: share of the validation set; the rest is the test set.
        seed: same seed and ids: same split.

    Raises:
        DataError: for a clip of an unknown speaker, fewer than three speakers, or a word without a
            training clip.
    """
    _require_known(speakers)
    groups, counts = _by_speaker(speakers)
    if len(groups) < len(SUBSETS):
        raise DataError(
            f"a speaker split needs at least 3 speakers, but the clips are from {len(groups)}; "
            'correct [data] speaker, or use split = "stratified"'
        )
    share = np.diff([0.0, *_cumulated(train_percent, validation_percent), 100.0]) / 100
    homes = _assign(counts, share, rng=np.random.default_rng(seed % 2**63))
    subsets: dict[str, list[str]] = {subset: [] for subset in SUBSETS}
    for home, names in zip(homes, groups.values(), strict=True):
        subsets[SUBSETS[home]] += names
    return _checked({subset: sorted(names) for subset, names in subsets.items()})


def given_split(
    subsets: Mapping[str, str],
    speakers: Mapping[str, str | None],
    *,
    validation_percent: float,
    seed: int,
) -> Split:
    """Take the sets that folders or a manifest give.

    Without a validation set, some of the training clips become one: whole speakers if those of all
    training clips are known, otherwise clips of each word at random.

    Args:
        subsets: the set of each clip id.
        speakers: the speaker of each clip id; None where it is not known.
        validation_percent: of the training clips, if no validation set is given.
        seed: of that choice.

    Raises:
        DataError: if no training or test set is given, or a word has no training clip.
    """
    found = {
        subset: sorted(name for name in subsets if subsets[name] == subset) for subset in SUBSETS
    }
    if not found["train"] or not found["test"]:
        given = ", ".join(subset for subset in SUBSETS if found[subset]) or "none"
        raise DataError(
            f'split = "given" needs a training and a test set, and only these are given: {given}; '
            'to draw sets from all clips, use split = "stratified" or "speaker"'
        )
    if not found["validation"]:
        rng = np.random.default_rng(seed % 2**63)
        own = {name: speakers[name] for name in found["train"]}
        chosen = _drawn(own, validation_percent / 100, rng)
        found["validation"] = sorted(chosen)
        found["train"] = [name for name in found["train"] if name not in chosen]
    return _checked(found)


def _drawn(speakers: Mapping[str, str | None], share: float, rng: np.random.Generator) -> set[str]:
    """Draw a share of clips: of whole speakers if all are known, else of each word."""
    if None not in speakers.values() and len(set(speakers.values())) >= len(SUBSETS):
        groups, counts = _by_speaker(speakers)
        homes = _assign(counts, np.array([1 - share, share]), rng=rng)
        return {n for home, g in zip(homes, groups.values(), strict=True) if home for n in g}
    chosen: set[str] = set()
    for names in _by_word(speakers).values():
        count = min(max(round(len(names) * share), 1), len(names) - 1)
        chosen |= {names[i] for i in rng.permutation(len(names))[:count]}
    return chosen


def fold_split(
    speakers: Mapping[str, str | None], closed: Path, *, folds: int, fold: int, seed: int
) -> Split:
    """Cut the clips that are not in a test list into folds that share no speaker.

    One fold validates, the next one tests, the others train: a choice by the clips of strangers
    that never sees the published test list. Folds are balanced as in :func:`speaker_split`.

    Args:
        speakers: the speaker of each clip id; None where it is not known.
        closed: the published test list, whose clips are in no set.
        folds: how many, at least 3.
        fold: index of the one that validates.
        seed: same seed, ids and list: same folds.

    Raises:
        DataError: for a clip of an unknown speaker, fewer speakers than folds, or a word without a
            training clip.
    """
    left_out = set(read_list(closed))
    open_clips = {name: who for name, who in speakers.items() if name not in left_out}
    _require_known(open_clips)
    groups, counts = _by_speaker(open_clips)
    if len(groups) < folds:
        raise DataError(
            f"{folds} folds need at least as many speakers, but the clips outside {closed.name} "
            f"are from {len(groups)}; use fewer folds"
        )
    share = np.full(folds, 1 / folds)
    homes = _assign(counts, share, rng=np.random.default_rng(seed % 2**63))
    subset_of = {fold: "validation", (fold + 1) % folds: "test"}
    subsets: dict[str, list[str]] = {subset: [] for subset in SUBSETS}
    for home, names in zip(homes, groups.values(), strict=True):
        subsets[subset_of.get(home, "train")] += names
    found = {subset: sorted(names) for subset, names in subsets.items()}
    return _checked(found, unlisted=sorted(left_out & set(speakers)))


def _by_speaker(
    speakers: Mapping[str, str | None],
) -> tuple[dict[str, list[str]], npt.NDArray[np.float64]]:
    """Group clips by speaker, and count each group's clips per word and in all."""
    groups: dict[str, list[str]] = {}
    for name in sorted(speakers):
        groups.setdefault(str(speakers[name]), []).append(name)
    columns = {word: i for i, word in enumerate(_by_word(n for g in groups.values() for n in g))}
    counts = np.zeros((len(groups), len(columns) + 1))
    for row, names in enumerate(groups.values()):
        np.add.at(counts[row], [columns[word_of(name)] for name in names], 1)
    counts[:, -1] = counts.sum(axis=1)
    return groups, counts


def _require_known(speakers: Mapping[str, str | None]) -> None:
    unknown = sorted(name for name, speaker in speakers.items() if speaker is None)
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        shown = ", ".join(unknown[:_NAMED]) + more
        raise DataError(
            f'split = "speaker" needs the speaker of every clip, and speakers are unknown for '
            f"{len(unknown)} of {len(speakers)} clips: {shown}. {SPEAKER_REMEDY}, or use "
            'split = "stratified"'
        )


def _assign(
    counts: npt.NDArray[np.float64], share: npt.NDArray[np.float64], *, rng: np.random.Generator
) -> list[int]:
    """Assign each group to a set.

    Args:
        counts: (groups, words + 1), clips of each group per word and in all.
        share: (sets,), of all clips.
        rng: orders groups of equal size.
    """
    wanted = share[:, None] * counts.sum(axis=0)
    lacking = wanted.copy()
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled, -1], kind="stable")]
    homes = [0] * len(counts)
    empty = set(range(len(share)))
    for done, row in enumerate(order.tolist()):
        need = (lacking / wanted) @ counts[row]
        if len(order) - done <= len(empty):
            need = np.where(np.isin(np.arange(len(share)), list(empty)), need, -np.inf)
        homes[row] = int(np.argmax(need))
        empty.discard(homes[row])
        lacking[homes[row]] -= counts[row]
    return homes


def _cumulated(train_percent: float, validation_percent: float) -> tuple[float, float]:
    return train_percent, train_percent + validation_percent


def _by_word(ids: Iterable[str]) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for name in sorted(ids):
        words.setdefault(word_of(name), []).append(name)
    return words


def read_list(path: Path) -> list[str]:
    """Read clip ids (``"word/stem"``, in Unicode NFC) from a list of paths, one per line.

    Raises:
        DataError: for a line that is not a path, or a file that is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: the list is not a UTF-8 text file") from None
    names = []
    for number, line in enumerate(lines, 1):
        pieces = line.strip().replace("\\", "/").split("/")
        if pieces == [""]:
            continue
        if len(pieces) < 2:
            raise DataError(
                f"{path}, line {number}: expected a path that ends in word/file, got {line!r}"
            )
        stem, dot, _ = pieces[-1].rpartition(".")
        names.append(composed(f"{pieces[-2]}/{stem if dot and stem else pieces[-1]}"))
    return names


def _checked(
    subsets: Mapping[str, Sequence[str]],
    *,
    missing: Sequence[str] = (),
    unlisted: Sequence[str] = (),
) -> Split:
    for subset, names in subsets.items():
        if not names:
            raise DataError(
                f"the {subset} set has no clips; add clips, or change the split or its percentages"
            )
    without = {word_of(n) for p in subsets.values() for n in p} - {
        word_of(n) for n in subsets["train"]
    }
    if without:
        raise DataError(
            f"no training clip of {', '.join(sorted(without))}; add clips or change the split"
        )
    return Split(
        train=tuple(subsets["train"]),
        validation=tuple(subsets["validation"]),
        test=tuple(subsets["test"]),
        missing=tuple(missing),
        unlisted=tuple(unlisted),
    )
