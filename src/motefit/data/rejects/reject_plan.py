"""Which recordings are rejected, and which set each of them is in; decodes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from motefit.data.rejects.reject_folders import RejectFile, find_rejects, real_path
from motefit.data.rejects.reject_split import split_rejects
from motefit.data.rejects.synthetic_rejects import other_speech, quiet, spoken_words
from motefit.data.speakers import speaker_finder
from motefit.data.speech_folder import SpeechFolder
from motefit.data.splits import Split, read_list
from motefit.data.synth.folder import MANIFEST
from motefit.spec.tasks.speech_spec import OTHER_WORDS, SILENCE, SYNTHETIC, UNKNOWN, SpeechData

LEFT_OUT = ""
"""In place of a set: the recording is not used."""


@dataclass(frozen=True, kw_only=True)
class RejectPlan:
    """Recordings and their sets.

    Attributes:
        files: of the reject classes.
        subsets: set of each file, or :data:`LEFT_OUT`.
        listed: names of the files whose set is that of a published list.
        spoken: synthetic clips of the words, ``source`` is the word; for training only.
    """

    files: tuple[RejectFile, ...]
    subsets: tuple[str, ...]
    listed: frozenset[str] = frozenset()
    spoken: tuple[RejectFile, ...] = ()

    @property
    def held_out(self) -> set[str]:
        """Files that are not in the training set, as :func:`real_path` returns them."""
        pairs = zip(self.files, self.subsets, strict=True)
        return {real_path(file.path) for file, subset in pairs if subset != "train"}


def plan_rejects(  # noqa: PLR0913 - one keyword per thing a caller decides
    data: SpeechData,
    found: SpeechFolder,
    split: Split,
    *,
    folder: Path,
    speakers: Mapping[str, str | None],
    rate_hz: int,
    seconds: float,
) -> RejectPlan:
    """Find the recordings, synthesize what is to be synthesized, and assign them to sets.

    Args:
        data: the recipe's section, with reject classes.
        found: the words.
        split: of the words.
        folder: of the data.
        speakers: of the words' clips, by id.
        rate_hz: of what is synthesized.
        seconds: length of a clip.

    Raises:
        DataError: for a folder that does not exist or has no audio files.
        MissingExtraError: for ``"synthetic"`` speech without espeak-ng.
        OutputError: if the cache cannot be written.
    """
    synthetic = _synthesized(data, tuple(found.clips), rate_hz)
    places = list(dict.fromkeys((folder, found.root, found.root.parent)))
    files = find_rejects(data, places, words=found.root, synthetic=synthetic)
    clips = {real_path(path) for path in found.files.values()}
    files = [file for file in files if real_path(file.path) not in clips]
    listed = _listed(files, found, data)
    subsets = split_rejects(
        files,
        listed=listed,
        homes=_homes(split, speakers, data),
        train_percent=data.train_percent,
        validation_percent=data.validation_percent,
        seed=data.seed,
    )
    plan = RejectPlan(files=tuple(files), subsets=tuple(subsets), listed=frozenset(listed))
    if UNKNOWN not in synthetic or (found.root / MANIFEST).exists():
        return plan  # no synthetic voices, or no others
    held = {f.speaker for f, p in zip(files, subsets, strict=True) if p != "train"} - {None}
    return replace(plan, spoken=_spoken(data, found, rate_hz, seconds, without=held))


def _synthesized(data: SpeechData, words: tuple[str, ...], rate_hz: int) -> dict[str, Path]:
    folders = {}
    if SYNTHETIC in data.unknown:
        folders[UNKNOWN] = other_speech(words, data, rate_hz=rate_hz)
    if SYNTHETIC in data.silence:
        clips = data.synthetic_clips
        folders[SILENCE] = quiet(recordings=clips, seed=data.seed, rate_hz=rate_hz)
    return folders


def _spoken(
    data: SpeechData, found: SpeechFolder, rate_hz: int, seconds: float, *, without: set[str | None]
) -> tuple[RejectFile, ...]:
    words, speaker = tuple(found.clips), speaker_finder("")
    folder = spoken_words(words, data, rate_hz=rate_hz, seconds=seconds)
    clips = [(word, path) for word in words for path in sorted((folder / word).iterdir())]
    files = (
        RejectFile(
            name=f"{word}/{path.stem}",
            path=path,
            label=word,
            source=word,
            speaker=speaker(f"{word}/{path.stem}"),
        )
        for word, path in clips
    )
    return tuple(file for file in files if file.speaker not in without)


def _listed(files: Sequence[RejectFile], found: SpeechFolder, data: SpeechData) -> dict[str, str]:
    """Return the set of recordings in published lists; a list names them as ``word/stem``.

    Without a training list, clips of other words in no list are for training, as words are.
    """
    subsets = {name: subset for subset, path in found.lists.items() for name in read_list(path)}
    if data.split == "folds":
        subsets = dict.fromkeys((n for n, subset in subsets.items() if subset == "test"), LEFT_OUT)
    ends = {file.name: "/".join(file.name.split("/")[-2:]) for file in files}
    listed = {name: subsets[end] for name, end in ends.items() if end in subsets}
    if data.split == "published" and "train" not in found.lists:
        others = (file.name for file in files if file.source == OTHER_WORDS)
        listed = {**dict.fromkeys(others, "train"), **listed}
    return listed


def _homes(split: Split, speakers: Mapping[str, str | None], data: SpeechData) -> dict[str, str]:
    """Return the set of each speaker of the words, if the split is one by speaker."""
    if data.split not in {"speaker", "folds"}:
        return {}
    return {
        speaker: subset
        for subset, names in split.subsets.items()
        for name in names
        if (speaker := speakers[name]) is not None
    }
