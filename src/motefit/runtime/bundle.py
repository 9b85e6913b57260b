"""A bundle: one zip that holds a model file and its card, and nothing that could differ by chance.

The first member is ``model.tflite``, the second ``card.json``. Equal models and cards give equal
bytes: fixed dates, fixed order, one compression level. Loading compares the model's bytes with the
hash in the card, so a changed model is refused. The card itself is not signed: its facts are
claims, and ``motefit check`` measures each of them again on the bytes.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from motefit.spec.card import Card
from motefit.spec.errors import ModelFileError, NoCardError
from motefit.spec.files import write_atomic
from motefit.tflite.archive import DAMAGE, NAME, is_as_packed, pack, read_model

CARD_NAME = "card.json"
LOCAL_HEADER = b"PK\x03\x04"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model file and its card.

    Attributes:
        model: bytes of the .tflite file.
        card: what it is; ``card.model_sha256`` is the hash of ``model``.
        bundle_bytes: size of the zip; of a bare model file, its size and its card's together.
    """

    model: bytes
    card: Card
    bundle_bytes: int


def sha256(data: bytes) -> str:
    """Hash of a model file as its card states it, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def bundle_bytes(model: bytes, card: Card) -> bytes:
    """The bundle's bytes; equal arguments give equal bytes.

    Raises:
        ModelFileError: when the card belongs to another model.
    """
    _require_match(model, card, where="write_bundle")
    return pack({NAME: model, CARD_NAME: card.to_json().encode()})


def write_bundle(path: str | Path, model: bytes, card: Card) -> Path:
    """Write a bundle atomically: readers see the old file or the whole new one.

    Args:
        path: of the zip; its folder is made.
        model: bytes of the .tflite file.
        card: of this very model.

    Raises:
        ModelFileError: when the card belongs to another model.
        OutputError: when the file cannot be written, e.g. the disk is full; what was there before
            is intact.
    """
    path = Path(path)
    write_atomic(path, bundle_bytes(model, card))
    return path


def load_bundle(path: str | Path, *, task: str = "") -> Bundle:
    """Read a bundle, or a bare model file with a card beside it.

    Args:
        path: a zip as :func:`write_bundle` makes it; or a .tflite file, or a zip that begins with
            one, with ``<stem>.card.json`` or ``card.json`` in the same folder.
        task: that the model must be for; empty: any.

    Raises:
        ModelFileError: when the file is absent or damaged, its bytes are not those the card was
            made for, or it is for another task.
        NoCardError: when there is no card, in the zip or beside it.
    """
    path = Path(path)
    model = read_model(path)
    card_text, where = _card_inside(path), f"{path}: {CARD_NAME}"
    size = path.stat().st_size
    if card_text is None:
        card_path = _card_beside(path)
        card_text, where = _read(card_path), str(card_path)
        size += len(card_text)
    try:
        card = Card.from_json(card_text.decode(), where=where)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{where}: not UTF-8 text: {error}") from None
    _require_match(model, card, where=str(path))
    if task and card.task != task:
        raise ModelFileError(
            f"{path} is a model for {card.task}, not for {task}; "
            "load it with the class of that task"
        )
    return Bundle(model=model, card=card, bundle_bytes=size)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from None


def _card_inside(path: Path) -> bytes | None:
    data = _read(path)
    if not data.startswith(LOCAL_HEADER):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            card = archive.read(CARD_NAME) if CARD_NAME in archive.namelist() else None
    except DAMAGE as error:
        raise ModelFileError(f"the zip {path} is damaged: {error}; copy it again") from None
    if card is not None and not is_as_packed(data):
        raise ModelFileError(
            f"{path}: refused: bytes of the bundle were changed, or another program packed it; "
            "get it again, or unpack it and give the .tflite with card.json beside it"
        )
    return card


def _card_beside(path: Path) -> Path:
    candidates = (path.with_name(f"{path.stem}.card.json"), path.with_name(CARD_NAME))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise NoCardError(
        f"{path} is a model without a card, so its labels, front end and normalization are "
        f"unknown; put {candidates[0].name} or {CARD_NAME} beside it, or give a recipe: "
        f"motefit check {path.name} --recipe RECIPE takes the front end from its [frontend]"
    )


def _require_match(model: bytes, card: Card, *, where: str) -> None:
    actual = sha256(model)
    if actual != card.model_sha256:
        raise ModelFileError(
            f"{where}: refused: the model's bytes have the sha256 {actual}, but the card belongs "
            f"to {card.model_sha256 or '(none)'}; the model was changed after it was measured, or "
            "the card is another model's: build the bundle again"
        )
