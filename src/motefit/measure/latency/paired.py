"""Latency on a machine that also does other work: the ``motefit`` protocol.

One example, one thread, no pause. Every round times a fixed reference workload and then each
pipeline once, so that whatever slows the machine slows all of them; the round's order rotates.
Reported are the median and the 25th percentile, and the latter as a multiple of the reference's,
which is far more repeatable between runs than milliseconds. ``measure.workers.pinned`` measures in
a separate process, as every command does.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from motefit.runtime.interpreter import Interpreter
from motefit.spec.errors import DataError

ROUNDS = 200
MOST_ROUNDS = 10 * ROUNDS
"""Most rounds of a bounded latency: a busy machine is measured for longer."""
MOST_SECONDS = 10.0
"""Time after which a bounded latency gets no further rounds."""
PERCENTILES = tuple(i + 0.5 for i in range(100))
"""Of the total, for a picture of how the times are distributed."""
SETTLED = 1.5
"""Median over 25th percentile up to which a measurement needs no further rounds."""
WARM_UP_ROUNDS = 20
Resolver = Literal["xnnpack", "builtin"]


class Pipeline(Protocol):
    """Model to time: :class:`~motefit.runtime.KeywordSpotter` or ``Forecaster``."""

    @property
    def interpreter(self) -> Interpreter:
        """Model in LiteRT."""

    def inputs(self, batch: np.ndarray, /) -> Any:  # noqa: ANN401  (passed on to infer as it is)
        """Run the front end: raw examples (n, ...) to the model's input."""

    def infer(self, inputs: Any, /) -> np.ndarray:  # noqa: ANN401
        """Run the model: result of :meth:`inputs` to outputs (n, ...)."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """One pipeline with the example it is timed on.

    Attributes:
        pipeline: front end and model.
        example: (1, ...), an argument of ``pipeline.inputs``.
    """

    pipeline: Pipeline
    example: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Times of one pipeline for one example.

    Attributes:
        frontend_ms: median of the front end (a forecaster's: checking and standardizing).
        inference_ms: median of the model: input set (and quantized), invoked, output read.
        total_ms: median of both together, timed as one.
        frontend_p25_ms: 25th percentile of the front end.
        inference_p25_ms: 25th percentile of the model.
        total_p25_ms: 25th percentile of both.
        reference_p25_ms: 25th percentile of the reference workload in the same run.
        total_over_reference: ``total_p25_ms / reference_p25_ms``.
        rounds: timed rounds.
        threads: of LiteRT.
        resolver: ``"xnnpack"`` (LiteRT's default) or ``"builtin"``.
        protocol: always ``"motefit"``.
        total_cpu_ms: median of the processor time of both, over all threads; less than ``total_ms``
            if the process had to wait for a core. 0: not measured.
        total_percentiles_ms: the :data:`PERCENTILES` of both; None if they were not asked for.
    """

    frontend_ms: float
    inference_ms: float
    total_ms: float
    frontend_p25_ms: float
    inference_p25_ms: float
    total_p25_ms: float
    reference_p25_ms: float
    total_over_reference: float
    rounds: int
    threads: int
    resolver: Resolver
    protocol: Literal["motefit"] = "motefit"
    total_cpu_ms: float = 0.0
    total_percentiles_ms: tuple[float, ...] | None = None

    @property
    def facts(self) -> dict[str, float]:
        """Values by metric name: the medians."""
        names = ("frontend_ms", "inference_ms", "total_ms")
        return {f"latency.{name}": getattr(self, name) for name in names}


def reference_workload() -> Callable[[], object]:
    """Make a fixed computation to compare with: the spectrum of 49 frames of 640 samples.

    One numpy ``rfft`` (pocketfft, one thread) and a magnitude, about 0.1 ms on a current core.
    """
    frames = np.random.default_rng(0).standard_normal((49, 640)).astype(np.float32)
    return lambda: np.abs(np.fft.rfft(frames))


