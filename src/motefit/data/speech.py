"""Speech folders as arrays: found, split, decoded once, and memory-mapped from then on.

Extra words for a teacher come from the same folder: :func:`exclude_overlap` leaves out whatever is
in validation or test.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from motefit.data.cache import SUFFIX, made_entry
from motefit.data.cropping import crop_start
from motefit.data.damage import (
    BrokenFile,
    damage_note,
    damaged_files,
    damaged_words,
    without_damaged,
)
from motefit.data.decode import file_digest, fit_length, pcm_digest, read_clip
from motefit.data.file_decoder import FileDecoder
from motefit.data.recordings import Recording, describe, from_row
from motefit.data.rejects.load_rejects import load_rejects
from motefit.data.rejects.reject_folders import find_rejects, real_path
from motefit.data.rejects.reject_plan import plan_rejects
from motefit.data.rejects.reject_sounds import RejectData, RejectSounds
from motefit.data.speakers import describe_speakers, speaker_finder
from motefit.data.speech_folder import SpeechFolder, find_speech
from motefit.data.splits import (
    SUBSETS,
    Split,
    fold_split,
    given_split,
    published_split,
    speaker_split,
    stratified_split,
    word_of,
)
from motefit.data.stream_folder import StreamFolder
from motefit.data.tree import composed
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.files import cache_folder
from motefit.spec.tasks.speech_spec import SYNTHETIC, SpeechData

Progress = Callable[[int, int], None]
_FORMAT = 5
_MANY = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """One set of a speech data set; all sequences have the length n.

    Attributes:
        pcm: int16 (n, samples), read-only; a slice of a memory map that all processes share.
        label: int64 (n,), index into the data set's labels.
        ids: ``"word/stem"``, sorted, e.g. ``"up/0132a06d_nohash_2"``; ``"word/speaker/stem"`` if
            folders name the speakers.
        speakers: from the names; None if unknown.
        lengths: int64 (n,), samples before padding or cropping.
        digests: SHA-256 (hex) of each clip's samples; equal clips have equal digests.
        recordings: how each clip was recorded; empty for clips that do not come from files.
    """

    pcm: npt.NDArray[np.int16]
    label: npt.NDArray[np.int64]
    ids: tuple[str, ...]
    speakers: tuple[str | None, ...]
    lengths: npt.NDArray[np.int64]
    digests: tuple[str, ...]
    recordings: tuple[Recording, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeechDataset:
    """Clips of fixed length in a training, a validation and a test set.

    Attributes:
        labels: the words, sorted, then the reject classes.
        rate_hz: sampling rate of all audio.
        train: the training set.
        validation: the validation set.
        test: the test set.
        noise: int16 (samples,), all background noise end to end; empty if there is none.
        key: SHA-256 (hex) of rate, labels, split and samples; independent of the files' location
            and (lossless) format.
        listed_missing: ids in a published list that are missing from the folder.
        unlisted: ids in the folder that are in no published list.
        taken: how words, split and speakers were determined; one sentence each.
        unused: audio files of the folder that are in no set and not noise, by reason and word; the
            word is empty for those outside the word folders.
        sounds: recordings of the reject classes; None without such classes. The three sets contain
            words only.
        damaged: files that were left out because they cannot be decoded.
        stream: long recordings, if the recipe names some; None: nothing is measured in a stream.
    """

    labels: tuple[str, ...]
    rate_hz: int
    train: Clips
    validation: Clips
    test: Clips
    noise: npt.NDArray[np.int16]
    key: str
    listed_missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    unused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sounds: RejectData | None = None
    damaged: tuple[BrokenFile, ...] = ()
    stream: StreamFolder | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The labels that are words."""
        return tuple(label for label in self.labels if label not in self.rejects)

    @property
    def rejects(self) -> tuple[str, ...]:
        """The labels that are reject classes."""
        return tuple(self.sounds.classes) if self.sounds is not None else ()

    @property
    def subsets(self) -> dict[str, Clips]:
        """The three sets by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def relabeled(dataset: SpeechDataset, labels: Sequence[str]) -> SpeechDataset:
    """Number the words of a data set in another order.

    Args:
        dataset: any.
        labels: its labels in the new order; reject classes are last, in their own order.

    Raises:
        RecipeError: if they are other labels, or reject classes are elsewhere.
    """
    new = tuple(map(composed, labels))
    if sorted(new) != sorted(dataset.labels):
        raise RecipeError(
            f"the labels {', '.join(new)} are not those of the data: {', '.join(dataset.labels)}; "
            "name each once, in the order of the model's outputs"
        )
    rejects = dataset.rejects
    if rejects and new[-len(rejects) :] != rejects:
        raise RecipeError(
            f"the labels {', '.join(new)} must end with the reject classes {', '.join(rejects)}"
        )
    places = np.array([new.index(label) for label in dataset.labels], np.int64)
    train, validation, test = (
        replace(clips, label=places[clips.label]) for clips in dataset.subsets.values()
    )
    return replace(dataset, labels=new, train=train, validation=validation, test=test)


def load_speech(
    folder: Path,
    data: SpeechData,
    *,
    rate_hz: int,
    seconds: float,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> SpeechDataset:
    """Load a folder of recorded words; any rate, mono or not.

    The first call decodes every file into the cache; later calls, wherever the folder is, read and
    hash the files and map the cache (0.4 s for 8,000 clips). An entry is tied to the files' bytes,
    never to paths or dates, so it cannot go stale. Each choice of words, split, rate and length has
    its own entry (32 kB per 1 s clip at 16 kHz), in which every set is one contiguous stretch.

    Args:
        folder: contains the word folders, or their parent next to lists and noise.
        data: words, split, lists and noise; see :class:`SpeechData`.
        rate_hz: rate of the result; other rates are resampled.
        seconds: length of every clip; shorter ones are zero-padded at the end, longer ones cropped
            as ``data.crop`` says.
        cache: folder of the cache; default ``$MOTEFIT_CACHE`` or ``~/.cache/motefit``.
        progress: called with (files done, files) while decoding; after every 1,000 files read, too.

    Raises:
        DataError: for a missing folder or word, unusable lists, more broken files than
            ``data.damaged_percent`` (all are counted, some shown), or a split that leaves a set
            empty.
        OutputError: if the cache cannot be written.
        MissingExtraError: for other files than WAV without soundfile.
    """
    found = find_speech(folder, data)
    find = speaker_finder(data.speaker)
    speakers = {name: found.speakers.get(name) or find(name) for name in found.files}
    split = _split(found, data, speakers)
    plan = None
    if data.rejects:
        plan = plan_rejects(
            data, found, split, folder=folder, speakers=speakers, rate_hz=rate_hz, seconds=seconds
        )
        held = plan.held_out  # what it measures is no noise
        found = replace(found, noise=tuple(p for p in found.noise if real_path(p) not in held))
    samples = round(rate_hz * seconds)
    builder = _Builder(found, data, split, rate_hz, samples, progress)
    dataset = _load_words(builder, found, split, speakers, cache)
    dataset = replace(dataset, taken=_taken(dataset, found, data, speakers))
    if plan is None:
        return dataset
    sounds = load_rejects(
        plan,
        data,
        root=found.root,
        words={digest for clips in dataset.subsets.values() for digest in clips.digests},
        rate_hz=rate_hz,
        samples=samples,
        cache=cache,
        progress=progress,
    )
    return _with_rejects(dataset, sounds)


def _load_words(
    builder: "_Builder",
    found: SpeechFolder,
    split: Split,
    speakers: Mapping[str, str | None],
    cache: Path | None,
) -> SpeechDataset:
    """Open the clips of the words and the noise, after decoding them into the cache if needed."""
    payload, facts = builder.entry(cache_folder(cache))
    dataset = _dataset(
        payload,
        facts,
        split=without_damaged(split, builder.names, facts),
        speakers=speakers,
        rate_hz=builder.rate_hz,
        samples=builder.samples,
    )
    dataset = replace(
        dataset,
        damaged=damaged_files(facts, builder.files),
        unused={**_unused(found, split), **damaged_words(builder.names, facts)},
    )
    if dataset.damaged:
        _log.warning("%s: %s", found.root, damage_note(dataset.damaged, len(builder.files)))
    return dataset


def _with_rejects(dataset: SpeechDataset, sounds: RejectData) -> SpeechDataset:
    return replace(
        dataset,
        labels=(*dataset.labels, *sounds.classes),
        sounds=sounds,
        key=_hash_json([dataset.key, sounds.key]),
        taken=(*dataset.taken, *sounds.taken),
        damaged=(*dataset.damaged, *sounds.damaged),
    )


def find_broken(folder: Path, data: SpeechData) -> tuple[BrokenFile, ...]:
    """List the clips and noise files of the chosen words that cannot be decoded.

    Raises:
        DataError: if the folder itself cannot be used.
    """
    found = find_speech(folder, data)
    broken = []
    paths = (*found.files.values(), *found.noise, *_reject_paths(folder, found, data))
    for path in dict.fromkeys(paths):
        try:
            read_clip(path, rate_hz=16_000, channel=data.channel)
        except DataError as error:
            broken.append(BrokenFile(path=path, problem=str(error)))
    return tuple(broken)


def _reject_paths(folder: Path, found: SpeechFolder, data: SpeechData) -> list[Path]:
    """List the recordings of reject classes that are not synthetic."""
    own = replace(
        data,
        unknown=tuple(entry for entry in data.unknown if entry != SYNTHETIC),
        silence=tuple(entry for entry in data.silence if entry != SYNTHETIC),
    )
    places = (folder, found.root, found.root.parent)
    clips = {*found.files.values(), *found.noise}
    files = find_rejects(own, places, words=found.root, synthetic={})
    return [file.path for file in files if file.path not in clips]


def _split(found: SpeechFolder, data: SpeechData, speakers: Mapping[str, str | None]) -> Split:
    try:
        if data.split == "published":
            return published_split(found.files, found.lists)
        if data.split == "folds":
            return fold_split(
                speakers, found.lists["test"], folds=data.folds, fold=data.fold, seed=data.seed
            )
        if data.split == "given":
            return given_split(
                found.subsets, speakers, validation_percent=data.validation_percent, seed=data.seed
            )
        draw = stratified_split if data.split == "stratified" else speaker_split
        return draw(
            speakers,
            train_percent=data.train_percent,
            validation_percent=data.validation_percent,
            seed=data.seed,
        )
    except DataError as error:
        raise DataError(f"{found.root}: {error}") from None


def _taken(
    dataset: SpeechDataset,
    found: SpeechFolder,
    data: SpeechData,
    speakers: Mapping[str, str | None],
) -> tuple[str, ...]:
    """Describe how words, split and speakers were determined."""
    how = f"drawn by speaker, seed {data.seed}"
    if data.split == "published":
        how = f"published lists {', '.join(path.name for path in found.lists.values())}"
    elif data.split == "folds":
        how = f"fold {data.fold} of {data.folds} by speaker, seed {data.seed}, without "
        how += f"the clips of {found.lists['test'].name}"
    elif data.split == "given":
        drawn = "" if "validation" in found.subsets.values() else ", validation drawn from training"
        how = f"as given{drawn}"
    elif data.split == "stratified":
        how = f"drawn clip by clip within each word, seed {data.seed}"
    counts = ", ".join(f"{subset} {len(clips)}" for subset, clips in dataset.subsets.items())
    files, lost = found.files, {file.path for file in dataset.damaged}
    speakers = {name: who for name, who in speakers.items() if files[name] not in lost}
    notes = [
        f"words: {', '.join(dataset.labels)}{'' if found.labeled else ' (folder names)'}",
        f"split: {how}: {counts}",
        describe_speakers(speakers, data.speaker, named=bool(found.speakers)),
        *found.how,
    ]
    for label, folders in found.other_sound.items():
        shown = ", ".join(folder.name for folder in folders)
        notes.append(f"folders of other sound, not words: {shown} ({label})")
    single = [r for clips in dataset.subsets.values() for r in clips.recordings if r.one_channel]
    if single:
        notes.append(
            f"stereo clips with one silent channel: {len(single)}; of these the other channel is "
            'used, not their average; for the average: [data] channel = "mean"'
        )
    if dataset.damaged:
        total = len(found.files) + len(found.noise)
        notes.append(damage_note(dataset.damaged, total))
    return tuple(notes)


def _unused(found: SpeechFolder, split: Split) -> Mapping[str, Mapping[str, int]]:
    """Count the unused files of the folder, and clips that are in no list."""
    unlisted = Counter(map(word_of, split.unlisted))
    return {**found.unused, **({"in no list": dict(unlisted)} if unlisted else {})}


def _hash_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class _Builder:
    """Decodes all files in order and collects facts per clip.

    Attributes:
        names: ids of the clips, in the order of the sets.
        files: of the clips, then of the noise.
        rate_hz: of the samples.
        samples: of a clip.
    """

    def __init__(
        self,
        found: SpeechFolder,
        data: SpeechData,
        split: Split,
        rate_hz: int,
        samples: int,
        progress: Progress | None,
    ) -> None:
        self._data = data
        self._split = split
        files = found.files
        self.names = tuple(name for names in split.subsets.values() for name in names)
        self.files = (*(files[name] for name in self.names), *found.noise)
        self.rate_hz = rate_hz
        self.samples = samples
        self._progress = progress
        self._decoder = FileDecoder(
            self.files,
            data,
            root=found.root,
            rate_hz=rate_hz,
            progress=progress,
            cuts=[found.cuts.get(name) for name in self.names],
        )
        self._cuts = found.cuts
        self._lengths: list[int] = []
        self._digests: list[str] = []
        self._recordings: list[list[object]] = []
        self._noise_digest = hashlib.sha256()

    def entry(self, cache: Path) -> tuple[npt.NDArray[np.int16], Mapping[str, Any]]:
        """Return samples and facts from the cache, after writing them if they are not there."""
        digests = self._file_digests()
        clips, noise = digests[: len(self.names)], digests[len(self.names) :]
        content = {
            "format": _FORMAT,
            "rate_hz": self.rate_hz,
            "samples": self.samples,
            "decoding": [self._data.channel, self._data.crop, self._data.damaged_percent],
            "parts": {subset: len(names) for subset, names in self._split.subsets.items()},
            "clips": [[n, digest] for n, digest in zip(self.names, clips, strict=True)],
            "noise": noise,
            "cuts": {name: astuple(self._cuts[name]) for name in self.names if name in self._cuts},
        }
        entry = cache / "speech" / f"{_hash_json(content)[:32]}{SUFFIX}"
        return made_entry(entry, self.blocks, self.facts)

    def _file_digests(self) -> list[str]:
        """Read all files; of many, this alone takes long enough to show how far it is."""
        digests = []
        known: dict[Path, str] = {}  # a recording of many clips is read once
        for index, path in enumerate(self.files):
            digests.append(known.get(path) or known.setdefault(path, file_digest(path)))
            if self._progress and index % _MANY == _MANY - 1:
                self._progress(index, len(self.files))
        return digests

    def blocks(self) -> Iterator[npt.NDArray[np.int16]]:
        """Decode all clips, then the noise; find every broken file before any is too many.

        Yields:
            int16 samples: of one clip, padded or cropped; then of one whole noise file.
        """
        for index, decoded in self._decoder.decoded():
            pcm = decoded.pcm
            if index < len(self.names):
                self._lengths.append(len(pcm))
                start = crop_start(pcm, self.samples, self._data.crop)
                recording = describe(
                    decoded, rate_hz=self.rate_hz, samples=self.samples, start=start
                )
                self._recordings.append(recording.row())
                pcm = fit_length(pcm[start:], self.samples)
                self._digests.append(pcm_digest(pcm))
            else:
                self._noise_digest.update(pcm.astype("<i2").tobytes())
            yield pcm

    def facts(self) -> Mapping[str, object]:
        return {
            "lengths": self._lengths,
            "digests": self._digests,
            "recordings": self._recordings,
            "noise_digest": self._noise_digest.hexdigest(),
            "damaged": self._decoder.damaged,
        }


def _dataset(
    payload: npt.NDArray[np.int16],
    facts: Mapping[str, Any],
    *,
    split: Split,
    speakers: Mapping[str, str | None],
    rate_hz: int,
    samples: int,
) -> SpeechDataset:
    labels = tuple(sorted({word_of(name) for names in split.subsets.values() for name in names}))
    total = len(facts["digests"])
    pcm = payload[: total * samples].reshape(total, samples)
    subsets: dict[str, Clips] = {}
    start = 0
    for subset, names in split.subsets.items():
        stop = start + len(names)
        subsets[subset] = Clips(
            pcm=pcm[start:stop],
            label=np.array([labels.index(word_of(name)) for name in names], np.int64),
            ids=names,
            speakers=tuple(speakers[name] for name in names),
            lengths=np.array(facts["lengths"][start:stop], np.int64),
            digests=tuple(facts["digests"][start:stop]),
            recordings=tuple(map(from_row, facts["recordings"][start:stop])),
        )
        start = stop
    content = {
        "rate_hz": rate_hz,
        "samples": samples,
        "labels": labels,
        "parts": {p: list(zip(subsets[p].ids, subsets[p].digests, strict=True)) for p in SUBSETS},
        "noise": facts["noise_digest"],
    }
    return SpeechDataset(
        labels=labels,
        rate_hz=rate_hz,
        train=subsets["train"],
        validation=subsets["validation"],
        test=subsets["test"],
        noise=payload[total * samples :],
        key=_hash_json(content),
        listed_missing=split.missing,
        unlisted=split.unlisted,
    )


def exclude_overlap(wider: SpeechDataset, narrow: SpeechDataset) -> SpeechDataset:
    """Remove from a wider data set the clips that evaluate a model of the other one.

    Its training set loses every clip that is, by id or sample for sample, in the validation or test
    set of either; its validation set loses every clip of either's test set. If no speaker of
    ``narrow`` is in both training and test, as in a split by speaker, the same applies to speakers.
    The test set is empty.

    Args:
        wider: of more words, from the same folder.
        narrow: data set of only the words that the model classifies.

    Returns:
        a data set whose key depends on the wider one and on the clips kept, and not on ``narrow``:
        results from it can be reused for other choices of words.
    """
    test: tuple[Clips | RejectSounds, ...]
    test = (wider.test, narrow.test, *_held_sounds(narrow, "test"))
    held: tuple[Clips | RejectSounds, ...]
    held = (wider.validation, narrow.validation, *_held_sounds(narrow, "validation"), *test)
    by_speaker = not set(narrow.train.speakers) & set(narrow.test.speakers)  # None in both: unknown
    train = _without(wider.train, held, speakers=by_speaker)
    validation = _without(wider.validation, test, speakers=by_speaker)
    nothing = _kept(wider.test, np.zeros(len(wider.test), bool))
    kept = json.dumps([wider.key, train.ids, validation.ids])
    key = hashlib.sha256(kept.encode()).hexdigest()
    sounds = wider.sounds
    if sounds is not None:
        sounds = sounds.without([s for p in SUBSETS[1:] for s in _held_sounds(narrow, p)])
        key = _hash_json([key, sounds.key])
    return replace(wider, train=train, validation=validation, test=nothing, sounds=sounds, key=key)


def _held_sounds(dataset: SpeechDataset, subset: str) -> list[RejectSounds]:
    """List the recordings of reject classes in one of the sets."""
    classes = dataset.sounds.classes.values() if dataset.sounds is not None else ()
    return [subsets[subset] for subsets in classes]


def _without(clips: Clips, others: Collection[Clips | RejectSounds], *, speakers: bool) -> Clips:
    ids = {name for other in others for name in other.ids}
    digests = {digest for other in others for digest in other.digests}
    voices = {voice for other in others for voice in other.speakers} if speakers else set()
    rows = zip(clips.ids, clips.digests, clips.speakers, strict=True)
    keep = [i not in ids and d not in digests and v not in voices for i, d, v in rows]
    return _kept(clips, np.array(keep, bool))


def _kept(clips: Clips, keep: NDArray[np.bool_]) -> Clips:
    return clips if keep.all() else chosen_clips(clips, np.flatnonzero(keep))


def chosen_clips(clips: Clips, rows: NDArray[np.int64]) -> Clips:
    """Return the clips at some indices (m,), in that order; an index may be there repeatedly."""
    return Clips(
        pcm=clips.pcm[rows],
        label=clips.label[rows],
        ids=tuple(clips.ids[i] for i in rows),
        speakers=tuple(clips.speakers[i] for i in rows),
        lengths=clips.lengths[rows],
        digests=tuple(clips.digests[i] for i in rows),
        recordings=tuple(clips.recordings[i] for i in rows) if clips.recordings else (),
    )
