"""``shrink``: a smaller .tflite file that computes the same, with the proof."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motefit.runtime.zoo import find_model
from motefit.spec.errors import ModelFileError
from motefit.spec.files import write_atomic
from motefit.spec.tables import Item, Printable, ResultTable
from motefit.tflite.archive import zip_bytes
from motefit.tflite.equivalence import EquivalenceReport, check_equivalence
from motefit.tflite.model import ModelFile
from motefit.tflite.shrink import needs_signatures
from motefit.tflite.shrink import shrink as drop_unread

SEED = 0


@dataclass(frozen=True, kw_only=True)
class ShrinkResult(Printable):
    """A model file before and after.

    Attributes:
        model: path of the file that was given.
        before_bytes: its size by kind, ``raw`` and ``zip``.
        after_bytes: the same of the smaller file.
        removed_bytes: by part of the file, what is gone.
        signatures_needed: signatures stay, since they are the only way to some of its subgraphs.
        proof: that both compute the same; None where the file would not get smaller.
        written: path of the smaller file; None where the file would not get smaller.
    """

    model: Path
    before_bytes: Mapping[str, int]
    after_bytes: Mapping[str, int]
    removed_bytes: Mapping[str, int]
    signatures_needed: bool
    proof: EquivalenceReport | None
    written: Path | None

    def content(self) -> list[Item]:
        """Sizes, what is gone, the proof, and where the smaller file is."""
        if self.proof is None:
            return [f"{self.model} would not get smaller; nothing was written"]
        gone = sorted(self.removed_bytes.items(), key=lambda item: -item[1])
        found: list[Item] = [
            self._sizes_table(),
            "less: " + ", ".join(f"{name} {count}" for name, count in gone if count > 0),
        ]
        if self.signatures_needed:
            found.append("signatures stay: they are the only way to some of its subgraphs")
        if self.proof.reason:
            found.append(f"tables compared and equal; not run: {self.proof.reason}")
        else:
            found.append(
                f"proof: {self.proof.values} output values equal bit for bit "
                f"({self.proof.inputs} random inputs; {' and '.join(self.proof.resolvers)} kernels)"
            )
        return [*found, f"wrote {self.written}"]

    def _sizes_table(self) -> ResultTable:
        rows = []
        for kind, old in self.before_bytes.items():
            new = self.after_bytes[kind]
            share = f"{100 * (old - new) / old:.1f} %"
            rows.append((f"{kind} bytes", str(old), str(new), share))
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
    """Drop what no runtime reads from a .tflite file of any origin; outputs stay bit for bit.

    Both files are run on random inputs with and without XNNPACK before the result is written.

    >>> import motefit
    >>> motefit.shrink("yes-no").proof is None  # it is as small as can be: nothing is written
    True

    Args:
        model: .tflite file, zip that holds one, or name of a shipped model.
        out: file to write; None: ``<model>.min.tflite`` beside the model.
        keep_signatures: keep names for signature runners.
        keep_metadata: keep description and metadata, e.g. labels.
        inputs: random inputs of the proof, per kernel set and size.
        unrun: accept a model that cannot run here; its tables are compared.

    Raises:
        ModelFileError: for a file that cannot be read, or cannot be run here without ``unrun``.
        OutputError: when the file cannot be written.
    """
    path = find_model(model)
    file = ModelFile.from_path(path)
    before = file.data
    after = drop_unread(
        before, file.tables, keep_signatures=keep_signatures, keep_metadata=keep_metadata
    )
    target = path.with_name(f"{path.stem}.min.tflite") if out is None else Path(out)
    proof = None
    if len(after) < len(before):
        proof = check_equivalence(before, after, n=inputs, rng=np.random.default_rng(SEED))
        if proof.reason and not unrun:
            raise ModelFileError(
                f"LiteRT cannot run this model here, so its outputs cannot be compared: "
                f"{proof.reason}; nothing was written; --unrun accepts the comparison of all "
                "operators, tensors and constants alone"
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


def _sizes(data: bytes) -> Mapping[str, int]:
    return {"raw": len(data), "zip": len(zip_bytes(data, thorough=False))}
