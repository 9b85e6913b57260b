"""Results of a benchmark: times, pitfalls, and the machine; the same here or from a host.

Pitfalls make a model slower than necessary; they are found in its bytes and in its times.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from motefit.measure.claims import read_claims
from motefit.measure.latency.device_profile import DeviceProfile
from motefit.measure.latency.paired import Latency
from motefit.measure.machine import Machine
from motefit.spec.metrics import grouped
from motefit.spec.tables import Item, Printable, ResultTable, Styled
from motefit.tflite.model import ModelFile

Kind = Literal["threads", "xnnpack-slower", "int8-slower", "dynamic-range", "bias-without-scale"]


@dataclass(frozen=True, kw_only=True)
class Pitfall:
    """One reason why a model is slow.

    Attributes:
        kind: of reason.
        model: name of the model.
        text: what was found and what to do.
    """

    kind: Kind
    model: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """One model's times.

    Attributes:
        name: of its entry.
        model_sha256: of its bytes.
        tflite_bytes: size of the file.
        precision: form of most weights, read from the bytes.
        has_frontend: whether ``frontend_ms`` measures a front end; not without a card.
        xnnpack: one thread, LiteRT's default kernels.
        builtin: one thread, builtin kernels.
        one_thread: XNNPACK, one thread, of the second run; None if no other was timed.
        many_threads: XNNPACK, several threads, of the second run.
    """

    name: str
    model_sha256: str
    tflite_bytes: int
    precision: str
    has_frontend: bool
    xnnpack: Latency
    builtin: Latency
    one_thread: Latency | None = None
    many_threads: Latency | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class BenchResult(Printable):
    """What was found on one machine.

    Attributes:
        before: the machine at the start of the measurement.
        after: the machine at the end: hotter, perhaps slower.
        models: in the order given.
        pitfalls: that make models slower than necessary.
        profile: times of the fixed workloads, if requested.
    """

    before: Machine
    after: Machine
    models: tuple[ModelTimes, ...] = ()
    pitfalls: tuple[Pitfall, ...] = ()
    profile: DeviceProfile | None = None

    def content(self) -> list[Item]:
        """List the machine, the models' times, and what makes them slow."""
        found: list[Item] = [
            self.before.line,
            f"before: {self.before.state}",
            f"after:  {self.after.state}",
        ]
        if self.models:
            found += [
                _times_table(self.models),
                (
                    "ms: 25th percentiles; total / reference repeats better than ms; kernels of "
                    "several threads are XNNPACK, timed in a run of their own"
                ),
            ]
        found += [(Styled(p.model, "doubtful"), f": {p.text}") for p in self.pitfalls]
        if self.profile is not None:
            times = {"front end": self.profile.frontend_p25_ms, **self.profile.inference_p25_ms}
            shown = ", ".join(f"{name} {value:.3f} ms" for name, value in times.items())
            found.append(f"profile: {shown}")
        return found


def _times_table(models: tuple[ModelTimes, ...]) -> ResultTable:
    titles = (
        *("model", "bytes", "weights", "kernels", "threads"),
        *("front end", "model", "total", "/ reference"),
    )
    rows = []
    for times in models:
        head = (times.name, grouped(times.tflite_bytes), times.precision)
        for latency in (times.xnnpack, times.builtin, times.many_threads):
            if latency is not None:
                rows.append(head + _times_row(latency, has_frontend=times.has_frontend))
                head = ("", "", "")
    return ResultTable(titles=titles, align="lrllrrrrr", rows=rows)


def _times_row(latency: Latency, *, has_frontend: bool) -> tuple[str, ...]:
    return (
        latency.resolver,
        str(latency.threads),
        f"{latency.frontend_p25_ms:.3f}" if has_frontend else "-",
        f"{latency.inference_p25_ms:.3f}",
        f"{latency.total_p25_ms:.3f}",
        f"{latency.total_over_reference:.3f}",
    )


NOTABLE = 1.05
"""Times in one run differ by less than this by chance: the 25th percentile of 200 rounds, compared
with the reference workload's, moves by 0.6 %, on a busy machine by 2 to 3 %."""
CASTS = {"QUANTIZE", "DEQUANTIZE"}


def find_pitfalls(models: Sequence[tuple[ModelFile, ModelTimes]]) -> tuple[Pitfall, ...]:
    """Find all pitfalls of some models.

    Args:
        models: bytes and times of each. Of models with the same operations and shapes, a float32
            one is the counterpart that others are compared with.
    """
    twins = {_shape_of(model): times for model, times in models if times.precision == "float32"}
    return tuple(
        pitfall
        for model, times in models
        for pitfall in (*_of_times(times), *_of_bytes(model, times, twins.get(_shape_of(model))))
    )


def _of_times(times: ModelTimes) -> Iterator[Pitfall]:
    one, many = times.one_thread, times.many_threads
    if one is not None and many is not None and _slower(many, one):
        yield Pitfall(
            kind="threads",
            model=times.name,
            text=f"{many.threads} threads are slower than 1: {_both(many, one)} in one run; use 1",
        )
    if _slower(times.xnnpack, times.builtin):
        yield Pitfall(
            kind="xnnpack-slower",
            model=times.name,
            text="XNNPACK is slower than the builtin kernels: "
            f"{_both(times.xnnpack, times.builtin)}; run it with xnnpack=False on this machine",
        )


def _of_bytes(
    model: ModelFile, times: ModelTimes, counterpart: ModelTimes | None
) -> Iterator[Pitfall]:
    claims = read_claims(model)
    if claims.bias_scales == "none":
        yield Pitfall(
            kind="bias-without-scale",
            model=times.name,
            text="its int32 biases have no scales, so XNNPACK leaves these operators to the "
            'builtin kernels; bias_scales = "own" or "borrowed" in [compress] avoids that',
        )
    if (
        counterpart is not None
        and times.precision == "int8"
        and _slower(times.xnnpack, counterpart.xnnpack)
    ):
        yield Pitfall(
            kind="int8-slower",
            model=times.name,
            text=f"int8 is slower than its float counterpart {counterpart.name} under XNNPACK: "
            f"{_both(times.xnnpack, counterpart.xnnpack)}; builtin kernels: "
            f"{_both(times.builtin, counterpart.builtin)}",
        )
    forms = {w.form for w in claims.weights if w.operator in {"CONV_2D", "DEPTHWISE_CONV_2D"}}
    if "dynamic-range" in forms:
        compared = (
            f": {_both(times.xnnpack, counterpart.xnnpack)} of {counterpart.name}"
            if counterpart
            else ""
        )
        yield Pitfall(
            kind="dynamic-range",
            model=times.name,
            text="dynamic range is the slowest form of convolutions, requantizing every input"
            f"{compared}; use int8 or float32",
        )


def _shape_of(model: ModelFile) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """List operations and their output shapes, regardless of number formats."""
    return tuple((op.name, op.shape) for op in model.inspection.ops if op.name not in CASTS)


def _slower(this: Latency, other: Latency) -> bool:
    return this.inference_p25_ms > NOTABLE * other.inference_p25_ms


def _both(this: Latency, other: Latency) -> str:
    return f"{this.inference_p25_ms:.3f} ms against {other.inference_p25_ms:.3f} ms"
