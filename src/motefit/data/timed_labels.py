"""Words within longer recordings: label tracks beside them, and data folders of Kaldi."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from motefit.data.cuts import Cut, seconds
from motefit.data.labeled_files import LabeledFile
from motefit.data.manifest import Places
from motefit.data.stream_folder import read_words
from motefit.data.text_files import text_lines
from motefit.data.tree import Tree, composed, is_there
from motefit.spec.errors import DataError
from motefit.spec.labels import is_word

_TRACKS = (".txt", ".csv")


def label_tracks(tree: Tree) -> list[LabeledFile]:
    """Read the words of recordings from the lists beside them: ``kitchen.wav`` has ``kitchen.txt``.

    Lists are label tracks of Audacity, or tables ``start_s,end_s,word``.

    Returns:
        a clip for each word; none unless every recording has such a list.

    Raises:
        DataError: for a label without a length.
    """
    files: list[LabeledFile] = []
    for path in (path for path in tree.below() if not path.name.startswith(".")):
        track = next((t for s in _TRACKS if is_there(t := path.with_suffix(s))), None)
        try:
            words = () if track is None else read_words(track)
        except DataError:
            words = ()
        if not words:
            return []
        name = composed(path.relative_to(tree.path).with_suffix("").as_posix())
        for word in words:
            if word.start_s == word.end_s:
                raise DataError(
                    f"{track}: the label {word.word!r} at {word.start_s:g} s is a point; select "
                    "the whole word in Audacity before you label it, or give its end"
                )
            cut = Cut(start_s=word.start_s, end_s=word.end_s)
            files.append(LabeledFile(path=path, word=word.word, name=name).part(cut))
    return files


def kaldi_folder(tree: Tree) -> list[LabeledFile]:
    """Read a data folder of Kaldi: ``wav.scp``, ``text``, and maybe ``segments`` and ``utt2spk``.

    Returns:
        a clip for each utterance; none if there is no such folder.

    Raises:
        DataError: for a line that cannot be used, or an utterance without its recording.
    """
    folder = tree.path
    if not all(is_there(folder / name) for name in ("wav.scp", "text")):
        return []
    places = Places(folder)
    recordings = dict(_lines(folder / "wav.scp"))
    segments = dict(_lines(folder / "segments")) if is_there(folder / "segments") else {}
    speakers = dict(_lines(folder / "utt2spk")) if is_there(folder / "utt2spk") else {}
    files = []
    for name, word in _lines(folder / "text"):
        if not is_word(word):
            raise DataError(f"{folder / 'text'}: {name}: {word!r} is no label; correct it")
        home, cut = _segment(folder, segments, name) if segments else (name, None)
        place = recordings.get(home, "")
        if not place or place.endswith("|"):
            raise DataError(
                f"{folder / 'wav.scp'}: {home}, which has {name}, is "
                + ("the output of a command; write it to a file, and give its path" if place else
                   "missing; add it, or remove the utterance from text")
            )  # fmt: skip
        file = LabeledFile(
            path=places.find(folder, place),
            word=composed(word),
            name=composed(name),
            speaker=speakers.get(name),
            cut=cut,
        )
        if not is_there(file.path):
            raise DataError(f"{folder / 'wav.scp'}: {home}: there is no file {place}; correct it")
        files.append(file)
    counts = Counter(file.word for file in files)
    if 2 * sum(count for count in counts.values() if count > 1) < len(files):
        raise DataError(
            f"{folder / 'text'}: most texts occur once, such as {next(iter(counts))!r}: these are "
            "transcripts, not labels; keep the utterances of the words to tell apart"
        )
    return files


def _segment(folder: Path, segments: dict[str, str], name: str) -> tuple[str, Cut]:
    """Return the recording of an utterance, and which part of it the utterance is."""
    where = f"{folder / 'segments'}: {name}"
    pieces = segments.get(name, "").split()
    if len(pieces) != 3:
        raise DataError(f"{where}: expected UTTERANCE RECORDING START END, got {pieces}")
    try:
        start_s, end_s = (seconds("segments", text) for text in pieces[1:])
    except DataError:
        start_s = end_s = math.nan
    if not 0 <= start_s < end_s:
        raise DataError(f"{where}: needs 0 <= start < end in seconds, got {pieces[1:]}")
    return pieces[0], Cut(start_s=start_s, end_s=end_s)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the key and the rest of each line.

    Yields:
        both, without blanks around them.

    Raises:
        DataError: for a key that occurs twice.
    """
    seen: set[str] = set()
    for line in text_lines(path, []):
        key, *rest = line.strip().split(None, 1) or [""]
        if not key:
            continue
        if key in seen:
            raise DataError(f"{path}: {key} occurs twice; keep one")
        seen.add(key)
        yield key, rest[0] if rest else ""
