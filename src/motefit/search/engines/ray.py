"""Engine ``ray``: the nodes of a Ray cluster, or of one that it starts on this machine.

The package is the extra ``ray``. It is imported when the engine is opened, not before.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from motefit.measure.machine import usable_cores
from motefit.search.engines import (
    ENGINES,
    POLL_S,
    RETRIES,
    Ended,
    Engine,
    J,
    Pulse,
    R,
    Reply,
    WorkerLost,
    perform,
)
from motefit.spec.errors import MissingExtraError, RecipeError
from motefit.spec.worker_environment import worker_environment

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no usage reports
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task without GPUs sees those of the machine
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # otherwise each lost worker prints a line to standard output
    "RAY_task_oom_retries": str(
        RETRIES
    ),  # otherwise a job too large for the memory is retried forever
}
"""Environment variables that Ray reads on import; values set by the user take precedence."""


CONNECT_S = 10


def import_ray() -> ModuleType:
    """Import Ray without its output and usage reports.

    Raises:
        MissingExtraError: if it is not installed.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("ray", "ray", "the engine 'ray'") from None
    return ray


def open_ray(*, workers: int, address: str) -> Engine:
    """Connect to a cluster or start one.

    Args:
        workers: jobs at once; 0 is as many as the cluster has processors.
        address: ``auto`` for the cluster that this machine is a node of, or ``host:port`` of its
            head; empty starts a cluster on this machine only.

    Raises:
        MissingExtraError: if Ray is not installed.
        RecipeError: if no such cluster can be reached.
    """
    ray = import_ray()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if address:
            _check(address)
            ray.init(address, **quiet)
        else:
            cores = workers or usable_cores()
            ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = f"the Ray cluster at {address!r}" if address else "a Ray cluster on this machine"
        raise RecipeError(
            f"cannot use {where}: {str(error).strip()}; the address is 'auto' or 'host:port' of a "
            "cluster that this machine is a node of (see: ray start --help), or empty to start one"
        ) from error
    return RayEngine(ray, workers=workers)


def _check(address: str) -> None:
    """Check whether the address accepts connections, for which Ray itself takes minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        raise ValueError("this is not an address of that kind")
    socket.create_connection((host, int(port)), timeout=CONNECT_S).close()


class RayEngine(Engine):
    """Runs jobs as Ray tasks of one processor each; Ray restarts those whose worker or node died.

    Nodes need the same Python, motefit and Ray, and the data under the same path. They need not
    share the run's folder: see :mod:`motefit.fitting.remote_files`.

    Args:
        ray: the package, connected.
        workers: jobs at once; 0 is as many as the cluster has processors at the time.
    """

    shares_files = False

    def __init__(self, ray: ModuleType, *, workers: int) -> None:
        self._ray = ray
        self._workers = workers
        self._task = ray.remote(perform).options(
            name="motefit",
            num_cpus=1,
            max_retries=RETRIES,
            runtime_env={"env_vars": worker_environment()},
        )

    def run(
        self, work: Callable[[J], R], jobs: Sequence[J], *, poll: Callable[[], None]
    ) -> Iterator[Ended[R]]:
        """Run jobs as :meth:`Engine.run`.

        Yields:
            each job as it ends.
        """
        waiting = list(reversed(range(len(jobs))))
        running: dict[Any, int] = {}
        pulse = Pulse(poll)
        try:
            while waiting or running:
                while waiting and len(running) < self._at_once():
                    index = waiting.pop()
                    running[self._task.remote(work, jobs[index])] = index
                ended, _ = self._ray.wait(list(running), timeout=POLL_S)
                for task in ended:
                    yield self._ended(task, running.pop(task))
                pulse.beat()
        finally:
            for task in running:
                self._ray.cancel(task, force=True)

    def close(self) -> None:
        """Close as :meth:`Engine.close`."""
        self._ray.shutdown()

    def _at_once(self) -> int:
        return self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _ended(self, task: Any, index: int) -> Ended[Any]:  # noqa: ANN401 - Ray's reference
        try:
            reply: Reply[Any] = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            # perform() catches everything: the job or its result could not be pickled.
            reply = Reply(fault=str(error))
        except self._ray.exceptions.RayError as error:
            return Ended(index=index, error=_lost(str(error)))
        return reply.ended(index)


def _lost(text: str) -> WorkerLost:
    how = text.strip().partition("\n")[0]
    return WorkerLost(
        f"{RETRIES + 1} Ray workers died on the same job; the last one: {how} "
        "Run again to continue where it stopped"
    )


ENGINES.register("ray", open_ray)
