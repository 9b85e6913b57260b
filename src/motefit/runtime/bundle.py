"""A bundle: one zip that holds a model file and its card, and nothing that could differ by chance.

The first member is ``model.tflite``, the second ``card.json``. Equal models and cards give equal
bytes: fixed dates, fixed order, one way to compress. Loading compares the model's bytes with the
hash in the card, and the card's with the zip's checksum, so a change of either is refused; who
packed the zip does not matter. The card itself is not signed: its facts are claims, and
``motefit check`` measures each of them again on the bytes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from motefit.spec.card import Card
from motefit.spec.errors import ModelFileError, NoCardError
from motefit.spec.files import write_atomic
from motefit.tflite.archive import NAME, is_zip, pack, require_tflite, unpack
from motefit.tflite.model import ModelFile

CARD_NAME = "card.json"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model file and its card.

    Attributes:
        file: the .tflite file.
        card: what it is; ``card.model_sha256`` is the hash of the file.
        bundle_bytes: size of the zip; of a bare model file, its size and its card's together.
    """

    file: ModelFile
    card: Card
    bundle_bytes: int

    @property
    def model(self) -> bytes:
        """Bytes of the .tflite file."""
        return self.file.data


def sha256(data: bytes) -> str:
    """Hash of a model file as its card states it, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def bundle_bytes(model: bytes, card: Card) -> bytes:
    """The bundle's bytes; equal arguments give equal bytes.

    Raises:
        ModelFileError: when the card belongs to another model.
    """
    _require_match(ModelFile(data=model), card, where="write_bundle")
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
        path: a zip as :func:`write_bundle` makes it, or any other program that packs the same two
            files; or a .tflite file, or a zip of one, with ``<stem>.card.json`` or ``card.json``
            in the same folder.
        task: that the model must be for; empty: any.

    Raises:
        ModelFileError: when the file is absent or damaged, its bytes are not those the card was
            made for, or it is for another task.
        NoCardError: when there is no card, in the zip or beside it.
    """
    found = open_model(path)
    if isinstance(found, ModelFile):
        raise _no_card(Path(path))
    if task and found.card.task != task:
        raise ModelFileError(
            f"{path} is a model for {found.card.task}, not for {task}; "
            "load it with the class of that task"
        )
    return found


def open_model(path: str | Path) -> Bundle | ModelFile:
    """Read a model file, with its card where it has one; the path is as of :func:`load_bundle`.

    Raises:
        ModelFileError: when the file is absent or damaged, or its bytes are not those the card was
            made for.
    """
    path = Path(path)
    data = _read(path)
    file, card_text, where = _split(data, path)
    size = len(data)
    if card_text is None:
        card_path = next((p for p in _card_paths(path) if p.is_file()), None)
        if card_path is None:
            return file
        card_text, where = _read(card_path), str(card_path)
        size += len(card_text)
    try:
        card = Card.from_json(card_text.decode(), where=where)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{where}: not UTF-8 text: {error}") from None
    _require_match(file, card, where=str(path))
    return Bundle(file=file, card=card, bundle_bytes=size)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read the model {path}: {error.strerror}") from None


def _split(data: bytes, path: Path) -> tuple[ModelFile, bytes | None, str]:
    """The model of a file, the text of the card inside it, and where that is."""
    where = f"{path}: {CARD_NAME}"
    if not is_zip(data):
        require_tflite(data, where=str(path))
        return ModelFile(data=data), None, where
    model, card = unpack(data, where=str(path), companion=CARD_NAME)
    require_tflite(model.content, where=str(path))
    if card is None:
        return ModelFile(data=model.content), None, where
    return ModelFile(data=model.content, stream_bytes=model.stream_bytes), card.content, where


def _card_paths(path: Path) -> tuple[Path, Path]:
    """Where a card of a bare model file is looked for."""
    return path.with_name(f"{path.stem}.card.json"), path.with_name(CARD_NAME)


def _no_card(path: Path) -> NoCardError:
    return NoCardError(
        f"{path} is a model without a card, so its labels, front end and normalization are "
        f"unknown; put {_card_paths(path)[0].name} or {CARD_NAME} beside it, or give a recipe: "
        f"motefit check {path.name} --recipe RECIPE takes the front end from its [frontend]"
    )


def _require_match(file: ModelFile, card: Card, *, where: str) -> None:
    actual = file.sha256
    if actual != card.model_sha256:
        raise ModelFileError(
            f"{where}: refused: the model's bytes have the sha256 {actual}, but the card belongs "
            f"to {card.model_sha256 or '(none)'}; the model was changed after it was measured, or "
            "the card is another model's: build the bundle again"
        )
