"""Reject recordings as arrays: decoded once into the cache, without copies of clips of words."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motefit.data.cache import SUFFIX, cache_folder, made_entry
from motefit.data.damage import BrokenFile, damage_note, damaged_files
from motefit.data.decode import file_digest, fit_length, pcm_digest
from motefit.data.file_decoder import FileDecoder
from motefit.data.rejects.reject_folders import RejectFile
from motefit.data.rejects.reject_plan import LEFT_OUT, RejectPlan
from motefit.data.rejects.reject_sounds import RejectData, RejectSounds
from motefit.data.splits import SUBSETS
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

_FORMAT = 3
_log = logging.getLogger(__name__)
COPY_OF_WORD = "the samples of a clip of a word"
COPY = "a copy of another recording"
DAMAGED = "damaged"
IN_CLOSED_LIST = "in the test list, which folds leave out"


def load_rejects(  # noqa: PLR0913 - one keyword per thing a caller decides
    plan: RejectPlan,
    data: SpeechData,
    *,
    root: Path,
    words: Collection[str],
    rate_hz: int,
    samples: int,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RejectData:
    """Decode the recordings of a plan, and leave out those that occur before.

    Args:
        plan: recordings and their sets.
        data: the recipe's section.
        root: of the words, named in errors.
        words: digests of the clips of words in all sets.
        rate_hz: rate of the result.
        samples: of a clip.
        cache: folder of the cache.
        progress: called with files decoded and files in all; not called on a cache hit.

    Raises:
        DataError: if too many files are damaged, or for a class without a recording in some set.
        OutputError: if the cache cannot be written.
    """
    files = (*plan.files, *plan.spoken)
    paths = [file.path for file in files]
    decoder = FileDecoder(paths, data, root=root, rate_hz=rate_hz, progress=progress)
    pcm, facts = _decoded(decoder, files, data, rate_hz=rate_hz, samples=samples, cache=cache)
    lengths = np.array(facts["lengths"], np.int64)

    def sounds(rows: Sequence[int]) -> RejectSounds:
        return _sounds(rows, files, pcm, lengths, facts["digests"])

    kept, dropped = _kept(plan, facts, words)
    classes = {
        label: {
            subset: sounds([i for i in kept[subset] if files[i].label == label])
            for subset in SUBSETS
        }
        for label in data.rejects
    }
    _require_all(classes, data, root)
    spoken = [i for i in range(len(plan.files), len(files)) if lengths[i]]
    rows = [*((subset, i) for subset in SUBSETS for i in kept[subset]), *(("", i) for i in spoken)]
    content = [[files[i].label, subset, files[i].name, facts["wholes"][i]] for subset, i in rows]
    damaged = damaged_files(facts, paths)
    return RejectData(
        classes=classes,
        spoken=sounds(spoken) if plan.spoken else None,
        key=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
        taken=(*_taken(classes, plan.listed, rate_hz), *_damage_notes(damaged, len(files), root)),
        dropped=dropped,
        damaged=damaged,
    )


def _sounds(
    rows: Sequence[int],
    files: Sequence[RejectFile],
    pcm: npt.NDArray[np.int16],
    lengths: npt.NDArray[np.int64],
    digests: Sequence[str],
) -> RejectSounds:
    """Return the recordings at some rows of all that were decoded."""
    chosen = np.array(rows, np.int64)
    return RejectSounds(
        pcm=pcm,
        starts=(np.cumsum(lengths) - lengths)[chosen],
        lengths=lengths[chosen],
        names=tuple(files[i].name for i in rows),
        sources=tuple(files[i].source for i in rows),
        speakers=tuple(files[i].speaker for i in rows),
        digests=tuple(digests[i] for i in rows),
    )


def _damage_notes(damaged: Sequence[BrokenFile], total: int, root: Path) -> tuple[str, ...]:
    """Log what was left out, and return it as a sentence; none without damaged files."""
    if not damaged:
        return ()
    note = damage_note(damaged, total)
    _log.warning("%s: %s", root, note)
    return (f"reject classes: {note}",)


def _kept(
    plan: RejectPlan, facts: Mapping[str, Any], words: Collection[str]
) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Return the rows used in each set, and the number of others by reason."""
    held, seen, dropped = set(words), set[str](), Counter[str]()
    kept: dict[str, list[int]] = {subset: [] for subset in SUBSETS}
    for subset in (*SUBSETS, LEFT_OUT):
        for row in (i for i, home in enumerate(plan.subsets) if home == subset):
            whole, sound = facts["wholes"][row], not facts["zero"][row]
            if not facts["lengths"][row]:
                dropped[DAMAGED] += 1
            elif subset == LEFT_OUT:
                dropped[IN_CLOSED_LIST] += 1
            elif facts["digests"][row] in held and sound:
                dropped[COPY_OF_WORD] += 1
            elif whole in seen and sound:
                dropped[COPY] += 1
            else:
                seen.add(whole)
                kept[subset].append(row)
    return kept, dict(sorted(dropped.items()))


