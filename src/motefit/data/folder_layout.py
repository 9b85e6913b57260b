"""Which sub-folders are the words; an ambiguous folder is rejected, not guessed.

A split or a speaker mistaken for a word makes a certificate worthless: its model distinguishes the
folder "training" from the folder "testing", or one voice from another.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from motefit.data.decode import AUDIO_SUFFIXES
from motefit.data.labeled_files import subsets_in
from motefit.data.tree import Tree, hidden_name
from motefit.spec.codec import nearest
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SILENCE, SPEAKER_FOLDERS, UNKNOWN, SpeechData

NOISE_NAMES = (
    *("background_noise", "_background_noise_", "noise", "_noise_", "background"),
    *("background noise", "background-noise", "backgroundnoise"),
)
OTHER_SOUND_NAMES = {
    "_unknown_": UNKNOWN,
    "unknown": UNKNOWN,
    "_silence_": SILENCE,
    "silence": SILENCE,
}
"""Folders of sound that is no word, and its label; like noise, they are words only if named."""
LIST_FOLDER_NAMES = ("splits", "split", "lists")
_FOLD_NAME = re.compile(
    r"(fold|part|batch|session|chunk|shard|split|set|partition)[-_ .]?\d+", re.IGNORECASE
)
_SPEAKER_NAME = re.compile(
    r"(speakers?|spkr?|sp|user|person|people|subject|participant|recorder|voice|talker|client|id"
    r"|[spfm]|(fe)?male|(wo)?man|boy|girl|child|adult|kid)[-_ .]?\d+([-_ .]?[fm])?"
    r"|(speaker|spkr?|user|person|subject|participant|talker|client)[-_ .][a-z]|\d{2,}"
    r"|(?=.*\d)[0-9a-f]{7,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
_SHOWN = 8
_CASED = re.compile(r"(?<![a-z])[a-z]")
_MARKS = re.compile(r"[-_ .]+")


def choose_root(tree: Tree, data: SpeechData, *, listed: Callable[[], Collection[str]]) -> Tree:
    """Choose the folder that directly contains the word folders: the given one or a sub-folder.

    Args:
        tree: of the given folder.
        data: its ``words`` decide if they name folders in one place only.
        listed: returns the words in the published lists; they decide between places if no words are
            given.

    Raises:
        DataError: for no matching place, or several.
    """
    if data.words:
        return _root_of_words(tree, data)
    places = {place.path: place for place in (tree, *word_folders(tree, data).values())}
    found = {path: names for path, place in places.items() if (names := _words_in(place, data))}
    if not found:
        raise _nothing_found(tree)
    if len(found.get(tree.path, ())) >= 2:
        return tree
    several = [path for path, names in found.items() if len(names) >= 2] or list(found)
    if len(several) > 1 and (words := set(listed())):
        several = [path for path in several if set(found[path]) & words] or several
    best = several[0]
    rivals = several[1:] + [
        path
        for path, names in found.items()
        if path not in several and _is_rival(path, names, tree, found[best])
    ]
    if rivals:
        raise _several(tree, {places[path].path.name: found[path] for path in (best, *rivals)})
    return places[best]


def _is_rival(path: Path, names: Sequence[str], tree: Tree, best: Sequence[str]) -> bool:
    """Return whether another place is as plausible as the best one.

    It contains clips and the best place, or contains a word of the best, or is a set of a split.
    """
    shared = set(names) & set(best)
    return path == tree.path or bool(shared) or any(map(is_split_name, (path.name, *names)))


def word_folders(tree: Tree, data: SpeechData) -> dict[str, Tree]:
    """Return the sub-folders that may be words: not hidden, noise, lists, rejects or a stream."""
    reserved = reserved_names(data)
    return {
        name: folder
        for name, folder in tree.folders.items()
        if name not in reserved and not hidden_name(name)
    }


def reserved_names(data: SpeechData) -> frozenset[str]:
    """Return the names of folders that are no words, unless the recipe says so."""
    places = (data.noise, data.lists, data.stream, *data.unknown, *data.silence)
    named = {name.strip("/") for name in places}
    known = spellings((*NOISE_NAMES, *LIST_FOLDER_NAMES, *OTHER_SOUND_NAMES))
    return frozenset((set(known) - set(data.words)) | (named - {""}))


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Return names in lower case by their spellings: as they are, in capitals, and capitalized.

    >>> list(spellings(["_background_noise_"]))
    ['_background_noise_', '_BACKGROUND_NOISE_', '_Background_Noise_']
    >>> list(spellings(["background noise"]))[2:]
    ['Background noise', 'Background Noise']
    """
    return {
        form: name
        for name in names
        for form in (name, name.upper(), name.capitalize(), _CASED.sub(_capital, name))
    }


