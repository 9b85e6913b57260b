"""What is known to make a model slower than it need be, seen in its bytes or in its times."""

from collections.abc import Iterator, Sequence

from motefit.measure.bench_result import ModelTimes, Trap
from motefit.measure.claims import read_claims
from motefit.measure.latency import Latency
from motefit.tflite.inspect import inspect

NOTABLE = 1.05
"""Times in one run differ by less than this by chance: the 25th percentile of 200 rounds, compared
with the reference workload's, moves by 0.6 %, on a busy machine by 2 to 3 %."""
CASTS = {"QUANTIZE", "DEQUANTIZE"}


def find_traps(models: Sequence[tuple[bytes, ModelTimes]]) -> tuple[Trap, ...]:
    """All traps of some models.

    Args:
        models: bytes and times of each. Of models with the same operations and shapes, a float32
            one is the twin that others are compared with.
    """
    twins = {_shape_of(model): times for model, times in models if times.precision == "float32"}
    return tuple(
        trap
        for model, times in models
        for trap in (*_of_times(times), *_of_bytes(model, times, twins.get(_shape_of(model))))
    )


def _of_times(times: ModelTimes) -> Iterator[Trap]:
    one, many = times.one_thread, times.many_threads
    if one is not None and many is not None and _slower(many, one):
        yield Trap(
            kind="threads",
            model=times.name,
            text=f"{many.threads} threads are slower than 1: {_both(many, one)} in one run; keep "
            "to one",
        )
    if _slower(times.xnnpack, times.builtin):
        yield Trap(
            kind="xnnpack-slower",
            model=times.name,
            text="XNNPACK is slower than the builtin kernels: "
            f"{_both(times.xnnpack, times.builtin)}; run it with xnnpack=False on this machine",
        )


def _of_bytes(model: bytes, times: ModelTimes, twin: ModelTimes | None) -> Iterator[Trap]:
    claims = read_claims(model)
    if claims.bias_scales == "none":
        yield Trap(
            kind="bias-without-scale",
            model=times.name,
            text="its int32 biases have no scales, so XNNPACK leaves these operators to the "
            'builtin kernels; bias_scales = "own" or "borrowed" in [compress] mends that',
        )
    if twin is not None and times.precision == "int8" and _slower(times.xnnpack, twin.xnnpack):
        yield Trap(
            kind="int8-slower",
            model=times.name,
            text=f"int8 is slower than its float twin {twin.name} under XNNPACK: "
            f"{_both(times.xnnpack, twin.xnnpack)}; builtin kernels: "
            f"{_both(times.builtin, twin.builtin)}",
        )
    forms = {w.form for w in claims.weights if w.operator in {"CONV_2D", "DEPTHWISE_CONV_2D"}}
    if "dynamic-range" in forms:
        compared = f": {_both(times.xnnpack, twin.xnnpack)} of {twin.name}" if twin else ""
        yield Trap(
            kind="dynamic-range",
            model=times.name,
            text="dynamic range is the slowest form of convolutions, each input is rounded anew"
            f"{compared}; take int8 or float32",
        )


def _shape_of(model: bytes) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Operations and their output shapes; how numbers are stored is left out."""
    return tuple((op.name, op.shape) for op in inspect(model).ops if op.name not in CASTS)


def _slower(this: Latency, other: Latency) -> bool:
    return this.inference_p25_ms > NOTABLE * other.inference_p25_ms


def _both(this: Latency, other: Latency) -> str:
    return f"{this.inference_p25_ms:.3f} ms against {other.inference_p25_ms:.3f} ms"
