"""Manifests: tables that name the path and the label of each clip, and maybe speaker and set."""

import itertools
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path

from motefit.data.csv_rows import csv_rows, text_of
from motefit.data.cuts import CutColumns, cut_columns
from motefit.data.labeled_files import Labeled, LabeledFile, arrange, subset_of
from motefit.data.numbers import shown
from motefit.data.text_files import text_lines
from motefit.data.tree import Tree, composed, hidden_name, is_there, read_tree
from motefit.spec.errors import DataError
from motefit.spec.labels import is_word
from motefit.spec.tasks.speech_spec import SpeechData

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
"""Of tables that are searched; a .json file has one list, or a line for each clip."""
_USUAL = {
    "path": (
        "path", "file", "filename", "file_name", "filepath", "file_path", "fname", "audio",
        "audio_path", "audio_filepath", "audio_filename", "clip", "wav",
    ),
    "label": (
        "label", "word", "class", "category", "keyword", "command", "target", "sentence", "text",
        "transcript", "transcription",
    ),
    "speaker": ("speaker", "speaker_id", "speakerid", "client_id", "user", "user_id", "subject"),
    "split": ("split", "set", "subset", "partition", "usage"),
}  # fmt: skip
_CLIP_FOLDERS = ("", "clips", "wavs", "wav", "audio")
"""Folders next to a manifest in which its files are looked for; Common Voice has ``clips``."""
_LARGE_BYTES = 64 << 20
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")
_SHOWN = 3
_SEARCHED = 200
"""Rows of a table that tell which columns name files and labels."""


def find_manifests(folder: Path, data: SpeechData) -> list[Path]:
    """Return the manifests that the recipe names, or the only one that the folder has.

    Raises:
        DataError: if a named one does not exist.
    """
    for name in data.manifest:
        if not (folder / name).is_file():
            raise DataError(f"{folder / name}: there is no such file; correct [data] manifest")
    if data.manifest:
        return [folder / name for name in data.manifest]
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [path for path in tables if _is_manifest(path, data)]


def _is_manifest(path: Path, data: SpeechData) -> bool:
    try:
        first = next(_rows(path), None)
    except DataError:
        return False
    names = {name.casefold() for name in first[1]} if first is not None else set()
    return all(names & {*_USUAL[role], data.columns.get(role, "")} for role in ("path", "label"))


def manifest_hint(tree: Tree, given: Path) -> str:
    """Say which table names the files of a folder, if its words are found in no other way.

    Args:
        tree: of the folder.
        given: folder that the user gave, to which the recipe's paths are relative.

    Returns:
        What to give in the recipe; empty if there is no such table in it or two levels below.
    """
    names = {name for path in tree.below() for name in (path.name, path.stem)}
    near = [f for name, f in tree.folders.items() if not hidden_name(name)]
    far = [f for place in near for name, f in place.folders.items() if not hidden_name(name)]
    for folder in (place.path for place in (tree, *near, *far)):
        tables = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and is_there(p)]
        for path in sorted(tables, key=lambda path: (-path.stat().st_size, path)):
            if columns := _naming_columns(path, names):
                place = path.relative_to(given).as_posix()
                if not columns[0]:
                    return (
                        f"{place} names the files, but its first line is a row: write a header "
                        f'above it, such as path|label, and give [data] manifest = ["{place}"]'
                    )
                return (
                    f"{place} names the files: to take the words from it, give [data] manifest = "
                    f'["{place}"] and columns = {{path = "{columns[0]}", label = "{columns[1]}"}}'
                )
    return ""


def _naming_columns(path: Path, names: Set[str]) -> tuple[str, str] | None:
    """Return the columns of a table that name files and their labels in words, if it does.

    The labels are in a column with a usual name, else in the first one whose texts repeat.
    """
    try:
        if path.stat().st_size > _LARGE_BYTES:
            return None
        rows = [row for _, row in itertools.islice(_rows(path), _SEARCHED)]
    except (DataError, OSError):
        return None
    columns = {name: [text_of(row.get(name)) for row in rows] for name in (rows or [{}])[0]}
    if any(_in_names(columns, names)):
        return "", ""
    file = next((name for name, texts in columns.items() if _all_named(texts, names)), None)
    words = {
        name: texts
        for name, texts in columns.items()
        if name != file
        and not any(text.isdigit() or "/" in text or subset_of(text) for text in texts)
    }
    usual = [name for name in words if name.casefold() in _USUAL["label"]]
    repeated = [name for name, texts in words.items() if 1 < len(set(texts)) <= len(texts) / 2]
    labels = [name for name in usual or repeated if name.casefold() not in _USUAL["speaker"]]
    return (file, labels[0]) if file and labels else None


