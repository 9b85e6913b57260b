"""Calls in a process of their own, with limits on time and memory.

LiteRT trusts the files it is given: a wrong number in one can crash its process, keep it busy
forever or fill the memory. What tries a file therefore runs here. The first call starts a server,
which loads numpy (as long as the import takes) and forks itself for each call, where LiteRT is
loaded (some 50 milliseconds); it ends with this process, or after :data:`IDLE_S` seconds without a
call.

This contains accidents. It is no sandbox for programs that want to break out.
"""

import atexit
import contextlib
import math
import mmap
import os
import pickle  # noqa: TID251 - between two processes of one program, never a file
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from motefit.spec.errors import ModelFileError
from motefit.spec.limits import RUN_SECONDS
from motefit.spec.scratch import scratch_file
from motefit.spec.worker_environment import ONE_THREAD

MEMORY_BYTES = 512 << 20
"""Memory that a call may use, unless it asks for more."""
WAITING = 8
"""Factor by which a call that waits instead of computing may take longer."""
IDLE_S = 5.0
STAGE_BYTES = 64
SOURCE = Path(__file__).parents[2]
LENGTH = struct.Struct("<Q")
STATUS = Path("/proc/self/statm")
FAULTS = (OSError, EOFError, struct.error, pickle.UnpicklingError)
"""Exceptions that reveal that the server has ended."""
T = TypeVar("T")

_STAGE: list[tuple[mmap.mmap, int]] = []


def stage(name: str) -> None:
    """Record the stage that the call has reached, e.g. ``"allocating"``, for the error message.

    It may take :data:`RUN_SECONDS` until the next stage: a run that takes longer has no end.
    """
    for shared, most_s in _STAGE:
        shared[:] = name.encode()[:STAGE_BYTES].ljust(STAGE_BYTES, b"\0")
        _limit_cpu(min(most_s, math.ceil(time.process_time()) + RUN_SECONDS))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a call ended.

    Attributes:
        answer: pickled: whether it returned, and its result or exception; empty if neither.
        signal: that ended its process; 0 if none.
        stage: last one that it noted.
        late: CPU seconds after which it was ended because its time was up; 0 if it was not.
        short: whether LiteRT reported that it was out of memory.
    """

    answer: bytes
    signal: int = 0
    stage: str = ""
    late: int = 0
    short: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a call.

    Attributes:
        seconds: CPU time.
        memory_bytes: in addition to what the process has when the call starts.
    """

    seconds: int
    memory_bytes: int


def contained(
    call: Callable[[], T], *, seconds: int = RUN_SECONDS, memory_bytes: int = MEMORY_BYTES
) -> T:
    """Call a function that hands a model to LiteRT, in a separate process.

    Args:
        call: e.g. a ``functools.partial`` of a function of motefit; it is pickled, and so is what
            it returns.
        seconds: CPU time that it may take; from one :func:`stage` to the next, :data:`RUN_SECONDS`.
        memory_bytes: memory that it may use, in addition to four times the size of its arguments.

    Returns:
        its result.

    Raises:
        ModelFileError: if the process dies, or exceeds its time or memory.
        Exception: raised by the call.
    """
    given = pickle.dumps(call)
    limits = Limits(seconds=seconds, memory_bytes=memory_bytes + 4 * len(given))
    outcome = _SERVER.call(pickle.dumps((given, limits)))
    during = f" while {outcome.stage}" if outcome.stage else ""
    if outcome.late:
        raise ModelFileError(f"LiteRT did not finish with this model in {outcome.late} s{during}")
    most = f"this model needs more than {limits.memory_bytes >> 20} MB of memory in LiteRT{during}"
    if outcome.short:
        raise ModelFileError(most)
    if not outcome.answer:
        how = f"signal {outcome.signal}" if outcome.signal else "its process ended"
        raise ModelFileError(f"this model crashes LiteRT ({how}{during})")
    returned, value = pickle.loads(outcome.answer)  # noqa: S301 - ours
    if returned:
        return value  # type: ignore[no-any-return]  # pickled values are untyped
    raise ModelFileError(most) if isinstance(value, MemoryError) else value


