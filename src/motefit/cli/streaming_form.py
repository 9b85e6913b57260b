"""How a model in streaming form looks beside its plain form, in a terminal."""

from typing import Any

from rich.table import Table

from motefit.cli.output import out
from motefit.cli.verdict import print_verdict, verdict_table
from motefit.pipeline.export_streaming import Streaming
from motefit.spec.codec import encode


def print_streaming(done: Streaming) -> None:
    """Print verdict, size and latency of both forms, whether they agree, and where the new one is.

    Args:
        done: what was exported.
    """
    if done.certificate is not None:
        print_verdict(done.card, done.certificate)
    table = Table(box=None, pad_edge=False)
    for title in ("", "bytes", "front end ms", "inference ms", "total ms"):
        table.add_column(title, justify="right" if title else "left")
    sizes = {"window": done.plain_bytes, "step": int(done.card.facts["size.tflite_bytes"])}
    for name, times in done.latency.items():
        row = (times.frontend_p25_ms, times.inference_p25_ms, times.total_p25_ms)
        table.add_row(name, str(sizes[name]), *(f"{value:.3f}" for value in row))
    out.print(table)
    found = done.agreement
    out.print(
        f"a step takes {done.step_ms:g} ms of sound; after a reset {found.equal} of {found.clips} "
        f"clips are heard bit for bit as by the plain form (builtin kernels), {found.same_label} "
        f"have the same label with XNNPACK, probabilities {found.probability_difference:.1e} apart "
        "at most",
        soft_wrap=True,
    )
    out.print(f"wrote {done.bundle}", soft_wrap=True, markup=False)


def streaming_table(done: Streaming) -> dict[str, Any]:
    """The same for programs."""
    table: dict[str, Any] = {"facts": dict(done.card.facts)}
    if done.certificate is not None:
        table = verdict_table(done.card, done.certificate)
    return {
        **table,
        "bundle": str(done.bundle),
        "agreement": encode(done.agreement),
        "plain_tflite_bytes": done.plain_bytes,
        "step_ms": done.step_ms,
        "latency": encode(done.latency),
    }
