"""How a further form of a model looks beside its plain form, in a terminal and for programs."""

from typing import Any

from rich.table import Table

from motefit.cli.output import out
from motefit.cli.verdict_table import verdict_table
from motefit.exporting.in_graph import TOLERANCE, InGraphExport
from motefit.exporting.streaming import StreamingExport
from motefit.spec.codec import encode


def print_forms(done: InGraphExport) -> None:
    """Print size and latency of both forms, whether they agree, and where the new one is."""
    print_costs(done, plain="plain")
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


def print_streaming(done: StreamingExport) -> None:
    """Print size and latency of both forms, whether they agree, and where the new one is."""
    print_costs(done, plain="window")
    found = done.agreement
    out.print(
        f"a step takes {done.step_ms:g} ms of sound; after a reset {found.equal} of {found.clips} "
        f"clips are heard bit for bit as by the plain form (builtin kernels), {found.same_label} "
        f"have the same label with XNNPACK, probabilities {found.probability_difference:.1e} apart "
        "at most",
        soft_wrap=True,
    )
    out.print(f"wrote {done.bundle}", soft_wrap=True, markup=False)


def print_costs(done: InGraphExport | StreamingExport, *, plain: str) -> None:
    """Print size and latency of both forms as a table.

    Args:
        done: what was exported.
        plain: name of the plain form among the latencies.
    """
    table = Table(box=None, pad_edge=False)
    for title in ("", "bytes", "front end ms", "inference ms", "total ms"):
        table.add_column(title, justify="right" if title else "left")
    for name, times in done.latency.items():
        size = done.plain_bytes if name == plain else int(done.card.facts["size.tflite_bytes"])
        row = (times.frontend_p25_ms, times.inference_p25_ms, times.total_p25_ms)
        table.add_row(name, str(size), *(f"{value:.3f}" for value in row))
    out.print(table)


def forms_table(done: InGraphExport | StreamingExport) -> dict[str, Any]:
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
        **({"step_ms": done.step_ms} if isinstance(done, StreamingExport) else {}),
    }
