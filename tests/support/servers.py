"""Real servers for tests, each on a free port of the loopback, with its data in a folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
TIME_SERIES = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    / "motefit-tools/redis-timeseries"
)
HANG_S = 600.0
"""A limit that only a hang reaches, however busy the machine."""


def find(program: str) -> str | None:
    """Return the path of a server's program; None if it is not installed."""
    return shutil.which(program, path=PATH)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Server:
    """A server that can be killed and started again on the same port, with the same data."""

    command: Sequence[str]
    port: int
    host: str = "127.0.0.1"
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        wait_until(self._answers, f"{self.command[0]} accepts connections")

    def kill(self) -> None:
        """End it without warning."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.command} ended: {self.process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
            return True
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen; the limit only catches a hang."""
    end = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start a server for the length of a block."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


def mosquitto(
    folder: Path, *lines: str, port: int | None = None, host: str = "127.0.0.1"
) -> Server:
    """Return a broker that keeps what it has acknowledged, with further lines of configuration."""
    port = port or free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        "\n".join(
            (
                f"listener {port} {host}",
                *(lines or ("allow_anonymous true",)),
                f"persistence true\npersistence_location {folder}/\nautosave_interval 1",
                "autosave_on_changes true\nmax_queued_messages 0\nuser root",
            )
        )
    )
    command = (find("mosquitto") or "mosquitto", "-c", str(configuration))
    return Server(command=command, port=port, host=host)


def redis(
    folder: Path,
    *options: str,
    time_series: bool = False,
    tls: bool = False,
    port: int | None = None,
) -> Server:
    """Return a Redis server that writes each change to the disk before it answers."""
    port = port or free_port()
    listen = ("--port", "0", "--tls-port", str(port)) if tls else ("--port", str(port))
    module = ("--loadmodule", str(TIME_SERIES / "redistimeseries.so")) if time_series else ()
    return Server(
        command=(
            find("redis-server") or "redis-server",
            *(*listen, "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always", *module, *options),
        ),
        port=port,
        environment={"LD_LIBRARY_PATH": str(TIME_SERIES)} if time_series else {},
    )
