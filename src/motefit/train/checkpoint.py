"""Checkpoints of a training: plain ``.npz`` files without pickles, written whole or not at all."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motefit.graph.graph import Graph
from motefit.spec.errors import ModelFileError
from motefit.spec.files import write_atomic

FORMAT = 1
_FACTS = "facts.json"
_DAMAGE = (OSError, TypeError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that a training needs to go on as if it had never stopped.

    Attributes:
        identity: of the training: graph, settings, data and seed, as a digest.
        facts: JSON values: epochs done, history, best epoch.
        arrays: constants now and at the best epoch, and the optimiser's moments, by name.
    """

    identity: str
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; an older one stays until the new one is whole.

    Raises:
        OutputError: when the file cannot be written.
    """
    facts = {"format": FORMAT, "identity": checkpoint.identity, **checkpoint.facts}
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_FACTS: text}, **dict(checkpoint.arrays))
    write_atomic(path, buffer.getvalue())


def read_checkpoint(path: Path, *, identity: str) -> Checkpoint | None:
    """Read a checkpoint; None when there is no such file.

    Args:
        path: of the checkpoint.
        identity: of the training that wants to go on.

    Raises:
        ModelFileError: for a damaged file, or the checkpoint of another training.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
        found = (facts.pop("format"), facts.pop("identity"))
    except _DAMAGE as error:
        raise ModelFileError(
            f"{path}: the checkpoint is damaged ({error}); delete it to start over"
        ) from None
    if found != (FORMAT, identity):
        raise ModelFileError(
            f"{path}: this checkpoint is of another training (other data, network, settings or "
            "seed); delete it to start over, or choose another output folder"
        )
    return Checkpoint(identity=identity, facts=facts, arrays=arrays)


def identify(graph: Graph, facts: str) -> str:
    """The identity of a training: a digest of its initial graph and of all that steers it."""
    digest = hashlib.sha256(repr((graph.input_shape, graph.ops)).encode())
    for name in sorted(graph.constants):
        array = graph.constants[name]
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(facts.encode())
    return digest.hexdigest()
