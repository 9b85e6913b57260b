"""Training checkpoints: arrays without pickles in a checksummed file, written atomically.

A checksum covers every bit of the file (see ``motefit.data.cache``), so a damaged one is rejected
and never trained on.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motefit.data.cache import open_checked, write_checked
from motefit.graph.graph import Graph
from motefit.spec.errors import ModelFileError
from motefit.spec.files import REMEDY, DamagedFileError

FORMAT = 2
SUFFIX = ".checkpoint"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State that a training needs to continue as if it had never stopped.

    Attributes:
        identity: of the training: graph, settings, data and seed, as a digest.
        facts: JSON values: epochs done, history, best epoch.
        arrays: constants now and at the best epoch, and the optimizer's moments, by name.
    """

    identity: str
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically; an older one stays until the new one is complete.

    Raises:
        OutputError: if the file cannot be written.
    """
    facts = {"format": FORMAT, "identity": checkpoint.identity, **checkpoint.facts}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(checkpoint.arrays))
    archive = np.frombuffer(buffer.getbuffer(), np.uint8)
    write_checked(path, [archive], lambda: facts, what="the checkpoint", remedy=REMEDY)


def read_checkpoint(path: Path, *, identity: str) -> Checkpoint | None:
    """Read a checkpoint; None if there is no such file.

    Args:
        path: of the checkpoint.
        identity: of the training to resume.

    Raises:
        ModelFileError: for a damaged file, or the checkpoint of another training.
    """
    if not path.is_file():
        return None
    try:
        stored, facts = open_checked(path)
        archive = stored.tobytes()
    except (OSError, DamagedFileError) as error:
        raise _damaged(path, error) from None
    found = (facts.pop("format", None), facts.pop("identity", None))
    if found != (FORMAT, identity):
        raise ModelFileError(
            f"{path}: this checkpoint belongs to a different training (other data, network, "
            "settings or "
            "seed); delete it to start over, or choose another output folder"
        )
    try:
        with np.load(io.BytesIO(archive), allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None
    return Checkpoint(identity=identity, facts=facts, arrays=arrays)


def _damaged(path: Path, why: Exception) -> ModelFileError:
    return ModelFileError(f"{path}: the checkpoint is damaged ({why}); delete it to start over")


def identify(graph: Graph, facts: str) -> str:
    """Compute the identity of a training: a digest of its initial graph and all its settings."""
    digest = hashlib.sha256(repr((graph.input_shape, graph.ops)).encode())
    for name in sorted(graph.constants):
        array = graph.constants[name]
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(facts.encode())
    return digest.hexdigest()