def _all_named(texts: Iterable[str], names: Set[str]) -> bool:
    """Return whether most texts are paths of files of the given names."""
    found = _in_names(texts, names)
    return 2 * sum(found) > len(found)


def _in_names(texts: Iterable[str], names: Set[str]) -> list[bool]:
    return [posixpath.basename(text.replace("\\", "/")) in names for text in texts]


def read_manifests(
    folder: Path, paths: list[Path], data: SpeechData, reserved: frozenset[str] = frozenset()
) -> Labeled:
    """Read the clips of manifests; files that do not exist are counted.

    A file is looked for beside its manifest, in the data folder, and in usual folders of both; an
    absolute path of another machine also without its first folders, and a bare name, such as the
    number of a clip, in all folders, if only one file has it.

    Args:
        folder: the data folder.
        paths: of the manifests.
        data: the recipe's section.
        reserved: labels of other sound, which are no words.

    Raises:
        DataError: for unreadable manifests, ambiguous columns, lines without a label, a file with
            two labels or in two sets, or no file that exists.
    """
    named = {path: subset_of(path.stem) for path in paths}
    unused: list[Path] = []
    if {"train", "test"} <= set(named.values()) and not data.manifest:
        unused = [path for path in paths if not named[path]]
        paths = [path for path in paths if named[path]]
    if len(paths) > 1 and not all(named[path] for path in paths) and not data.manifest:
        names = ", ".join(path.name for path in paths)
        raise DataError(
            f"{folder}: several tables name clips: {names}; choose: [data] manifest = "
            f'["{paths[0].name}"]'
        )
    places = Places(folder)
    files: list[LabeledFile] = []
    missing: list[LabeledFile] = []
    how = [f"words: manifest {', '.join(path.name for path in paths)}"]
    for path in paths:
        reader = _Reader(path, data, places, subset=named[path])
        for file in reader.files():
            (files if is_there(file.path) else missing).append(file)
        how += reader.notes
    if not files:
        problem = "it names no clips; expected a header and a line for each clip"
        if missing:
            problem = f"none of the files that it names exists, e.g. {missing[0].path}"
        raise DataError(f"{paths[0]}: {problem}")
    if unused:
        how.append(f"tables that name no set are not used: {', '.join(p.name for p in unused)}")
    if places.moved:
        how.append(f"{places.moved} files were found by the end of their paths")
    how += _unused_sets(files)
    if missing:
        some = ", ".join(str(file.path) for file in missing[:_SHOWN])
        how.append(f"{len(missing)} files that the manifest names are missing, e.g. {some}")
    return arrange(files, data, where=paths[0], how=how, reserved=reserved)


def _unused_sets(files: list[LabeledFile]) -> list[str]:
    """Point out paths that name sets, where no column does."""
    sets = {subset_of(part) for file in files for part in file.name.split("/")[:-1]} - {""}
    if len(sets) < 2 or any(file.subset for file in files):
        return []
    found = f"the paths name sets ({', '.join(sorted(sets))}), which are not used"
    return [f'{found}: to take them, add a column split, and give [data] split = "given"']


