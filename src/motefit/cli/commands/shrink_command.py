"""``motefit shrink``: a smaller .tflite file that provably computes the same."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from motefit.cli.output import escape, out, print_json
from motefit.spec.errors import ModelFileError
from motefit.spec.files import write_atomic
from motefit.tflite.archive import read_model, zip_bytes
from motefit.tflite.equivalence import EquivalenceReport, check_equivalence
from motefit.tflite.inspect import inspect
from motefit.tflite.shrink import needs_signatures, shrink

SEED = 0


def shrink_command(
    model: Annotated[Path, typer.Argument(help=".tflite file, or a zip that holds one.")],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="File to write. Default: MODEL.min.tflite.")
    ] = None,
    keep_signatures: Annotated[
        bool, typer.Option("--keep-signatures", help="Keep names for signature runners.")
    ] = False,
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Keep description and metadata, e.g. labels.")
    ] = False,
    inputs: Annotated[
        int, typer.Option(min=1, help="Random inputs of the proof, per kernel set and size.")
    ] = 16,
    unrun: Annotated[
        bool,
        typer.Option(
            "--unrun", help="Accept a model that cannot run here; its tables are compared."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Drop what no runtime reads from a .tflite file of any origin; outputs stay bit for bit.

    Both files are run on random inputs with and without XNNPACK before the result is written.
    """
    before = read_model(model)
    after = shrink(before, keep_signatures=keep_signatures, keep_metadata=keep_metadata)
    target = out_file or model.with_name(f"{model.stem}.min.tflite")
    smaller = len(after) < len(before)
    proof = None
    if smaller:
        proof = check_equivalence(before, after, n=inputs, rng=np.random.default_rng(SEED))
        if proof.reason and not unrun:
            raise ModelFileError(
                f"LiteRT cannot run this model here, so its outputs cannot be compared: "
                f"{proof.reason}; nothing was written; --unrun accepts the comparison of all "
                "operators, tensors and constants alone"
            )
        write_atomic(target, after, what="the model")
    kept = needs_signatures(before) and not keep_signatures
    facts = _facts(before, after, proof, target if smaller else None, signatures_needed=kept)
    if as_json:
        print_json(facts)
    else:
        _print(model, facts, proof)


def _facts(
    before: bytes,
    after: bytes,
    proof: EquivalenceReport | None,
    target: Path | None,
    *,
    signatures_needed: bool,
) -> dict[str, object]:
    parts = [inspect(data).bytes_by_part for data in (before, after)]
    removed = {name: parts[0][name] - parts[1][name] for name in parts[0]}
    sizes = [
        {"raw": len(data), "zip": len(zip_bytes(data, thorough=False))} for data in (before, after)
    ]
    return {
        "before_bytes": sizes[0],
        "after_bytes": sizes[1],
        "removed_bytes": {name: count for name, count in removed.items() if count},
        "signatures_needed": signatures_needed,
        "proof": proof,
        "written": None if target is None else str(target),
    }


def _print(model: Path, facts: dict[str, object], proof: EquivalenceReport | None) -> None:
    before, after, removed = (facts[k] for k in ("before_bytes", "after_bytes", "removed_bytes"))
    if proof is None:
        out.print(f"{escape(str(model))} would not get smaller; nothing was written")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("", "before", "after", "saved"):
        table.add_column(title, justify="right" if title else "left")
    for kind in ("raw", "zip"):
        old, new = before[kind], after[kind]  # type: ignore[index]  # dictionaries of _facts
        table.add_row(f"{kind} bytes", str(old), str(new), f"{100 * (old - new) / old:.1f} %")
    out.print(table)
    gone = sorted(removed.items(), key=lambda item: -item[1])  # type: ignore[attr-defined]
    out.print("less: " + ", ".join(f"{name} {count}" for name, count in gone if count > 0))
    if facts["signatures_needed"]:
        out.print("signatures stay: they are the only way to some of its subgraphs")
    if proof.reason:
        out.print(f"tables compared and equal; not run: {escape(proof.reason)}")
    else:
        out.print(
            f"proof: {proof.values} output values equal bit for bit "
            f"({proof.inputs} random inputs; {' and '.join(proof.resolvers)} kernels)"
        )
    out.print(f"wrote {escape(str(facts['written']))}", soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("shrink")(shrink_command)
