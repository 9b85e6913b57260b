"""What a folder without words seems to be: archives, labels of other programs, other formats."""

import re
from collections.abc import Set
from itertools import chain, islice
from pathlib import Path

from motefit.data.tree import OTHER_SUFFIXES, Tree, hidden_name, is_readable
from motefit.signal.other_sound import convert_command

_TABLE = "write a table with the columns path and label, labels.csv, into the folder"
_CUT = (
    "words within longer recordings are named in a table, labels.csv, with the columns path, "
    "label, start_s and end_s, or in a label track of Audacity beside each: a.wav and a.txt"
)
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_ARRAYS = (".npy", ".npz", ".tfrecord", ".parquet", ".h5", ".hdf5", ".mat", ".pkl", ".arrow")
_BY_SUFFIX: tuple[tuple[tuple[str, ...], str], ...] = (
    (_ARCHIVES, "unpack the archives, e.g. {0}, each into a folder of its own"),
    (_SHEETS, "if {0} names the clips, save it as CSV with the columns path and label"),
    (_ARRAYS, "arrays such as {0} are not read; write each clip as a WAV file"),
    ((".textgrid", ".eaf"), f"{{0}} is a transcript with times: {_CUT}"),
    ((".json", ".xml", ".lab", ".yaml"), f"if {{0}} names the label of a clip, {_TABLE}"),
)
_SEEN = 2000
"""Files of a folder that are looked at."""


def foreign_layout(tree: Tree) -> str:
    """Say what a folder seems to be in which no words are found, and what helps; or nothing."""
    folders = _open_folders(tree)
    if sum(any(map(is_readable, folder.below())) for folder in folders) > 1:
        return ""  # the error says what is wrong with these
    deeper = chain.from_iterable(map(_open_folders, folders))
    paths = list(islice(chain.from_iterable(map(_files, [tree, *folders, *deeper])), _SEEN))
    names = {path.name.lower() for path in paths}
    if scp := next((path for path in paths if path.name.lower() == "wav.scp"), None):
        if scp.parent != tree.path and (scp.parent / "text").is_file():
            return f"{scp.parent} is a data folder of Kaldi: give that folder"
        said = _CUT if "segments" in names else f"{_TABLE}, from wav.scp and text"
        return f"this is a data folder of Kaldi: {said}"
    if transcript := next((n for n in sorted(names) if n.endswith(".trans.txt")), ""):
        return f"{transcript} holds transcripts: {_TABLE}"
    if timed := next(filter(_has_times, paths), None):
        return f"{timed.name} has labels with times, as Audacity exports them: {_CUT}"
    clips = {path.name for path in tree.below()}
    if listed := next((path for path in paths if _names_a_clip(path, clips)), None):
        return f"{listed.name} names the files: {_TABLE}, from it"
    other = [path for path in paths if path.suffix.lower() in OTHER_SUFFIXES]
    if other:
        return unread_sound(other)
    return next(filter(None, (_named(paths, *rule) for rule in _BY_SUFFIX)), "")


def unread_sound(paths: list[Path]) -> str:
    """Name files of sound that are not read, and the command that converts them."""
    first = paths[0]
    command = convert_command(first.name)
    if first.suffix.lower() in {".raw", ".pcm"}:
        command = command.replace("-i", "-f s16le -ar 16000 -ac 1 -i", 1)
    return f"{first.name} is not read; convert it: {command}"


def _open_folders(tree: Tree) -> list[Tree]:
    return [folder for name, folder in tree.folders.items() if not hidden_name(name)]


def _files(tree: Tree) -> list[Path]:
    found = (path for path in tree.path.iterdir() if not hidden_name(path.name))
    return sorted(path for path in found if path.is_file())


def _named(paths: list[Path], suffixes: tuple[str, ...], said: str) -> str:
    first = next((path.name for path in paths if path.suffix.lower() in suffixes), "")
    return said.format(first) if first else ""


def _has_times(path: Path) -> bool:
    """Tell whether a text file has lines of a start, an end and a label between tabs."""
    fields = _first_line(path).split("\t")
    return len(fields) == 3 and all(map(_is_number, fields[:2]))


def _names_a_clip(path: Path, clips: Set[str]) -> bool:
    """Tell whether the first line of a text file names one of the clips."""
    return any(
        piece.rpartition("/")[2] in clips for piece in re.split(r"[|,;\s]", _first_line(path))
    )


def _first_line(path: Path) -> str:
    """Return the first line of a text file; empty for other files."""
    if path.suffix.lower() not in {".txt", ".list", ".lst"}:
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline(200).rstrip("\n")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(",", "", 1).isdigit()
