"""A Ray cluster on this machine, of which tests may kill nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from motefit.search.engines.ray import import_ray


@contextmanager
def ray_cluster() -> Iterator[Any]:
    """Start a head of one processor as a process of this machine; tests add nodes to it."""
    import_ray()
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - after its settings

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "include_dashboard": False,
            # by default, a lost node is noticed only after half a minute
            "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 3},
        },
    )
    try:
        yield cluster
    finally:
        cluster.shutdown()


def raylet_of(node: Any) -> int:
    """Return the process id of a node's raylet."""
    (process,) = node.all_processes["raylet"]
    return process.process.pid