def _capital(letter: re.Match[str]) -> str:
    return letter[0].upper()


def require_words(root: Tree, data: SpeechData) -> None:
    """Reject folders that are not words or contain folders, unless words are named.

    Raises:
        DataError: naming what was found and how to resolve it.
    """
    present = word_folders(root, data)
    if data.words:
        return
    if parts := [name for name in present if is_split_name(name)]:
        raise DataError(
            f"{root.path}: {_shown(parts)} {_looks(parts)} like part of a split, not like a word "
            f"(folders there: {_shown(present)}){_dotted_hint(present.values())}. To take the sets "
            'as they are, give [data] split = "given"; to draw others from all clips, give '
            'layout = "*/word"; if these are the words, name them: [data] words = '
            f"{_toml(present)}"
        )
    speakers = [name for name in present if _SPEAKER_NAME.fullmatch(name)]
    if 2 * len(speakers) >= len(present):
        raise DataError(
            f"{root.path}: {_shown(speakers)} {_looks(speakers)} like a speaker, not like a word "
            f"(folders there: {_shown(present)}). If the words are in them, give [data] layout = "
            '"speaker/word"; if the file names start with the word, "speaker/word_*"; if these are '
            f"the words, name them: [data] words = {_toml(present)}"
        )
    if names := _named_in_files(present):
        raise DataError(
            f"{root.path}: the folders {_shown(present)} seem to be speakers, as the names of "
            f"their files contain them, behind {_shown(names)}; if so, give [data] layout = "
            f'"speaker/word_*"; if these are the words, name them: [data] words = {_toml(present)}'
        )
    _require_flat(root, present, data)


def _first_names(folder: Tree) -> set[str]:
    """Return what the names of a folder's files start with; empty if one has no mark behind it."""
    pieces = [_MARKS.split(path.stem) for path in folder.clips]
    if not pieces or not all(len(parts) > 1 and parts[0].isalpha() for parts in pieces):
        return set()
    return {parts[0] for parts in pieces}


def _shared_names(folders: Mapping[str, Tree]) -> set[str]:
    """Return what files start with, if it is the same in all of at least two folders."""
    found = [_first_names(folder) for folder in folders.values()]
    same = len(found) > 1 and len(found[0]) > 1 and all(names == found[0] for names in found)
    return found[0] if same else set()


def _named_in_files(folders: Mapping[str, Tree]) -> set[str]:
    """Return the words of files that are named word_speaker_*, in folders named by speakers."""
    names = _shared_names(folders)
    for name, folder in folders.items() if names else ():
        own = f"_{'_'.join(_MARKS.split(name.casefold()))}"
        stems = ("_".join(_MARKS.split(path.stem.casefold())) for path in folder.clips)
        if not all(own in stem for stem in stems):
            return set()
    return names


def name_hints(folders: Mapping[str, Tree], data: SpeechData) -> list[str]:
    """Point out that files of all folders start with the same names: speakers, or the words."""
    names = sorted(_shared_names(folders)) if not data.words and not data.speaker else []
    if not names:
        return []
    hint = (
        f"the names of the files in each folder start with {_shown(names)}; if these are speakers, "
        "give [data] speaker = '/([^_.-]+)'; if they are the words and the folders are speakers, "
        'layout = "speaker/word_*"'
    )
    return [hint]


def is_split_name(name: str) -> bool:
    """Return whether a folder's name is that of a set of a split, in common spellings.

    >>> is_split_name("Training"), is_split_name("test_set"), is_split_name("up")
    (True, True, False)
    """
    return bool(subsets_in(name)) or _FOLD_NAME.fullmatch(name) is not None


def _require_flat(root: Tree, present: Mapping[str, Tree], data: SpeechData) -> None:
    levels = 1 if data.speaker == SPEAKER_FOLDERS else 0
    deep = {name: inner for name, word in present.items() if (inner := _too_deep(word, levels))}
    if deep:
        word, inner = next(iter(deep.items()))
        raise DataError(
            f"{root.path}: the word folders {_shown(deep)} contain folders of audio files "
            "themselves "
            f"({word}: {_shown(inner)}). "
            + (
                "Clips must be in word/speaker: move them there"
                if levels
                else f'If these are speakers, give [data] speaker = "{SPEAKER_FOLDERS}"'
            )
            + "; to leave them out, name the words: "
            f"[data] words = {_toml(present)}"
        )


def _too_deep(word: Tree, levels: int) -> list[str]:
    """List folders in a word folder, below ``levels`` of speakers, that contain audio files."""
    if levels:
        return [
            f"{speaker}/{name}"
            for speaker, folder in word.folders.items()
            if not hidden_name(speaker)
            for name in _too_deep(folder, levels - 1)
        ]
    return [n for n, f in word.folders.items() if not hidden_name(n) and f.holds_sound()]


