"""Recording through ALSA's ``arecord``, a program available for every Linux board."""

import os
import re
import select
import shutil
import subprocess
import time

from motefit.runtime.microphone.source import (
    CHUNK_SECONDS,
    WAIT_S,
    Int16Array,
    SoundSource,
    mono,
)
from motefit.spec.errors import DataError
from motefit.spec.limits import require_rate

STOP_S = 2.0
"""Grace period after which an arecord that ignores SIGTERM is killed."""
SAID_BYTES = 2000
RATE_WARNING = re.compile(r"rate is not accurate.*got = (\d+)")


class ArecordSource(SoundSource):
    """An ALSA device, read through the program ``arecord`` of the package alsa-utils.

    Args:
        device: ALSA's name, e.g. ``"default"`` or ``"plughw:1,0"``; ``arecord -l`` lists them.
        rate_hz: requested rate; hardware that does not support it (``hw:`` devices) reports the
            rate it uses instead.
        wait_s: longest wait for sound.

    Raises:
        DataError: if arecord is not installed.
    """

    def __init__(
        self, device: str = "default", *, rate_hz: int = 16_000, wait_s: float = WAIT_S
    ) -> None:
        super().__init__(f"arecord {device}", rate_hz)
        program = shutil.which("arecord")
        if program is None:
            raise DataError(
                "arecord is not installed; install it (sudo apt install alsa-utils), or send "
                "16-bit PCM through a pipe: ... | motefit listen MODEL --input -"
            )
        command = [program, "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1"]
        self._wait_s, self._rest, self._said = wait_s, b"", b""
        self._process = subprocess.Popen(  # noqa: S603 - no shell; the user's own device name
            [*command, "-r", str(rate_hz)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "LC_ALL": "C"},
        )

    def read(self) -> Int16Array | None:
        """Return the next samples; never None, since a microphone does not end.

        Raises:
            DataError: if arecord exits or sends nothing for too long, with its own messages.
        """
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        out, said = self._process.stdout.fileno(), self._process.stderr.fileno()
        until = time.monotonic() + self._wait_s
        open_pipes = [out, said]
        while out in open_pipes:
            ready, _, _ = select.select(open_pipes, [], [], max(until - time.monotonic(), 0))
            if not ready:
                raise self._lost(f"no sound for {self._wait_s:g} s; {self._words()}")
            if said in ready:
                text = os.read(said, SAID_BYTES)
                self._said = (self._said + text)[-SAID_BYTES:]
                if not text:
                    open_pipes.remove(said)
                self._note_rate()
                continue
            data = os.read(out, max(round(self.rate_hz * CHUNK_SECONDS), 1) * 2)
            if not data:
                open_pipes.remove(out)
            self._rest += data
            if len(self._rest) >= 2:
                return self._samples()
        raise self._lost(self._words())

    def _samples(self) -> Int16Array:
        whole = len(self._rest) - len(self._rest) % 2
        samples = mono(self._rest[:whole], 1)
        self._rest = self._rest[whole:]
        self.received += len(samples)
        return samples

    def _note_rate(self) -> None:
        """Take over the rate of a device that warns that it records at its own."""
        found = RATE_WARNING.search(self._said.decode(errors="replace"))
        if found and not self.received:
            self.rate_hz = require_rate(int(found[1]))

    def _words(self) -> str:
        """End arecord and return its last messages."""
        self.close()
        text = self._said.decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        own = [line for line in lines if line.startswith("arecord:")]
        said = "; ".join((own or lines)[-2:]) or "no message"
        return (
            f"arecord ended with exit status {self._process.returncode}: {said}. Is the "
            "microphone plugged in? `arecord -l` lists the devices, --input arecord:plughw:1,0 "
            "selects one"
        )

    def close(self) -> None:
        """End arecord and collect its last messages."""
        if self._process.poll() is None:
            self._process.terminate()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                if pipe is self._process.stderr:
                    self._drain(pipe.fileno())
                pipe.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _drain(self, descriptor: int) -> None:
        while select.select([descriptor], [], [], 0.1)[0]:
            text = os.read(descriptor, SAID_BYTES)
            if not text:
                return
            self._said = (self._said + text)[-SAID_BYTES:]
