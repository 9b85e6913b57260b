"""``shrink``: write a smaller .tflite file with the same outputs, after comparing both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from motefit.runtime.gate import admit
from motefit.runtime.zoo import find_model, output_path
from motefit.spec.errors import ModelFileError
from motefit.spec.files import write_atomic
from motefit.spec.metrics import grouped
from motefit.spec.tables import Item, Printable, ResultTable
from motefit.tflite.archive import zip_bytes
from motefit.tflite.contained import contained
from motefit.tflite.equivalence import EquivalenceReport, check_equivalence
from motefit.tflite.micro_equivalence import RUNTIME, check_micro_equivalence, has_micro
from motefit.tflite.model import ModelFile
from motefit.tflite.shrink import needs_signatures
from motefit.tflite.shrink import shrink as drop_unread

SEED = 0
COMPARISON_S = 120
"""CPU seconds that the comparison of both files may take."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ShrinkResult(Printable):
    """Result of shrinking a model file.

    Attributes:
        model: path of the original file.
        before_bytes: its size by kind, ``raw`` and ``zip``.
        after_bytes: size of the smaller file by kind.
        removed_bytes: number of bytes removed, by part of the file.
        signatures_needed: whether signatures are kept, as the only way to reach some subgraphs.
        proof: comparison of both files; None if the file would not get smaller.
        written: path of the smaller file; None if the file would not get smaller.
    """

    model: Path
    before_bytes: Mapping[str, int]
    after_bytes: Mapping[str, int]
    removed_bytes: Mapping[str, int]
    signatures_needed: bool
    proof: EquivalenceReport | None
    written: Path | None

    def content(self) -> list[Item]:
        """List sizes, what was removed, the comparison, and the smaller file's path."""
        if self.proof is None:
            return [f"{self.model} would not get smaller; nothing was written"]
        gone = sorted(self.removed_bytes.items(), key=lambda item: -item[1])
        found: list[Item] = [
            self._sizes_table(),
            "removed: " + ", ".join(f"{name} {count}" for name, count in gone if count > 0),
        ]
        if self.signatures_needed:
            found.append("signatures are kept: they are the only way to reach some subgraphs")
        if self.proof.reason:
            found.append(f"tables compared and equal; not run: {self.proof.reason}")
        else:
            found.append(
                f"proof: {grouped(self.proof.values)} output values equal bit for bit "
                f"({self.proof.inputs} random inputs; {_kernels(self.proof.resolvers)})"
            )
        return [*found, f"wrote {self.written}"]

    def _sizes_table(self) -> ResultTable:
        rows = []
        for kind, old in self.before_bytes.items():
            new = self.after_bytes[kind]
            share = f"{100 * (old - new) / old:.1f} %"
            rows.append((f"{kind} bytes", grouped(old), grouped(new), share))
        return ResultTable(titles=("", "before", "after", "saved"), align="lrrr", rows=rows)


def shrink(
    model: str | Path,
    *,
    out: str | Path | None = None,
    keep_signatures: bool = False,
    keep_metadata: bool = False,
    inputs: int = 16,
    unrun: bool = False,
) -> ShrinkResult:
    """Remove what no runtime reads from a .tflite file of any origin; outputs stay identical.

    Both files are run on random inputs with and without XNNPACK before the result is written, or in
    TensorFlow Lite Micro if LiteRT cannot run them and the extra ``micro`` is installed.

    >>> import motefit
    >>> motefit.shrink("yes-no").proof is None  # it cannot get smaller: nothing is written
    True

    Args:
        model: .tflite file, zip of one, or name of a shipped model.
        out: file to write; None: ``<model>.min.tflite`` beside the model.
        keep_signatures: keep the names that signature runners need.
        keep_metadata: keep the description and metadata, e.g. labels.
        inputs: number of random inputs per kernel set and input size.
        unrun: accept a model that cannot run here; only its tables are compared.

    Raises:
        ModelFileError: if the file cannot be read, or cannot run here without ``unrun``.
        OutputError: if the file cannot be written.
    """
    path = find_model(model)
    file = ModelFile.from_path(path)
    before = file.data
    with file.named():
        after = drop_unread(
            before, file.tables, keep_signatures=keep_signatures, keep_metadata=keep_metadata
        )
    target = output_path(path, ".min.tflite") if out is None else Path(out)
    proof = None
    if len(after) < len(before):
        admit(file, path)
        comparison = partial(
            check_equivalence, before, after, n=inputs, rng=np.random.default_rng(SEED)
        )
        proof = contained(comparison, seconds=COMPARISON_S)
        if proof.reason:
            proof = _by_micro(before, after, inputs, proof)
        if proof.reason and not unrun:
            raise ModelFileError(
                f"LiteRT cannot run this model here, so its outputs cannot be compared: "
                f"{proof.reason}; nothing was written; unrun (--unrun) accepts a "
                "comparison of only the operators, tensors and constants"
            )
        write_atomic(target, after, what="the model")
    small = file if after == before else ModelFile(data=after)
    parts = [each.inspection.bytes_by_part for each in (file, small)]
    removed = {name: parts[0][name] - parts[1][name] for name in parts[0]}
    return ShrinkResult(
        model=path,
        before_bytes=_sizes(before),
        after_bytes=_sizes(after),
        removed_bytes={name: count for name, count in removed.items() if count},
        signatures_needed=needs_signatures(file.tables) and not keep_signatures,
        proof=proof,
        written=None if proof is None else target,
    )


def _kernels(resolvers: Sequence[str]) -> str:
    """Name what ran: kernels of LiteRT, or another runtime."""
    if tuple(resolvers) == (RUNTIME,):
        return f"{RUNTIME}, since LiteRT cannot run it"
    return f"{' and '.join(resolvers)} kernels"


def _by_micro(
    before: bytes, after: bytes, inputs: int, without: EquivalenceReport
) -> EquivalenceReport:
    """Compare in TensorFlow Lite Micro; the report of LiteRT where that is not possible either."""
    if not has_micro():
        return replace(
            without,
            reason=f"{without.reason}; the extra micro is not installed",
        )
    comparison = partial(
        check_micro_equivalence, before, after, n=inputs, rng=np.random.default_rng(SEED)
    )
    try:
        found = contained(comparison, seconds=COMPARISON_S)
    except ModelFileError as error:
        if "different outputs" in str(error):
            raise
        found = replace(without, reason=str(error))
    if found.reason:
        return replace(without, reason=f"{without.reason}; nor can {RUNTIME}: {found.reason}")
    return found


def _sizes(data: bytes) -> Mapping[str, int]:
    return {"raw": len(data), "zip": len(zip_bytes(data, thorough=False))}
