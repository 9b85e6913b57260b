"""``bench``: time model files of any origin."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from motefit.measure.latency.bench_report import BenchResult
from motefit.measure.latency.comparison import BenchmarkEntry
from motefit.measure.latency.comparison import bench as time_all
from motefit.measure.latency.device_profile import measure_profile
from motefit.measure.latency.paired import ROUNDS, BenchmarkCase, Resolver
from motefit.measure.latency.remote import bench_on
from motefit.measure.workers.pinned import call_pinned
from motefit.runtime.bundle import bundle_bytes, open_model
from motefit.runtime.interpreter import Interpreter, OtherEdgesError
from motefit.runtime.quiet import silence_litert
from motefit.runtime.tensor_interpreter import TensorInterpreter
from motefit.runtime.zoo import find_model
from motefit.spec.remote_host import Host
from motefit.spec.several import several_paths
from motefit.tasks import TASKS
from motefit.tflite.model import ModelFile


def bench(
    models: str | Path | Sequence[str | Path],
    *,
    threads: int | None = None,
    rounds: int = ROUNDS,
    profile: bool = False,
) -> BenchResult:
    """Time models on this machine, in the pinned worker.

    >>> import motefit
    >>> found = motefit.bench("climate-6", rounds=4)
    >>> found.models[0].xnnpack.total_p25_ms > 0
    True

    Args:
        models: bundles, .tflite files, zips of one, or names of shipped models.
            With a card the front end is timed too; without one only the model, on random input: one
            example, or all of its inputs and its whole batch, in which case states persist from run
            to run.
        threads: number of threads, see :func:`motefit.measure.latency.comparison.bench`.
        rounds: number of timed rounds.
        profile: also time the fixed workloads of a device profile.

    Raises:
        ModelFileError: if a model cannot be used.
    """
    paths = tuple(map(find_model, several_paths(models)))
    return call_pinned(bench_here, paths, threads=threads, rounds=rounds, profile=profile)


def bench_here(
    models: Sequence[Path], *, threads: int | None, rounds: int, profile: bool
) -> BenchResult:
    """Time models in this process: the part of :func:`bench` that runs in the worker."""
    names = shown_names(models)
    found = time_all(
        [_open(path, name) for path, name in zip(models, names, strict=True)],
        threads=threads,
        rounds=rounds,
    )
    return replace(found, profile=measure_profile()) if profile else found


def bench_on_host(
    host: Host,
    models: str | Path | Sequence[str | Path],
    *,
    threads: int | None = None,
    rounds: int = ROUNDS,
    profile: bool = False,
) -> BenchResult:
    """Time models on another machine; arguments as in :func:`bench`.

    >>> import motefit
    >>> node = motefit.Host(address="pi@raspberrypi", python="motefit/bin/python")
    >>> motefit.bench_on_host(node, ["up-down", "yes-no"])  # doctest: +SKIP

    Raises:
        ModelFileError: if a model cannot be used; it is not copied to the host.
        HostError: see :func:`motefit.measure.latency.remote.bench_on`.
    """
    silence_litert()
    options = ["--rounds", str(rounds)]
    options += ["--threads", str(threads)] if threads is not None else []
    options += ["--profile", "profile.json"] if profile else []
    paths = map(find_model, several_paths(models))
    return bench_on(host, [(path.name, _packed(path)) for path in paths], options)


def shown_names(models: Sequence[Path]) -> tuple[str, ...]:
    """Return short unique names: the file's own, with its number if two files share a name."""
    own = [path.name for path in models]
    return tuple(
        f"{number}: {path.name}" if own.count(path.name) > 1 else path.name
        for number, path in enumerate(models, start=1)
    )


def _open(path: Path, name: str) -> BenchmarkEntry:
    found = open_model(path)
    if isinstance(found, ModelFile):
        return BenchmarkEntry(
            name=name,
            model=found,
            benchmark_case=lambda threads, kind: _bare(found.data, threads, kind),
            has_frontend=False,
        )
    task, io = TASKS.find(found.card.task), found.card.io

    def benchmark_case(threads: int, kind: Resolver) -> BenchmarkCase:
        return task.benchmark_case(found.model, io, threads=threads, xnnpack=kind == "xnnpack")

    return BenchmarkEntry(
        name=name, model=found.file, benchmark_case=benchmark_case, has_frontend=True
    )


def _packed(path: Path) -> bytes:
    """Pack a model and its card, if any, into one file, after making sure that it runs here."""
    found = open_model(path)
    if isinstance(found, ModelFile):
        TensorInterpreter(found.data)
        return found.data
    TASKS.find(found.card.task).benchmark_case(found.model, found.card.io)
    return bundle_bytes(found.model, found.card)


class _Bare:
    """A model without a front end."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def inputs(self, batch: np.ndarray) -> np.ndarray:
        return batch

    def infer(self, inputs: np.ndarray) -> np.ndarray:
        return self.interpreter.run(inputs)


class _Whole:
    """A model that does not take one example and return one: all its tensors, drawn once."""

    def __init__(self, interpreter: TensorInterpreter) -> None:
        self.interpreter = interpreter
        self._given = interpreter.random_inputs(np.random.default_rng(0))

    def inputs(self, batch: np.ndarray) -> Sequence[np.ndarray]:
        del batch
        return self._given

    def infer(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(len(self.interpreter.run_tensors(inputs)))


def _bare(model: bytes, threads: int, kind: Resolver) -> BenchmarkCase:
    xnnpack = kind == "xnnpack"
    try:
        interpreter = Interpreter(model, threads=threads, xnnpack=xnnpack)
    except OtherEdgesError:
        whole = _Whole(TensorInterpreter(model, threads=threads, xnnpack=xnnpack))
        return BenchmarkCase(pipeline=whole, example=np.zeros((1, 1), np.float32))
    rng = np.random.default_rng(0)
    example = rng.standard_normal((1, *interpreter.input_shape)).astype(np.float32)
    return BenchmarkCase(pipeline=_Bare(interpreter), example=example)
