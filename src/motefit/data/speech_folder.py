"""Contents of a speech folder: word folders, split lists, background noise."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from motefit.data.cuts import Cut
from motefit.data.decode import AUDIO_SUFFIXES
from motefit.data.folder_layout import (
    LIST_FOLDER_NAMES,
    NOISE_NAMES,
    OTHER_SOUND_NAMES,
    choose_root,
    listing,
    name_hints,
    require_word,
    require_words,
    reserved_names,
    spellings,
    word_folders,
)
from motefit.data.foreign_layouts import foreign_layout, unread_sound
from motefit.data.labeled_files import (
    OF_OTHER_SOUND,
    OF_OTHER_WORDS,
    Labeled,
    LabeledFile,
    arrange,
    case_hints,
    subset_of,
)
from motefit.data.layouts import find_layout, read_layout
from motefit.data.manifest import find_manifests, manifest_hint, read_manifests
from motefit.data.sidecars import find_sidecars
from motefit.data.splits import read_list, word_of
from motefit.data.timed_labels import kaldi_folder, label_tracks
from motefit.data.tree import Tree, composed, hidden_name, is_hidden, is_readable, read_tree
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import (
    LISTED_SPLITS,
    OTHER_WORDS,
    SPEAKER_FOLDERS,
    SpeechData,
)

LIST_PATTERNS = {"train": "*train*.txt", "validation": "*val*.txt", "test": "*test*.txt"}
ELSEWHERE = ""
"""Key of files outside the word folders."""
HIDDEN = "hidden"


@dataclass(frozen=True, kw_only=True)
class SpeechFolder:
    """Contents of a speech folder.

    Attributes:
        root: the folder that directly contains the word folders.
        clips: per word (sorted) the files by clip id (sorted): ``"word/stem"``, or
            ``"word/speaker/stem"`` if folders name the speakers; names are in Unicode NFC.
        lists: per set the list of its clips; empty unless the split is published.
        noise: background noise recordings, sorted by name; may be empty.
        unused: number of audio files below the given folder that are neither clips nor noise, by
            reason and by word (:data:`ELSEWHERE` for those outside the word folders).
        cuts: by clip id, the part of the file that is the clip, where it is not all of it.
        speakers: by clip id, if a layout or manifest names them.
        subsets: set of each clip id, if folders or a manifest give it.
        how: sentences on how words were determined, if not by folder names.
        labeled: whether a layout or a manifest names the words, instead of their folders.
        other_sound: per reject class, the folders that look like it and are not used as words.
    """

    root: Path
    clips: dict[str, dict[str, Path]]
    lists: dict[str, Path]
    noise: tuple[Path, ...]
    unused: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    speakers: Mapping[str, str] = field(default_factory=dict)
    subsets: Mapping[str, str] = field(default_factory=dict)
    how: tuple[str, ...] = ()
    labeled: bool = False
    other_sound: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    cuts: Mapping[str, Cut] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, Path]:
        """All clips of all words by id, sorted by word and stem."""
        return {name: path for clips in self.clips.values() for name, path in clips.items()}


def find_speech(folder: Path, data: SpeechData) -> SpeechFolder:
    """Find word folders, lists and noise in ``folder``, its direct sub-folders or next to it.

    Word folders are searched in ``folder`` itself and in each of its sub-folders. An ambiguous
    folder is rejected, unless ``data.words`` names folders in one place. Lists and noise are
    searched in ``folder``, in the place of the words and next to it.

    Raises:
        DataError: naming the folder, what was found and what to do.
    """
    if not folder.exists():
        raise DataError(
            f"{folder}: there is no such folder; give the folder that contains the words"
        )
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is a file; give the folder that contains one folder of audio files per word"
        )
    try:
        return _find(folder, data)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from None


def audio_files(folder: Path) -> list[Path]:
    """List the audio files that are read directly in a folder, without hidden ones, sorted."""
    return sorted(filter(is_readable, folder.iterdir()))


def _find(folder: Path, data: SpeechData) -> SpeechFolder:
    given = folder
    tree = read_tree(folder)
    while (inner := _only_folder(tree)) and not (data.layout or data.manifest):
        tree, folder = inner, inner.path
    reserved = reserved_names(data)
    if tables := _tables(tree, data, reserved):
        labeled = read_manifests(tree.path, tables, data, reserved)
        return _labeled_folder(tree, data, labeled)
    try:
        if layout := find_layout(tree, data, reserved):
            return _labeled_folder(tree, data, read_layout(tree, data, layout, reserved))
        return _word_folders_of(tree, folder, data)
    except DataError as error:
        files, source = ([], "") if data.split in LISTED_SPLITS else _beside(tree)
        if files:
            how = [f"words: {source}"]
            labeled = arrange(files, data, where=tree.path, how=how, reserved=reserved)
            return _labeled_folder(tree, data, labeled)
        hint = manifest_hint(tree, given) or foreign_layout(tree)
        raise DataError(f"{error}; {hint}") if hint not in str(error) else error from None


def _beside(tree: Tree) -> tuple[list[LabeledFile], str]:
    """Find clips whose labels are in other files than tables, and say which."""
    ways = {
        "the text file beside each clip": find_sidecars,
        "the list of times beside each recording": label_tracks,
        "text, wav.scp and segments, as Kaldi has them": kaldi_folder,
    }
    for source, find in ways.items():
        if files := find(tree):
            return files, source
    return [], ""


def _only_folder(tree: Tree) -> Tree | None:
    """Return the folder in a folder that holds nothing else, as archives have it.

    None where the folders in it are words, whose place is found from here, too.
    """
    inner = [f for name, f in tree.folders.items() if not hidden_name(name)]
    others = [p for p in tree.path.iterdir() if not hidden_name(p.name) and not p.is_dir()]
    if others or len(inner) != 1 or any(f.clips for f in inner[0].folders.values()):
        return None
    return inner[0] if inner[0].folders else None


def _word_folders_of(tree: Tree, folder: Path, data: SpeechData) -> SpeechFolder:
    """Find one folder per word."""
    root = choose_root(tree, data, listed=lambda: _listed_words(folder, data))
    require_words(root, data)
    present = word_folders(root, data)
    words = sorted(data.words or present)
    folders = {word: require_word(word, root, present) for word in words}
    clips = {word: _clips_of(word, found, data) for word, found in folders.items()}
    if len(words) < 2 and not data.unknown:
        raise DataError(
            f"{root.path}: only one word ({', '.join(words)}); at least two are needed, or other "
            "speech to tell it from: set unknown in [data]"
        )
    places = list(dict.fromkeys((folder, root.path, root.path.parent)))
    noise = _find_noise(folder, places, data)
    used = {path for found in clips.values() for path in found.values()} | set(noise)
    return SpeechFolder(
        root=root.path,
        clips=clips,
        lists=_find_lists(folder, places, data) if data.split in LISTED_SPLITS else {},
        noise=noise,
        unused=_count_unused(tree, root, folders, used | _rejected(tree, root, data, places)),
        how=(*case_hints(words), *name_hints(folders, data), *_unused_lists(places, data)),
        other_sound=_other_sound(root, data),
    )


def _rejected(tree: Tree, root: Tree, data: SpeechData, places: list[Path]) -> set[Path]:
    """List the audio files below the given folder that are for reject classes."""
    below = [place / entry for place in places for entry in (*data.unknown, *data.silence)]
    if OTHER_WORDS in data.unknown:
        others = word_folders(root, data)
        below += [others[word].path for word in others.keys() - set(data.words)]
    starts = tuple(f"{folder}/" for folder in below)
    return {p for p in tree.below() if is_readable(p) and str(p).startswith(starts)}


def _tables(tree: Tree, data: SpeechData, reserved: Collection[str]) -> list[Path]:
    """List the manifests; none where folders, or parts of names, tell the words."""
    if data.manifest:
        return find_manifests(tree.path, data)
    if data.layout or data.split in LISTED_SPLITS:
        return []
    folders = [f for n, f in tree.folders.items() if n not in reserved and not hidden_name(n)]
    words = sum(bool(f.clips) or (bool(data.speaker) and f.holds_sound()) for f in folders)
    given = data.split == "given" and not any(subset_of(f.path.name) for f in folders)
    return find_manifests(tree.path, data) if words < 2 or given else []


def _labeled_folder(tree: Tree, data: SpeechData, labeled: Labeled) -> SpeechFolder:
    noise = _find_noise(tree.path, [tree.path], data)
    used = {path for found in labeled.clips.values() for path in found.values()} | set(noise)
    used |= _rejected(tree, tree, data, [tree.path])
    counts: dict[str, Counter[str]] = {}
    for path in tree.below():
        if path in used:
            continue
        reason = labeled.skipped.get(path, "without a label")
        if is_hidden(path, tree.path):
            reason = HIDDEN
        elif path.suffix.lower() not in AUDIO_SUFFIXES:
            reason = f"{path.suffix.lower()} is not read"
        counts.setdefault(reason, Counter())[ELSEWHERE] += 1
    return SpeechFolder(
        root=tree.path,
        clips=labeled.clips,
        lists={},
        noise=noise,
        unused={reason: dict(counts[reason]) for reason in sorted(counts)},
        speakers=labeled.speakers,
        subsets=labeled.subsets,
        how=labeled.how,
        labeled=True,
        cuts=labeled.cuts,
        other_sound=_other_sound(tree, data),
    )


def _other_sound(root: Tree, data: SpeechData) -> dict[str, tuple[Path, ...]]:
    """Find folders of unknown words and silence that are not words of the recipe."""
    found: dict[str, tuple[Path, ...]] = {}
    taken = {*data.words, *(entry.strip("/") for entry in (*data.unknown, *data.silence))}
    for name, known in spellings(OTHER_SOUND_NAMES).items():
        label = OTHER_SOUND_NAMES[known]
        if name in root.folders and name not in taken and root.folders[name].holds_sound():
            found[label] = (*found.get(label, ()), root.folders[name].path)
    return found


def _clips_of(word: str, folder: Tree, data: SpeechData) -> dict[str, Path]:
    by_speaker = data.speaker == SPEAKER_FOLDERS
    found = [(word, path) for path in folder.clips]
    if by_speaker:
        speakers = {n: f for n, f in folder.folders.items() if not hidden_name(n)}
        found += [(f"{word}/{n}", path) for n, f in speakers.items() for path in f.clips]
    clips: dict[str, Path] = {}
    for start, path in found:
        name = f"{start}/{composed(path.stem)}"
        if name in clips:
            raise DataError(
                f"{path}: the clip exists twice, also as {clips[name].name}; remove one"
            )
        clips[name] = path
    if not clips:
        deeper = [n for n, inner in folder.folders.items() if inner.holds_sound()]
        other = [path for path in folder.sounds if not path.name.startswith(".")]
        hint = f'; if {listing(deeper)} are speakers, give [data] speaker = "{SPEAKER_FOLDERS}"'
        raise DataError(
            f"{folder.path}: the word {word!r} has no clips (no {', '.join(AUDIO_SUFFIXES)} file; "
            f"found: {listing(sorted(p.name for p in folder.path.iterdir()))}); add some, or name "
            f"the words to use in the recipe's [data] words"
            + (hint if deeper and not by_speaker else "")
            + (f"; {unread_sound(other)}" if other else "")
        )
    return dict(sorted(clips.items()))


def _count_unused(
    tree: Tree, root: Tree, words: Collection[str], used: set[Path]
) -> dict[str, dict[str, int]]:
    """Count the unused audio files below the given folder, by reason and word."""
    counts: dict[str, Counter[str]] = {}
    for path in tree.below():
        if path in used:
            continue
        inside = path.relative_to(root.path).parts if path.is_relative_to(root.path) else ()
        home = composed(inside[0]) if len(inside) > 1 else ELSEWHERE
        if is_hidden(path, tree.path):
            reason = HIDDEN
        elif path.suffix.lower() not in AUDIO_SUFFIXES:
            reason = f"{path.suffix.lower()} is not read"
        elif home in words:
            reason = "in a folder inside the word's"
        elif home.casefold() in OTHER_SOUND_NAMES:
            reason = OF_OTHER_SOUND
        elif home and home.casefold() not in NOISE_NAMES:
            reason = OF_OTHER_WORDS
        else:
            reason = "outside the word folders"
        counts.setdefault(reason, Counter())[home if home in words else ELSEWHERE] += 1
    return {reason: dict(sorted(counts[reason].items())) for reason in sorted(counts)}


def _find_noise(folder: Path, places: list[Path], data: SpeechData) -> tuple[Path, ...]:
    if data.noise:
        chosen = folder / data.noise
        if not chosen.is_dir():
            raise DataError(
                f"{chosen}: there is no such noise folder; correct [data] noise, or leave it out"
            )
        files = audio_files(chosen)
        if not files:
            raise DataError(f"{chosen}: the noise folder contains no audio files")
        return tuple(files)
    for place in places:
        names = NOISE_NAMES if place.is_relative_to(folder) else NOISE_NAMES[:2]
        for name in (name for name in spellings(names) if name not in data.words):
            if (place / name).is_dir() and (found := audio_files(place / name)):
                return tuple(found)
    return ()


def _listed_words(folder: Path, data: SpeechData) -> set[str]:
    """Return the words of published lists in or next to the folder; empty without lists."""
    if data.split not in LISTED_SPLITS or data.words:
        return set()
    try:
        lists = _find_lists(folder, [folder, folder.parent], data)
    except DataError:  # reported when the lists are needed
        return set()
    return {word_of(name) for path in lists.values() for name in read_list(path)}


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
        'folder "splits"; give their folder as [data] lists, or use split = "stratified" '
        "in a copy of the recipe (motefit recipes NAME > mine.toml)"
    )


def _unused_lists(places: list[Path], data: SpeechData) -> list[str]:
    """Point out published lists that a drawn split does not follow."""
    if data.split != "stratified":
        return []
    for place in places:
        try:
            lists = _lists_in(place)
        except DataError:
            continue
        if lists:
            names = ", ".join(sorted(path.name for path in lists.values()))
            hint = 'to take the published sets, give [data] split = "published"'
            return [f"the sets are drawn, and {names} are not used; {hint}"]
    return []


def _lists_in(folder: Path) -> dict[str, Path]:
    """Find lists by set; empty unless at least the validation and test lists exist."""
    lists: dict[str, Path] = {}
    for subset, pattern in LIST_PATTERNS.items():
        found = sorted(p for p in folder.glob(pattern) if p.is_file())
        if len(found) > 1:
            raise DataError(
                f"{folder}: several lists match {pattern}: {', '.join(p.name for p in found)}; "
                "keep one"
            )
        if found:
            lists[subset] = found[0]
    if len(set(lists.values())) != len(lists):
        raise DataError(f"{folder}: one list matches two of {', '.join(LIST_PATTERNS.values())}")
    return lists if {"validation", "test"} <= set(lists) else {}
