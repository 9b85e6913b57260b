"""Script that finds the smallest arena: model on standard input, size in bytes on the output.

``python micro_search.py LIMIT GRANULE SECONDS``. Each size is tried in a fork, since the runtime
may end its process if memory is short. The limit is tried in this process, so that the runtime's
reason is on standard error and a crash gives the exit status.
"""

import functools
import math
import os
import sys
import time
from collections.abc import Callable

SECONDS = 8
"""CPU seconds that a run may take, unless the model has a loop, which may have no end."""


def smallest(works: Callable[[int], bool], limit: int) -> int:
    """Find the smallest integer that works, if all larger ones work, too.

    Args:
        works: function that returns whether a number of granules works.
        limit: a number that works, at least 1.

    >>> smallest(lambda size: size >= 291, 4096)
    291
    """
    low, high = 0, limit  # low does not work, or is 0; high works
    step = 64
    while step < high:  # most models are small, and clearing a large arena takes time
        if works(step):
            high = step
        else:
            low, step = step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def limit_time(seconds: int) -> None:
    """Let the system end this process, and each fork, when it has computed for so many seconds."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def main() -> None:
    """Try the limit, then smaller sizes."""
    limit, granule, seconds = map(int, sys.argv[1:])
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415 - an extra

    # cached, since it parses the model in Python each time
    runtime.count_resource_variables = functools.cache(runtime.count_resource_variables)
    model = sys.stdin.buffer.read()
    limit_time(seconds + math.ceil(time.process_time()))

    def run(size: int) -> None:
        runtime.Interpreter.from_bytes(model, arena_size=size).invoke()

    def works(granules: int) -> bool:
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1] == 0
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            run(granules * granule)
        except BaseException:  # noqa: BLE001 - any error: the size does not work
            os._exit(1)
        os._exit(0)

    run(limit)
    print(smallest(works, limit // granule) * granule)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
