"""How a model with its front end inside looks beside its plain form, in a terminal."""

from typing import Any

from rich.table import Table

from motefit.cli.output import out
from motefit.cli.verdict import verdict_table
from motefit.measure.in_graph import TOLERANCE
from motefit.pipeline.export import Exported
from motefit.spec.codec import encode


def print_forms(done: Exported) -> None:
    """Print size and latency of both forms, whether they agree, and where the new one is."""
    table = Table(box=None, pad_edge=False)
    for title in ("", "bytes", "front end ms", "inference ms", "total ms"):
        table.add_column(title, justify="right" if title else "left")
    sizes = {"plain": done.plain_bytes}
    for name, times in done.latency.items():
        size = sizes.get(name, int(done.card.facts["size.tflite_bytes"]))
        row = (times.frontend_p25_ms, times.inference_p25_ms, times.total_p25_ms)
        table.add_row(name, str(size), *(f"{value:.3f}" for value in row))
    out.print(table)
    found = done.agreement
    out.print(
        f"{found.same_label} of {found.clips} clips have the same label in both forms; "
        f"probabilities differ by {found.probability_difference:.4f} at most, features by "
        f"{found.feature_difference:.1e} ({found.exceeding} of {found.features} by more than "
        f"{TOLERANCE:.0e}), the networks on the same features by {found.network_difference:.1e}",
        soft_wrap=True,
    )
    if not found.proven:
        out.print("[bold red]not proven[/] to be the same model", soft_wrap=True)
    out.print(f"wrote {done.bundle}", soft_wrap=True, markup=False)


def forms_table(done: Exported) -> dict[str, Any]:
    """The same for programs."""
    table: dict[str, Any] = {"facts": dict(done.card.facts)}
    if done.certificate is not None:
        table = verdict_table(done.card, done.certificate)
    return {
        **table,
        "bundle": str(done.bundle),
        "agreement": encode(done.agreement),
        "proven": done.agreement.proven,
        "plain_tflite_bytes": done.plain_bytes,
        "latency": encode(done.latency),
    }
