"""Folders of reject recordings: which audio files each entry of the recipe names."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.data.decode import AUDIO_SUFFIXES
from motefit.data.folder_layout import word_folders
from motefit.data.speakers import speaker_finder
from motefit.data.tree import composed, is_hidden, is_readable, read_tree
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import (
    OTHER_WORDS,
    SPEAKER_FOLDERS,
    SYNTHETIC,
    SpeechData,
)


@dataclass(frozen=True, kw_only=True)
class RejectFile:
    """One recording of a reject class.

    Attributes:
        name: ``"word/stem"`` for a clip of another word, else ``"entry/.../stem"``; unique.
        path: of the file.
        label: of the class.
        source: the entry of the recipe that names it.
        speaker: from the name; None if not known.
    """

    name: str
    path: Path
    label: str
    source: str
    speaker: str | None


def find_rejects(
    data: SpeechData, places: Sequence[Path], *, words: Path, synthetic: Mapping[str, Path]
) -> list[RejectFile]:
    """Find the recordings of all reject classes; each file is used once.

    Args:
        data: the recipe's section; its ``speaker`` also names the speakers of the recordings.
        places: folders to which an entry may be relative, in order.
        words: the folder that directly contains the word folders.
        synthetic: by label, the folder for the entry ``"synthetic"``.

    Raises:
        DataError: for a folder that does not exist or has no audio files.
    """
    rule = "" if data.speaker == SPEAKER_FOLDERS else data.speaker
    seen: set[str] = set()
    found: list[RejectFile] = []
    for label, entries in data.sources.items():
        for entry in entries:
            if entry == OTHER_WORDS:
                files, finder = _other_words(words, data), speaker_finder(data.speaker)
            elif entry == SYNTHETIC:
                files, finder = _below(synthetic[label], entry), speaker_finder("")
            else:
                files, finder = _below(_folder(entry, places), entry), speaker_finder(rule)
            for name, path in files.items():
                if (real := real_path(path)) in seen:
                    continue
                seen.add(real)
                found.append(
                    RejectFile(
                        name=name, path=path, label=label, source=entry, speaker=finder(name)
                    )
                )
    return found


def real_path(path: Path) -> str:
    """Return the path of a file with the links of its folder resolved, once for each folder."""
    return f"{_real_folder(path.parent)}/{path.name}"


@functools.lru_cache(maxsize=256)
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


def _folder(entry: str, places: Sequence[Path]) -> Path:
    candidates = [place / entry for place in places]  # an absolute entry replaces the place
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = ", ".join(dict.fromkeys(map(str, candidates)))
    raise DataError(
        f"there is no folder {entry!r} of other sound (looked for {looked}); correct unknown or "
        "silence in [data]: a folder relative to the data folder, an absolute one, or "
        f'"{SYNTHETIC}"'
    )


def _below(folder: Path, entry: str) -> dict[str, Path]:
    """List the audio files below a folder by name, sorted."""
    paths = [p for p in read_tree(folder).below() if is_readable(p) and not is_hidden(p, folder)]
    if not paths:
        raise DataError(
            f"{folder}: no audio files ({', '.join(AUDIO_SUFFIXES)}) for the entry {entry!r} of "
            "unknown or silence; add some, or leave the entry out"
        )
    return {
        composed(f"{entry}/{path.relative_to(folder).with_suffix('').as_posix()}"): path
        for path in sorted(paths)
    }


def _other_words(words: Path, data: SpeechData) -> dict[str, Path]:
    """List the clips of the words that the recipe does not use, by clip id, sorted."""
    folders = word_folders(read_tree(words), data)
    clips: dict[str, Path] = {}
    for word in sorted(folders.keys() - set(data.words)):
        clips |= {composed(f"{word}/{path.stem}"): path for path in folders[word].clips}
        if data.speaker == SPEAKER_FOLDERS:
            for speaker, inner in folders[word].folders.items():
                clips |= {composed(f"{word}/{speaker}/{p.stem}"): p for p in inner.clips}
    if not clips:
        raise DataError(
            f'{words}: unknown = ["{OTHER_WORDS}"], but all folders there are words of the recipe; '
            f'add folders of other words, or use "{SYNTHETIC}"'
        )
    return clips