def _require_all(
    classes: Mapping[str, Mapping[str, RejectSounds]], data: SpeechData, root: Path
) -> None:
    for label, subsets in classes.items():
        empty = [subset for subset, sounds in subsets.items() if not len(sounds)]
        if empty:
            count = sum(map(len, subsets.values()))
            raise DataError(
                f"{root}: {label} has no recording in the {' and the '.join(empty)} set: whole "
                f"recordings and speakers are split, and {', '.join(data.sources[label])} has "
                f"{count} recordings in all; add recordings or speakers, or the entry "
                '"synthetic"'
            )


def _taken(
    classes: Mapping[str, Mapping[str, RejectSounds]], listed: frozenset[str], rate_hz: int
) -> tuple[str, ...]:
    """Describe the recordings of each class and entry, one sentence each."""
    sentences = []
    for label, subsets in classes.items():
        for source in dict.fromkeys(s for sounds in subsets.values() for s in sounds.sources):
            own = {
                subset: [i for i, s in enumerate(sounds.sources) if s == source]
                for subset, sounds in subsets.items()
            }
            voices = [subsets[subset].speakers[i] for subset, rows in own.items() for i in rows]
            seconds = sum(int(subsets[p].lengths[rows].sum()) for p, rows in own.items()) / rate_hz
            known = len(set(voices) - {None})
            names = [subsets[subset].names[i] for subset, rows in own.items() for i in rows]
            how = "by recording (speakers unknown)"
            if listed.issuperset(names):
                how = "by the published lists"
            elif None not in voices:
                how = f"by {known} speakers"
            elif known:
                how = f"by {known} speakers, and by recording where the speaker is unknown"
            counts = ", ".join(f"{subset} {len(rows)}" for subset, rows in own.items())
            sentences.append(
                f"{label} of {source}: {len(voices)} recordings, {seconds / 60:.1f} minutes, split "
                f"{how}: {counts}"
            )
    return tuple(sentences)


def _decoded(
    decoder: FileDecoder,
    files: Sequence[RejectFile],
    data: SpeechData,
    *,
    rate_hz: int,
    samples: int,
    cache: Path | None,
) -> tuple[npt.NDArray[np.int16], Mapping[str, Any]]:
    """Return all samples, and facts of each file; a damaged one has the length 0."""
    digests = [file_digest(file.path) for file in files]
    decoding = [data.channel, data.damaged_percent]
    content = json.dumps(["rejects", _FORMAT, rate_hz, samples, decoding, digests])
    key = hashlib.sha256(content.encode()).hexdigest()[:32]
    entry = cache_folder(cache) / "speech" / f"{key}{SUFFIX}"
    empty = {"lengths": 0, "digests": "", "wholes": "", "zero": True}
    facts: dict[str, list[Any]] = {name: [fact] * len(files) for name, fact in empty.items()}

    def blocks() -> Iterator[npt.NDArray[np.int16]]:
        for index, decoded in decoder.decoded():
            pcm = decoded.pcm
            start = fit_length(pcm, samples)
            facts["lengths"][index] = len(pcm)
            facts["digests"][index] = pcm_digest(start)
            facts["wholes"][index] = pcm_digest(pcm if len(pcm) > samples else start)
            facts["zero"][index] = not pcm.any()
            yield pcm

    return made_entry(entry, blocks, lambda: {**facts, "damaged": decoder.damaged})
