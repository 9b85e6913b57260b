"""Bundles: one zip that holds a model file and its card, with reproducible bytes.

The first member is ``model.tflite``, the second ``card.json``. Equal models and cards give equal
bytes: fixed dates, fixed order, one compression method. Loading checks the model's bytes against
the hash in the card, and the card's bytes against the zip's checksum, so a change to either is
refused; it does not matter which program packed the zip. The card itself is not signed: its facts
are claims, and ``motefit check`` measures each of them again on the bytes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from motefit.runtime.gate import admit
from motefit.spec.card import Card
from motefit.spec.errors import ModelFileError, NoCardError
from motefit.spec.files import write_atomic
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.limits import CARD_BYTES, model_bytes
from motefit.tflite.archive import (
    NAME,
    is_zip,
    pack,
    read_capped,
    require_size,
    require_tflite,
    unpack,
)
from motefit.tflite.model import ModelFile

CARD_NAME = "card.json"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model file and its card.

    Attributes:
        file: the .tflite file.
        card: description of the model; ``card.model_sha256`` is the hash of the file.
        bundle_bytes: size of the zip; for a bare model file, the sizes of model and card added up.
    """

    file: ModelFile
    card: Card
    bundle_bytes: int

    @property
    def model(self) -> bytes:
        """Bytes of the .tflite file."""
        return self.file.data


def sha256(data: bytes) -> str:
    """Return the hash of a model file as its card states it, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def bundle_bytes(model: bytes, card: Card) -> bytes:
    """Pack a model and its card into the bytes of a bundle; equal arguments give equal bytes.

    Raises:
        ModelFileError: if the card belongs to another model.
    """
    _require_match(ModelFile(data=model), card, where="write_bundle")
    return pack({NAME: model, CARD_NAME: card.to_json().encode()})


def write_bundle(path: str | Path, model: bytes, card: Card) -> Path:
    """Write a bundle atomically: readers see the old file or the whole new one.

    Args:
        path: path of the zip; its folder is created if necessary.
        model: bytes of the .tflite file.
        card: card of this exact model.

    Raises:
        ModelFileError: if the card belongs to another model.
        OutputError: if the file cannot be written, e.g. because the disk is full; an existing file
            stays intact.
    """
    path = Path(path)
    write_atomic(path, bundle_bytes(model, card))
    return path


def load_bundle(path: str | Path, *, task: str = "") -> Bundle:
    """Read a bundle, or a bare model file with a card beside it.

    Args:
        path: a zip written by :func:`write_bundle`, or by any other program that packs the same two
            files; or a .tflite file, or a zip of one, with ``<stem>.card.json`` or ``card.json``
            in the same folder.
        task: task that the model must be for; empty: any.

    Raises:
        ModelFileError: if the file is missing or damaged, its bytes do not match the card, or it is
            for another task.
        NoCardError: if there is no card, neither in the zip nor beside it.
    """
    found = open_model(path)
    if isinstance(found, ModelFile):
        raise _no_card(Path(path))
    if task and found.card.task != task:
        raise ModelFileError(
            f"{path} is a model for {found.card.task}, not for {task}; motefit kws and listen take "
            "keyword spotters, motefit forecast takes forecasters, and motefit.load takes both"
        )
    return found


def open_model(path: str | Path) -> Bundle | ModelFile:
    """Read a model file that is to be run, and its card if it has one.

    Raises:
        ModelFileError: if the file is missing or damaged, its bytes do not match the card, or the
            gate refuses it (:mod:`motefit.runtime.gate`).
    """
    path = Path(path)
    data = read_capped(path, model_bytes() + CARD_BYTES)
    file, card_text, where = _split(data, path)
    size = len(data)
    if card_text is None:
        card_path = next((p for p in _card_paths(path) if p.is_file()), None)
        if card_path is None:
            admit(file, path)
            return file
        card_text, where = read_capped(card_path, CARD_BYTES), str(card_path)
        size += len(card_text)
    if is_pointer(card_text):
        raise ModelFileError(pointer_message(where))
    try:
        card = Card.from_json(card_text.decode(), where=where)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{where}: not UTF-8 text: {error}") from None
    _require_match(file, card, where=str(path))
    admit(file, path)
    return Bundle(file=file, card=card, bundle_bytes=size)


def _split(data: bytes, path: Path) -> tuple[ModelFile, bytes | None, str]:
    """Split a file into its model, the text of its card, and the card's location for errors."""
    where = f"{path}: {CARD_NAME}"
    if not is_zip(data):
        require_tflite(data, where=str(path))
        require_size(len(data), model_bytes(), where=str(path))
        return ModelFile(data=data, where=str(path)), None, where
    model, card = unpack(data, where=str(path), companion=CARD_NAME)
    require_tflite(model.content, where=str(path))
    if card is None:
        return ModelFile(data=model.content, where=str(path)), None, where
    file = ModelFile(data=model.content, where=str(path), stream_bytes=model.stream_bytes)
    return file, card.content, where


def _card_paths(path: Path) -> tuple[Path, Path]:
    """Return the paths at which the card of a bare model file may be."""
    return path.with_name(f"{path.stem}.card.json"), path.with_name(CARD_NAME)


def _no_card(path: Path) -> NoCardError:
    return NoCardError(
        f"{path} is a model without a card, so its labels, front end and normalization are "
        f"unknown; put {_card_paths(path)[0].name} or {CARD_NAME} beside it, or give a recipe "
        f"(motefit check {path.name} --recipe RECIPE; in Python, recipe=), whose [frontend] is "
        "then the front end"
    )


def _require_match(file: ModelFile, card: Card, *, where: str) -> None:
    actual = file.sha256
    if actual != card.model_sha256:
        raise ModelFileError(
            f"{where}: refused: the SHA-256 of the model's bytes is {actual}, but the card was "
            f"written for {card.model_sha256 or '(none)'}; either the model was changed after it "
            "was measured, or the card belongs to another model: build the bundle again"
        )