def _words_in(place: Tree, data: SpeechData) -> list[str]:
    """List the names of the sub-folders that contain clips, as words do."""
    by_speaker = data.speaker == SPEAKER_FOLDERS

    def holds(folder: Tree) -> bool:
        if by_speaker:
            return any(
                inner.sounds for name, inner in folder.folders.items() if not hidden_name(name)
            )
        return any(not path.name.startswith(".") for path in folder.sounds)

    return [name for name, folder in word_folders(place, data).items() if holds(folder)]


def _root_of_words(tree: Tree, data: SpeechData) -> Tree:
    places = [tree, *word_folders(tree, data).values()]
    found = {
        place.path: [word for word in data.words if word in word_folders(place, data)]
        for place in places
    }
    holding = [place for place in places if found[place.path]]
    whole = len(found[tree.path]) == len(data.words)
    if whole or (len(holding) == 1 and holding[0] is tree):
        return tree
    if not holding:
        # None of the words exists: complain about the place with the most words of any name.
        place = max(places, key=lambda place: len(_words_in(place, data)))
        if not _words_in(place, data):
            raise _nothing_found(tree)
        return place
    if len(holding) > 1:
        raise _several(tree, {place.path.name: found[place.path] for place in holding})
    return holding[0]


def require_word(word: str, root: Tree, present: Mapping[str, Tree]) -> Tree:
    """Return the folder of a word.

    Raises:
        DataError: if it does not exist; the error suggests the closest name.
    """
    if word not in present:
        raise DataError(
            f"{root.path}: there is no folder for the word {word!r}{nearest(word, present)}; "
            f"available words: {', '.join(present)}; name those to train with --words, or as words "
            "in [data]"
        )
    return present[word]


def _several(tree: Tree, found: Mapping[str, Sequence[str]]) -> DataError:
    places = "; ".join(f"{name} ({len(held)}: {_shown(held)})" for name, held in found.items())
    counts = [set(held) for held in found.values()]
    if any(map(is_split_name, found)):
        advice = (
            'some look like the sets of a split: give [data] split = "given" to take them as they '
            'are, layout = "*/word" to draw others from all clips, or one of the folders'
        )
    elif any(first & second for i, first in enumerate(counts) for second in counts[:i]):
        advice = (
            f"give one of them; if {_shown(found)} are words and the folders in them speakers, "
            f'give [data] speaker = "{SPEAKER_FOLDERS}"; if they are speakers, give layout = '
            '"speaker/word"; to join them, layout = "*/word"'
        )
    else:
        advice = (
            "give one of them, name the words in [data] words, or join them: [data] layout = "
            '"*/word"'
        )
    return DataError(f"{tree.path}: several folders contain words: {places}; {advice}")


def _nothing_found(tree: Tree) -> DataError:
    names = sorted(path.name for path in tree.path.iterdir())
    deeper = next((path.parent for path in tree.below() if path.parent != tree.path), None)
    hint = f"; there are audio files deeper down, as in {deeper}" if deeper else ""
    if tree.clips:
        hint += (
            '; if the names of the files start with the words, give [data] layout = "word_*" or '
            '"word.*", or name words in a table (manifest); motefit data cut makes clips of long '
            "recordings"
        )
    return DataError(
        f"{tree.path}: no word folders found; expected one folder per word with "
        f"{', '.join(AUDIO_SUFFIXES)} files in it, here or one level down; "
        f"found: {listing(names)}{hint}"
    )


def listing(names: Sequence[str]) -> str:
    """Shorten a list of names."""
    shown = ", ".join(names[:6]) or "nothing"
    return f"{shown}, ... ({len(names)} entries)" if len(names) > 6 else shown


def _dotted_hint(folders: Iterable[Tree]) -> str:
    """Hint at Edge Impulse's file names, which start with the label and a dot."""
    stems = [path.stem for folder in folders for path in folder.clips]
    labels = sorted({stem.partition(".")[0] for stem in stems})
    if not stems or not all("." in stem for stem in stems) or len(labels) > len(stems) / 2:
        return ""
    return f" (the file names start with {_shown(labels)}, as Edge Impulse exports them)"


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    text = ", ".join(listed[:_SHOWN])
    return f"{text}, ... ({len(listed)} in all)" if len(listed) > _SHOWN else text


def _looks(names: Sequence[str]) -> str:
    return "looks" if len(names) == 1 else "each look"


def _toml(names: Iterable[str]) -> str:
    return f"[{', '.join(chr(34) + name + chr(34) for name in names)}]"