def measure_latency(
    subjects: Mapping[str, BenchmarkCase],
    *,
    rounds: int = ROUNDS,
    most_rounds: int = 0,
    warm_up_rounds: int = WARM_UP_ROUNDS,
    percentiles: bool = False,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Latency]:
    """Time pipelines against each other and the reference workload in one run.

    Args:
        subjects: pipelines by name, e.g. the same model with and without XNNPACK.
        rounds: timed rounds, at least 4.
        most_rounds: if it is more than ``rounds``, as many rounds are added repeatedly while a
            median is more than :data:`SETTLED` times its 25th percentile, up to this number and for
            :data:`MOST_SECONDS`. All rounds count.
        warm_up_rounds: rounds before them that do not count.
        percentiles: whether the result has ``total_percentiles_ms``.
        clock: monotonic, in nanoseconds.

    Returns:
        A :class:`Latency` per name.

    Raises:
        DataError: for fewer than 4 rounds.
    """
    if rounds < 4 or warm_up_rounds < 0:
        raise DataError(f"at least 4 rounds are needed for a quartile, got {rounds}")
    race = _Race(subjects, clock)
    race.run(warm_up_rounds)
    race.forget()
    start = clock()
    race.run(rounds)
    while race.rounds < most_rounds and not race.settled and clock() - start < 1e9 * MOST_SECONDS:
        race.run(min(rounds, most_rounds - race.rounds))
    found = race.latencies()
    if not percentiles:
        return found
    return {
        name: replace(latency, total_percentiles_ms=race.percentiles(name))
        for name, latency in found.items()
    }


class _Race:
    """Rounds of pipelines and the reference workload, and their times."""

    def __init__(self, subjects: Mapping[str, BenchmarkCase], clock: Callable[[], int]) -> None:
        self._subjects, self._clock = subjects, clock
        self._reference = reference_workload()
        self._turn = 0
        self.forget()

    def forget(self) -> None:
        """Discard the times so far."""
        self._reference_ns: list[int] = []
        self._stages_ns: dict[str, list[tuple[int, int, int]]] = {n: [] for n in self._subjects}

    @property
    def rounds(self) -> int:
        """Timed rounds."""
        return len(self._reference_ns)

    @property
    def settled(self) -> bool:
        """Whether no median is far from its 25th percentile."""
        found = self.latencies().values()
        return all(one.total_ms <= SETTLED * one.total_p25_ms for one in found)

    def run(self, rounds: int) -> None:
        """Time further rounds; each starts one pipeline later than the previous one."""
        clock, names = self._clock, list(self._subjects)
        for _ in range(rounds):
            start = clock()
            self._reference()
            self._reference_ns.append(clock() - start)
            for place in range(len(names)):
                name = names[(place + self._turn) % len(names)]
                self._stages_ns[name].append(_time(self._subjects[name], clock))
            self._turn += 1

    def latencies(self) -> dict[str, Latency]:
        """Summarize all timed rounds, by name."""
        reference_ns = np.array(self._reference_ns, float)
        return {
            name: _latency(np.array(times, float), reference_ns, self._subjects[name].pipeline)
            for name, times in self._stages_ns.items()
        }

    def percentiles(self, name: str) -> tuple[float, ...]:
        """Return the :data:`PERCENTILES` of a pipeline's total, in ms with four digits."""
        totals_ns = np.array(self._stages_ns[name], float)[:, :2].sum(axis=1)
        return tuple(float(f"{ns / 1e6:.4g}") for ns in np.percentile(totals_ns, PERCENTILES))


def saving_percent(reference: Latency, ours: Latency) -> float:
    """Compute how much less time a pipeline takes than the reference pipeline, in percent.

    ``100 (reference - ours) / reference`` of the median totals; both from one call of
    :func:`measure_latency`.
    """
    return 100 * (reference.total_ms - ours.total_ms) / reference.total_ms


def _time(benchmark_case: BenchmarkCase, clock: Callable[[], int]) -> tuple[int, int, int]:
    """Measure the nanoseconds of front end and model, and of the processor in both."""
    processor = time.process_time_ns()
    start = clock()
    inputs = benchmark_case.pipeline.inputs(benchmark_case.example)
    middle = clock()
    benchmark_case.pipeline.infer(inputs)
    end = clock()
    return middle - start, end - middle, time.process_time_ns() - processor


def _latency(times_ns: np.ndarray, reference_ns: np.ndarray, pipeline: Pipeline) -> Latency:
    """Summarize times (rounds, 3) of :func:`_time`."""
    columns = (times_ns[:, 0], times_ns[:, 1], times_ns[:, :2].sum(axis=1))
    medians = [float(np.median(column)) / 1e6 for column in columns]
    quartiles = [float(np.percentile(column, 25)) / 1e6 for column in columns]
    reference = float(np.percentile(reference_ns, 25)) / 1e6
    return Latency(
        frontend_ms=medians[0],
        inference_ms=medians[1],
        total_ms=medians[2],
        frontend_p25_ms=quartiles[0],
        inference_p25_ms=quartiles[1],
        total_p25_ms=quartiles[2],
        total_cpu_ms=float(np.median(times_ns[:, 2])) / 1e6,
        reference_p25_ms=reference,
        total_over_reference=quartiles[2] / reference,
        rounds=len(reference_ns),
        threads=pipeline.interpreter.threads,
        resolver="xnnpack" if pipeline.interpreter.xnnpack else "builtin",
    )
