"""What a benchmark finds: times, traps, and the machine; the same from here or from a host."""

from dataclasses import dataclass
from typing import Literal

from motefit.measure.bench_machine import Machine
from motefit.measure.latency import Latency
from motefit.measure.profile import DeviceProfile

Kind = Literal["threads", "xnnpack-slower", "int8-slower", "dynamic-range", "bias-without-scale"]


@dataclass(frozen=True, kw_only=True)
class Trap:
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
        has_frontend: whether ``frontend_ms`` is a front end's; without a card it is not.
        xnnpack: one thread, LiteRT's default kernels.
        builtin: one thread, builtin kernels.
        one_thread: XNNPACK, one thread, of the second run; None where no other was timed.
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


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What was found on one machine.

    Attributes:
        before: the machine when the measurement began.
        after: the machine when it ended: hotter, perhaps slower.
        models: in the order given.
        traps: what makes models slower than they need be.
        profile: times of the fixed workloads, where asked for.
    """

    before: Machine
    after: Machine
    models: tuple[ModelTimes, ...] = ()
    traps: tuple[Trap, ...] = ()
    profile: DeviceProfile | None = None
