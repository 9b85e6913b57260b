"""The gate: a model file reaches LiteRT in this process only if it has survived LiteRT in another.

LiteRT trusts its files. One from a stranger is first read strictly, then tried in a process with
limits on time and memory (:mod:`motefit.tflite.model_trial`). The proof is a line in the file
:data:`PROVEN` of the cache folder: the model's SHA-256, for which LiteRT it holds, and which rules
the gate had. Whatever these rules have proven before, was measured here, or is shipped with motefit
needs no second process: on a device, the first use at deployment is the proof for all later ones.

The file holds no secrets and grants no trust: whoever can write to a user's cache folder can run
programs as that user anyway.
"""

import contextlib
import functools
import hashlib
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from motefit.runtime.interpreter import LITERT_VERSION
from motefit.runtime.zoo import is_shipped
from motefit.spec.files import cache_folder, write_atomic
from motefit.tflite.model import ModelFile

FOLDER = Path(__file__).parents[1] / "tflite"
PROVEN = "proven-models.txt"
"""File of proofs in the cache folder, a line each."""
RULES = (
    "../spec/limits.py",
    "flatbuffer/layout.py",
    "flatbuffer/reader.py",
    "operator_rules.py",
    "validate.py",
    "contained.py",
    "model_trial.py",
)
"""Modules, seen from motefit.tflite, that decide what passes: a proof of others does not count."""
MOST_PROOFS = 2000
"""Proofs that are kept; older ones are dropped, and made again when they are needed."""


def admit(model: ModelFile, path: Path | None = None) -> None:
    """Admit a model that LiteRT survives, even if LiteRT rejects it with a message.

    Args:
        model: the file.
        path: path it was read from, if any.

    Raises:
        ModelFileError: if it is damaged, crashes LiteRT, does not finish, or takes too much memory.
    """
    if model.sha256 in _admitted or (path is not None and is_shipped(path)):
        return
    proof, known = _proof(model), _proofs()
    if proof not in known:
        from motefit.tflite.model_trial import try_model  # noqa: PLC0415  (not for a proven model)
        from motefit.tflite.validate import check_structure  # noqa: PLC0415  (likewise)

        with model.named():
            check_structure(model.tables)
            try_model(model.data)
        _keep(proof, known)
    _admitted.add(model.sha256)


def vouch(model: ModelFile) -> None:
    """Record that LiteRT ran a model on this machine without harm."""
    if model.sha256 not in _admitted:
        _admitted.add(model.sha256)
        _keep(_proof(model), _proofs())


_admitted: set[str] = set()
"""Hashes of the models that have passed, or were made, in this process."""


def _proof(model: ModelFile) -> str:
    return f"{model.sha256} LiteRT {LITERT_VERSION} {platform.machine()} gate {gate_digest()}"


@functools.cache
def gate_digest() -> str:
    """Return a digest of the sources of :data:`RULES`, which changes with each of them.

    Without sources, it is that of this process, whose proofs then hold for itself.
    """
    try:
        sources = [(FOLDER / name).read_bytes() for name in RULES]
    except OSError:
        return f"of process {os.getpid()}"
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


def _proofs() -> list[str]:
    try:
        return (cache_folder() / PROVEN).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []


def _keep(proof: str, known: Sequence[str]) -> None:
    """Add a proof to the file, whose lines are known.

    Where it cannot be written, the model is tried again next time.
    """
    path = cache_folder() / PROVEN
    with contextlib.suppress(OSError):
        if len(known) >= MOST_PROOFS:
            write_atomic(path, "\n".join([*known[MOST_PROOFS // 2 :], proof, ""]))
        elif proof not in known:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="ascii") as file:
                file.write(proof + "\n")
