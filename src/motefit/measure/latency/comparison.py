"""Models timed against each other on one machine, with known pitfalls.

One call of :func:`bench` is one run: every round times the reference workload and then each model
with each kind of kernels, so that whatever slows the machine slows all of them. Several threads are
timed in a second run, against one thread: their spinning would disturb the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from motefit.measure.claims import read_claims
from motefit.measure.latency.bench_report import BenchResult, ModelTimes, find_pitfalls
from motefit.measure.latency.paired import ROUNDS, BenchmarkCase, Latency, Resolver, measure_latency
from motefit.measure.machine import this_machine, usable_cores
from motefit.tflite.model import ModelFile

MANY_THREADS = 4
RESOLVERS: tuple[Resolver, ...] = ("xnnpack", "builtin")


@dataclass(frozen=True, kw_only=True)
class BenchmarkEntry:
    """A model to time.

    Attributes:
        name: in tables; each entry has its own.
        model: the .tflite file.
        benchmark_case: the pipeline with its example, for a number of threads and a resolver.
        has_frontend: whether a front end is timed with the model.
    """

    name: str
    model: ModelFile
    benchmark_case: Callable[[int, Resolver], BenchmarkCase]
    has_frontend: bool


def bench(
    entries: Sequence[BenchmarkEntry], *, threads: int | None = None, rounds: int = ROUNDS
) -> BenchResult:
    """Time models with one thread under both kinds of kernels, and with several threads.

    Args:
        entries: the models.
        threads: number to compare with one thread; None: 4, or all cores if there are fewer. 1
            skips the comparison.
        rounds: timed rounds of each run.

    Raises:
        DataError: for fewer than 4 rounds.
        ModelFileError: for a model that LiteRT cannot run.
    """
    before = this_machine()
    many = min(MANY_THREADS, usable_cores()) if threads is None else threads
    plain = measure_latency(
        {f"{kind} {e.name}": e.benchmark_case(1, kind) for e in entries for kind in RESOLVERS},
        rounds=rounds,
    )
    threaded: dict[str, Latency] = {}
    if many > 1 and entries:
        subjects = {
            f"{n} {e.name}": e.benchmark_case(n, "xnnpack") for e in entries for n in (1, many)
        }
        threaded = measure_latency(subjects, rounds=rounds)
    models = tuple(
        ModelTimes(
            name=entry.name,
            model_sha256=entry.model.sha256,
            tflite_bytes=len(entry.model.data),
            precision=read_claims(entry.model).precision,
            has_frontend=entry.has_frontend,
            xnnpack=plain[f"xnnpack {entry.name}"],
            builtin=plain[f"builtin {entry.name}"],
            one_thread=threaded.get(f"1 {entry.name}"),
            many_threads=threaded.get(f"{many} {entry.name}"),
        )
        for entry in entries
    )
    pitfalls = find_pitfalls(
        [(entry.model, times) for entry, times in zip(entries, models, strict=True)]
    )
    return BenchResult(before=before, after=this_machine(), models=models, pitfalls=pitfalls)
