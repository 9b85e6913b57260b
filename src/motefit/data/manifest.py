"""Manifests: tables that name the path and the label of each clip, and maybe speaker and set."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from motefit.data.labeled_files import Labeled, LabeledFile, arrange, subset_of
from motefit.data.tree import composed, is_there
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
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
_SHOWN = 3


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


def read_manifests(folder: Path, paths: list[Path], data: SpeechData) -> Labeled:
    """Read the clips of manifests; files that do not exist are counted.

    Args:
        folder: the data folder.
        paths: of the manifests.
        data: the recipe's section.

    Raises:
        DataError: for unreadable manifests, ambiguous columns, lines without a label, or no file
            that exists.
    """
    named = {path: subset_of(path.stem) for path in paths}
    if len(paths) > 1 and not all(named.values()) and not data.manifest:
        shown = ", ".join(path.name for path in paths)
        raise DataError(
            f"{folder}: several tables name clips: {shown}; choose: [data] manifest = "
            f'["{paths[0].name}"]'
        )
    files: list[LabeledFile] = []
    missing: list[LabeledFile] = []
    for path in paths:
        for file in _read(folder, path, data, subset=named[path]):
            (files if is_there(file.path) else missing).append(file)
    if not files:
        example = f", e.g. {missing[0].path}" if missing else ""
        raise DataError(f"{paths[0]}: none of the files that it names exists{example}")
    how = [f"words: manifest {', '.join(path.name for path in paths)}"]
    if missing:
        shown = ", ".join(str(file.path) for file in missing[:_SHOWN])
        how.append(f"{len(missing)} files that the manifest names are missing, e.g. {shown}")
    return arrange(files, data, where=paths[0], how=how)


def _read(folder: Path, path: Path, data: SpeechData, *, subset: str) -> Iterator[LabeledFile]:
    columns: Mapping[str, str] | None = None
    for number, row in _rows(path):
        columns = columns or _columns(path, row, data)
        file, label = (str(row.get(columns[role]) or "").strip() for role in ("path", "label"))
        if not file or not label or "/" in label:
            raise DataError(
                f"{path}, line {number}: expected a path and a label without a slash, got "
                f"{file!r} and {label!r}"
            )
        home = str(row.get(columns.get("split", ""), "") or "").strip()
        given = subset_of(home) if "split" in columns else subset
        if data.split == "given" and not given:
            raise DataError(
                f"{path}, line {number}: the set {home!r} is not known; allowed are train, "
                "validation and test in common spellings, in a column split or as the names of "
                "several tables"
            )
        stem = composed(file.replace("\\", "/")).strip("/")
        yield LabeledFile(
            path=_locate(folder, path.parent, file.replace("\\", "/")),
            word=composed(label),
            name=stem.rpartition(".")[0] or stem,
            speaker=str(row.get(columns.get("speaker", ""), "") or "").strip() or None,
            subset=given,
        )


def _locate(folder: Path, beside: Path, file: str) -> Path:
    places = [
        base / sub / file for base in dict.fromkeys((beside, folder)) for sub in _CLIP_FOLDERS
    ]
    return next((place for place in places if is_there(place)), places[0])


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
                f'{{{role} = "{(found or list(row) or ["NAME"])[0]}"}}'
            )
        if found:
            chosen[role] = found[0]
    return chosen


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the numbered rows of a table.

    Yields:
        Line number, and the values by column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _object(path, number, line)
        return
    header = text.partition("\n")[0]
    separator = max(("\t", ",", ";"), key=header.count)
    file = io.StringIO(text, newline="")
    if separator == "\t":  # as Common Voice writes it: quotation marks are part of a sentence
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(file, delimiter=separator)
    try:
        for row in reader:
            yield reader.line_num, {str(k): v for k, v in row.items() if k is not None}
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None


def _object(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: expected a JSON object, got {line[:60]!r}")
    return row