class _Server:
    """The server of this process, started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def call(self, request: bytes) -> Outcome:
        with self._lock:
            try:
                return self._ask(request)
            except FAULTS:
                self.close()  # it was idle for too long, and ended
            except BaseException:
                self.close()  # its next answer would be that of the interrupted call
                raise
            try:
                return self._ask(request)
            except FAULTS as error:
                raise ModelFileError(
                    f"cannot start a process to test the model in: {error}; free some "
                    "memory, or install motefit again"
                ) from None

    def _ask(self, request: bytes) -> Outcome:
        process = self._running()
        assert process.stdin is not None  # noqa: S101 - a pipe
        assert process.stdout is not None  # noqa: S101 - a pipe
        _send(process.stdin, request)
        outcome = pickle.loads(_receive(process.stdout))  # noqa: S301 - ours
        assert isinstance(outcome, Outcome)  # noqa: S101 - what it sends
        return outcome

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._owner == os.getpid():
            if self._process.poll() is None:
                return self._process
            self.close()
        paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "motefit.tflite.contained_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        """End the server and the call that it runs, which share a session."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():  # a fork has its parent's
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


_SERVER = _Server()
atexit.register(_SERVER.close)


def _send(pipe: BinaryIO | Any, data: bytes) -> None:  # noqa: ANN401 - Popen's own class
    pipe.write(LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: BinaryIO | Any) -> bytes:  # noqa: ANN401 - Popen's own class
    (length,) = LENGTH.unpack(pipe.read(LENGTH.size))
    data: bytes = pipe.read(length)
    if len(data) != length:
        raise EOFError
    return data


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until their pipe ends, or nothing is asked for :data:`IDLE_S` seconds."""
    while select.select([source], [], [], IDLE_S)[0]:
        try:
            request = _receive(source)
        except (EOFError, struct.error):
            return
        given, limits = pickle.loads(request)  # noqa: S301 - ours
        _send(sink, pickle.dumps(_forked(given, limits)))


def _forked(given: bytes, limits: Limits) -> Outcome:
    """Run one call in a fork of this process."""
    with mmap.mmap(-1, STAGE_BYTES) as noted, scratch_file() as said:
        read_end, write_end = os.pipe()
        child = os.fork()
        if not child:
            os.close(read_end)
            _STAGE.append((noted, limits.seconds))
            _run(given, limits, write_end, said.fileno())
        os.close(write_end)
        answer = _read(read_end, limits.seconds * WAITING)
        if answer is None:
            os.kill(child, signal.SIGKILL)
        os.close(read_end)
        _, status, used = os.wait4(child, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        late = round(used.ru_utime + used.ru_stime) if ended == signal.SIGXCPU else 0
        said.seek(0)
        return Outcome(
            answer=answer or b"",
            signal=ended,
            stage=bytes(noted[:]).rstrip(b"\0").decode("utf-8", "replace"),
            late=limits.seconds if answer is None else late,
            short=b"bad_alloc" in said.read(1 << 16),
        )


def _read(pipe: int, seconds: float) -> bytes | None:
    """Read a pipe to its end; None if it does not end in time."""
    parts: list[bytes] = []
    end = time.monotonic() + seconds
    while select.select([pipe], [], [], max(end - time.monotonic(), 0))[0]:
        part = os.read(pipe, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return None


def _run(given: bytes, limits: Limits, pipe: int, said: int) -> None:
    """Call and write the pickled answer to a pipe; ends this process."""
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        _restrict(limits)
        with os.fdopen(pipe, "wb") as sink:
            sink.write(_answer(given))
    except BaseException:  # noqa: BLE001 - the server sees that there is no answer
        os._exit(1)
    os._exit(0)


def _restrict(limits: Limits) -> None:
    """Set the limits of this process."""
    import resource  # noqa: PLC0415 - not on every system

    used = int(STATUS.read_text().split()[0]) * mmap.PAGESIZE if STATUS.exists() else 0
    _limit(resource.RLIMIT_AS, used + limits.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit_cpu(limits.seconds)


def _limit_cpu(seconds: int) -> None:
    import resource  # noqa: PLC0415 - not on every system

    _limit(resource.RLIMIT_CPU, seconds)


def _limit(kind: int, value: int) -> None:
    """Set a limit of this process, as far as the system lets it."""
    import resource  # noqa: PLC0415 - not on every system

    hard = resource.getrlimit(kind)[1]
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (least, hard))


def _answer(given: bytes) -> bytes:
    try:
        return pickle.dumps((True, pickle.loads(given)()))  # noqa: S301 - ours
    except Exception as error:  # noqa: BLE001 - raised on the other side
        return pickle.dumps((False, error))
