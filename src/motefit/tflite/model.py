"""Model files, which are read and decoded once."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.spec.errors import ModelFileError
from motefit.tflite.archive import read_model

if TYPE_CHECKING:
    from motefit.tflite.flatbuffer.reader import DecodedTable
    from motefit.tflite.inspect import Inspection


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A .tflite file, decoded once and lazily.

    Attributes:
        data: bytes of the file.
        where: path or name of the file, for errors; empty for bytes made here.
        stream_bytes: length of the deflate stream that the file ships in; None if it is not, or
            not yet, in a bundle.
    """

    data: bytes
    where: str = field(default="", compare=False)
    stream_bytes: int | None = field(default=None, compare=False)

    @classmethod
    def from_path(cls, path: str | Path) -> "ModelFile":
        """Read a .tflite file, or a zip of one.

        Raises:
            ModelFileError: if the file is missing or damaged, or a zip has no model.
        """
        return cls(data=read_model(Path(path)), where=str(path))

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the file in errors about its content that are raised in the block.

        Yields:
            once.
        """
        try:
            yield
        except ModelFileError as error:
            if not self.where or self.where in str(error):
                raise
            raise type(error)(f"{self.where}: {error}") from error

    @cached_property
    def sha256(self) -> str:
        """Hash of the bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def tables(self) -> "DecodedTable":
        """Tables of the FlatBuffer.

        Raises:
            ModelFileError: if the bytes are not a complete .tflite file.
        """
        from motefit.tflite.flatbuffer.reader import read_tables  # noqa: PLC0415  (not on a device)

        with self.named():
            return read_tables(self.data)

    @cached_property
    def inspection(self) -> "Inspection":
        """Tensors, operators and the bytes of each part.

        Raises:
            ModelFileError: if the bytes are not a complete .tflite file.
        """
        from motefit.tflite.inspect import inspect  # noqa: PLC0415  (not on a device)

        with self.named():
            return inspect(self.data, self.tables)