class Places:
    """Finds the files that manifests name.

    Attributes:
        moved: number of files found by the end of their paths.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dropped: int | None = None
        self._by_name: dict[str, list[Path]] | None = None
        self.moved = 0

    def find(self, beside: Path, file: str) -> Path:
        """Return the path of a file, or where it should be.

        Args:
            beside: folder of the manifest.
            file: path with slashes, as the manifest gives it.
        """
        bases = [b / sub for b in dict.fromkeys((beside, self._folder)) for sub in _CLIP_FOLDERS]
        places = [base / file for base in bases]
        if found := next((place for place in places if is_there(place)), None):
            return found
        if _ABSOLUTE.match(file):
            found = self._moved(bases, file)
        else:
            found = self._named(file if "/" not in file else file.casefold())
        self.moved += found is not None
        return places[0] if found is None else found

    def _moved(self, bases: list[Path], file: str) -> Path | None:
        """Find an absolute path of another machine, as many folders shorter as all others."""
        pieces = [piece for piece in file.split("/") if piece]
        tried = range(1, len(pieces)) if self._dropped is None else [self._dropped]
        for dropped in tried:
            for base in bases:
                if dropped < len(pieces) and is_there(base.joinpath(*pieces[dropped:])):
                    self._dropped = dropped
                    return base.joinpath(*pieces[dropped:])
        return None

    def _named(self, name: str) -> Path | None:
        """Find the only file of that name, with or without its extension, in all folders.

        Or of that path below the data folder, which is in lower case: others do not tell case.
        """
        if self._by_name is None:
            self._by_name = {}
            for path in read_tree(self._folder).below():
                place = path.relative_to(self._folder).as_posix().casefold()
                for known in {path.name, path.stem, place}:
                    self._by_name.setdefault(known, []).append(path)
        found = self._by_name.get(name, [])
        return found[0] if len(found) == 1 else None


class _Reader:
    """Reads the clips of a manifest.

    Attributes:
        notes: sentences on what is not used.
    """

    def __init__(self, path: Path, data: SpeechData, places: Places, *, subset: str) -> None:
        self._path, self._data, self._places, self._subset = path, data, places, subset
        self.notes: list[str] = []

    def files(self) -> Iterator[LabeledFile]:
        """Read the clips.

        Yields:
            each clip, whether its file exists or not.
        """
        columns: Mapping[str, str] | None = None
        cuts: CutColumns | None = None
        for number, row in _rows(self._path):
            if not any(map(text_of, row.values())):
                continue
            where = f"{self._path}, line {number}"
            if columns is None:
                columns = _columns(self._path, row, self._data)
                if "split" in columns and self._data.split != "given":
                    self.notes.append(
                        f"the column {columns['split']} is not used, as the sets are drawn; to "
                        'take them as they are, give [data] split = "given"'
                    )
                with _named(where):
                    cuts = cut_columns(row, besides=tuple(columns.values()))
                if cuts:
                    self.notes.append(
                        f"a clip is the part of its file that the columns {', '.join(cuts.names)} "
                        "give, in seconds"
                    )
            file = self._file(number, row, columns)
            with _named(where):
                cut = cuts.cut(row) if cuts else None
            yield file if cut is None else file.part(cut)

    def _file(
        self, number: int, row: Mapping[str, object], columns: Mapping[str, str]
    ) -> LabeledFile:
        path, data = self._path, self._data
        odd = [row[columns[role]] for role in ("path", "label") if columns[role] in row]
        file, label = (text_of(row.get(columns[role])) for role in ("path", "label"))
        if not file or not is_word(label) or any(isinstance(v, list | dict) for v in odd):
            raise DataError(
                f"{path}, line {number}: expected a path and a label without a slash or a line "
                f"break, got {shown(file)} and {shown(label)}"
            )
        home, speaker = (
            text_of(row.get(columns[role])) if role in columns else ""
            for role in ("split", "speaker")
        )
        given = subset_of(home) if "split" in columns else self._subset
        if data.split == "given" and not given:
            raise DataError(
                f"{path}, line {number}: the set {home!r} is not known; allowed are train, "
                "validation and test in common spellings, in a column split or as the names of "
                "several tables"
            )
        file = file.replace("\\", "/").removeprefix("file://")
        stem = composed(posixpath.normpath(file)).strip("/")
        return LabeledFile(
            path=self._places.find(path.parent, file),
            word=composed(label),
            name=stem.rpartition(".")[0] or stem,
            speaker=speaker or None,
            subset=given,
        )


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Name the line in errors that are raised in the block.

    Yields:
        once.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _columns(path: Path, row: Mapping[str, object], data: SpeechData) -> dict[str, str]:
    """Return the name of the column of each role; speaker and split may be absent."""
    chosen: dict[str, str] = {}
    for role, usual in _USUAL.items():
        wanted = data.columns.get(role)
        found = [wanted] if wanted else [name for name in row if name.casefold() in usual]
        if wanted and wanted not in row:
            raise DataError(f"{path}: there is no column {wanted!r}; found: {', '.join(row)}")
        if len(found) > 1 or (not found and role in {"path", "label"}):
            problem = f"several columns may be the {role}" if found else f"no column is the {role}"
            raise DataError(
                f"{path}: {problem} (columns: {', '.join(row)}); name it: [data] columns = "
                f'{{{role} = "{_example(found, row, chosen)}"}}'
            )
        if found:
            chosen[role] = found[0]
    return chosen


def _example(found: list[str], row: Mapping[str, object], chosen: Mapping[str, str]) -> str:
    """Return a column that may have a role: one that may, else one without another role."""
    return next(iter(found or [n for n in row if n not in chosen.values()] or row), "NAME")


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Read the numbered rows of a table.

    Yields:
        Line number, and the values by column.
    """
    if path.suffix.lower() not in {".json", ".jsonl", ".ndjson"}:
        usual = {name for known in _USUAL.values() for name in known}
        yield from csv_rows(path, once=usual)
        return
    text = "".join(text_lines(path, []))
    if path.suffix.lower() == ".json" and text.lstrip().startswith("["):
        yield from enumerate(_listed(path, text), 1)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _object(path, number, line)


def _listed(path: Path, text: str) -> list[dict[str, object]]:
    """Read a JSON list of objects."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); correct it") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of objects, each with a path and a label")
    return rows


def _object(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: expected a JSON object, got {line[:60]!r}")
    return row
