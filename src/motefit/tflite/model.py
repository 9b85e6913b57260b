"""A model file: read once, taken apart once."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.tflite.archive import read_model

if TYPE_CHECKING:
    from motefit.tflite.flatbuffer.reader import DecodedTable
    from motefit.tflite.inspect import Inspection


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A .tflite file; what is read from its bytes is read once, when it is first asked for.

    Attributes:
        data: bytes of the file.
        stream_bytes: length of the deflate stream that the file ships in; None where it is not, or
            not yet, in a bundle.
    """

    data: bytes
    stream_bytes: int | None = field(default=None, compare=False)

    @classmethod
    def from_path(cls, path: str | Path) -> "ModelFile":
        """Read a .tflite file, or a zip that holds one.

        Raises:
            ModelFileError: for a missing or damaged file, or a zip without a model.
        """
        return cls(data=read_model(Path(path)))

    @cached_property
    def sha256(self) -> str:
        """Hash of the bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def tables(self) -> "DecodedTable":
        """The FlatBuffer's tables.

        Raises:
            ModelFileError: for bytes that are not a whole .tflite file.
        """
        from motefit.tflite.flatbuffer.reader import read_tables  # noqa: PLC0415  (not on a device)

        return read_tables(self.data)

    @cached_property
    def inspection(self) -> "Inspection":
        """Tensors, operators and where the bytes go.

        Raises:
            ModelFileError: for bytes that are not a whole .tflite file.
        """
        from motefit.tflite.inspect import inspect  # noqa: PLC0415  (a device runs, and never asks)

        return inspect(self.data, self.tables)
