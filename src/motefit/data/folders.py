"""Find what a speech folder holds: word folders, split lists, background noise."""

from dataclasses import dataclass
from pathlib import Path

from motefit.data.audio import AUDIO_SUFFIXES
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError
from motefit.spec.tasks.keyword_spotting import SpeechData

NOISE_NAMES = ("background_noise", "_background_noise_")
LIST_FOLDER_NAMES = ("splits", "split", "lists")
LIST_PATTERNS = {"train": "*train*.txt", "validation": "*val*.txt", "test": "*test*.txt"}


@dataclass(frozen=True, kw_only=True)
class SpeechFolder:
    """What was found.

    Attributes:
        root: the folder that directly holds the word folders.
        clips: per word (sorted) the files by clip id ``"word/stem"`` (sorted).
        lists: per part the list of its clips; empty unless the split is published.
        noise: background noise recordings, sorted by name; may be empty.
    """

    root: Path
    clips: dict[str, dict[str, Path]]
    lists: dict[str, Path]
    noise: tuple[Path, ...]

    @property
    def files(self) -> dict[str, Path]:
        """All clips of all words by id, sorted by word and stem."""
        return {name: path for clips in self.clips.values() for name, path in clips.items()}


def find_speech(folder: Path, data: SpeechData) -> SpeechFolder:
    """Find word folders, lists and noise in ``folder``, its direct sub-folders or beside it.

    Word folders are looked for in ``folder`` itself and in each of its sub-folders; the place that
    holds most of ``data.words`` (all words: most word folders) is taken. Lists and noise are looked
    for in ``folder``, in that place and beside it.

    Raises:
        DataError: see the message; it names the folder, what was found and what to do.
    """
    if not folder.exists():
        raise DataError(f"{folder}: there is no such folder; give the folder that holds the words")
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is a file; give the folder that holds one folder of audio files per word"
        )
    try:
        return _find(folder, data)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None


def audio_files(folder: Path) -> list[Path]:
    """The WAV, FLAC and OGG files directly in a folder, sorted by name; none that is hidden."""
    return sorted(filter(_is_audio, folder.iterdir()))


def _find(folder: Path, data: SpeechData) -> SpeechFolder:
    root = _find_root(folder, data.words)
    present = _subfolders(root)
    words = sorted(data.words or present)
    clips: dict[str, dict[str, Path]] = {}
    for word in words:
        if word not in present:
            raise DataError(
                f"{root}: there is no folder for the word {word!r}{nearest(word, present)}; "
                f"words there: {', '.join(present)}"
            )
        clips[word] = _clips_of(word, present[word])
    if len(words) < 2:
        raise DataError(f"{root}: one word only ({', '.join(words)}); at least two are needed")
    places = list(dict.fromkeys((folder, root, root.parent)))
    return SpeechFolder(
        root=root,
        clips=clips,
        lists=_find_lists(folder, places, data) if data.split == "published" else {},
        noise=_find_noise(folder, places, data),
    )


def _subfolders(folder: Path) -> dict[str, Path]:
    """Sub-folders that may be words: not hidden, no noise and no lists."""
    reserved = {*NOISE_NAMES, *LIST_FOLDER_NAMES}
    return {
        p.name: p
        for p in sorted(folder.iterdir())
        if p.is_dir() and p.name not in reserved and not p.name.startswith((".", "__"))
    }


def _find_root(folder: Path, words: tuple[str, ...]) -> Path:
    def holds_words(place: Path) -> int:
        folders = _subfolders(place)
        if words:
            return len(set(words) & set(folders))
        return sum(1 for p in folders.values() if _has_audio(p))

    places = [folder, *_subfolders(folder).values()]
    counts = {place: holds_words(place) for place in places}
    most = max(counts.values())
    best = [place for place, count in counts.items() if count == most]
    if most == 0 and words:
        # None of the words is there: complain about the place that holds most words of any name.
        any_words = {place: sum(map(_has_audio, _subfolders(place).values())) for place in places}
        best = [max(any_words, key=lambda place: any_words[place])]
        most = any_words[best[0]]
    if most == 0:
        raise DataError(
            f"{folder}: no word folders found; expected one folder per word with "
            f"{', '.join(AUDIO_SUFFIXES)} files in it, here or one level down; "
            f"found: {_listing(folder)}"
        )
    if len(best) > 1 and folder not in best:
        names = ", ".join(str(p) for p in best)
        raise DataError(f"{folder}: several folders hold the words: {names}; give one of them")
    return folder if folder in best else best[0]


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def _has_audio(folder: Path) -> bool:
    return any(map(_is_audio, folder.iterdir()))


def _listing(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir())
    shown = ", ".join(names[:6]) or "nothing"
    return f"{shown}, ... ({len(names)} entries)" if len(names) > 6 else shown


def _clips_of(word: str, folder: Path) -> dict[str, Path]:
    clips: dict[str, Path] = {}
    for path in audio_files(folder):
        name = f"{word}/{path.stem}"
        if name in clips:
            raise DataError(
                f"{path}: the clip is there twice, also as {clips[name].name}; remove one"
            )
        clips[name] = path
    if not clips:
        raise DataError(
            f"{folder}: the word {word!r} has no clips (no {', '.join(AUDIO_SUFFIXES)} file; "
            f"found: {_listing(folder)}); add some, or name the words to use in the recipe's "
            "[data] words"
        )
    return dict(sorted(clips.items()))


def _find_noise(folder: Path, places: list[Path], data: SpeechData) -> tuple[Path, ...]:
    if data.noise:
        chosen = folder / data.noise
        if not chosen.is_dir():
            raise DataError(
                f"{chosen}: there is no such noise folder; correct [data] noise, or leave it out"
            )
        files = audio_files(chosen)
        if not files:
            raise DataError(f"{chosen}: the noise folder holds no audio files")
        return tuple(files)
    for place in places:
        for name in NOISE_NAMES:
            if (place / name).is_dir() and (found := audio_files(place / name)):
                return tuple(found)
    return ()


def _find_lists(folder: Path, places: list[Path], data: SpeechData) -> dict[str, Path]:
    if data.lists:
        chosen = folder / data.lists
        if not chosen.is_dir():
            raise DataError(f"{chosen}: there is no such folder of lists; correct [data] lists")
        candidates = [chosen]
    else:
        candidates = [c for p in places for c in (*(p / n for n in LIST_FOLDER_NAMES), p)]
    for candidate in candidates:
        if candidate.is_dir() and (lists := _lists_in(candidate)):
            return lists
    raise DataError(
        f"{candidates[0] if data.lists else folder}: no published split found; expected the lists "
        f"{', '.join(LIST_PATTERNS.values())} (the training list may be absent) there or in a "
        'folder "splits"; give their folder as [data] lists, or use split = "stratified"'
    )


def _lists_in(folder: Path) -> dict[str, Path]:
    """Lists by part; empty unless at least the validation and test lists are there."""
    lists: dict[str, Path] = {}
    for part, pattern in LIST_PATTERNS.items():
        found = sorted(p for p in folder.glob(pattern) if p.is_file())
        if len(found) > 1:
            raise DataError(
                f"{folder}: several lists match {pattern}: {', '.join(p.name for p in found)}; "
                "keep one"
            )
        if found:
            lists[part] = found[0]
    if len(set(lists.values())) != len(lists):
        raise DataError(f"{folder}: one list matches two of {', '.join(LIST_PATTERNS.values())}")
    return lists if {"validation", "test"} <= set(lists) else {}
