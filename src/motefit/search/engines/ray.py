"""The engine ``ray``: the nodes of a Ray cluster, or one that it starts on this machine.

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
    register,
)
from motefit.spec.errors import MissingExtraError, RecipeError
from motefit.spec.worker_environment import worker_environment

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a task of no GPU sees what the machine has
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # or each lost worker is a line of standard output
    "RAY_task_oom_retries": str(RETRIES),  # or a job too large for the memory is tried for ever
}
"""Environment variables that Ray reads when it is imported; what the user sets stays."""


CONNECT_S = 10


def import_ray() -> ModuleType:
    """Import Ray, so that it is quiet and keeps to itself.

    Raises:
        MissingExtraError: when it is absent.
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
            head; empty starts a cluster of this machine alone.

    Raises:
        MissingExtraError: when Ray is absent.
        RecipeError: when no such cluster can be reached.
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
        where = f"the Ray cluster at {address!r}" if address else "a Ray cluster of this machine"
        raise RecipeError(
            f"cannot use {where}: {str(error).strip()}; the address is 'auto' or 'host:port' of a "
            "cluster that this machine is a node of (see: ray start --help), or empty to start one"
        ) from error
    return RayEngine(ray, workers=workers)


def _check(address: str) -> None:
    """See whether somebody listens, for which Ray itself takes minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal():
        raise ValueError("this is no address of that kind")
    socket.create_connection((host, int(port)), timeout=CONNECT_S).close()


class RayEngine(Engine):
    """Jobs are tasks of one processor each; Ray itself restarts those whose worker or node died.

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
        """As :meth:`Engine.run`.

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
        """As :meth:`Engine.close`."""
        self._ray.shutdown()

    def _at_once(self) -> int:
        return self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _ended(self, task: Any, index: int) -> Ended[Any]:  # noqa: ANN401 - Ray's reference
        try:
            reply: Reply[Any] = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            # perform() lets nothing out: the job or its result could not travel.
            reply = Reply(fault=str(error))
        except self._ray.exceptions.RayError as error:
            return Ended(index=index, error=_lost(str(error)))
        return reply.ended(index)


def _lost(text: str) -> WorkerLost:
    how = text.strip().partition("\n")[0]
    return WorkerLost(
        f"{RETRIES + 1} Ray workers were lost at the same job, the last so: {how} "
        "Run again to go on where it stopped"
    )


register("ray", open_ray)
