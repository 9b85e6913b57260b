"""Recording through ALSA's ``arecord``, a program available for every Linux board."""

import fcntl
import os
import select
import shutil
import struct
import subprocess
import termios
import time

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.microphone import alsa_messages
from motefit.runtime.microphone.source import CHUNK_SECONDS, WAIT_S, Int16Array, SoundSource
from motefit.signal.mixing import Channel, Mixer
from motefit.signal.sample_formats import SampleFormat
from motefit.spec.errors import DataError
from motefit.spec.limits import require_rate

STOP_S = 2.0
"""Grace period after which an arecord that ignores SIGTERM is killed."""
SAID_BYTES = 2000
FORMATS = {
    "S16_LE": SampleFormat(kind="integer", sample_bytes=2),
    "S32_LE": SampleFormat(kind="integer", sample_bytes=4),
    "S24_3LE": SampleFormat(kind="integer", sample_bytes=3),
    "S24_LE": SampleFormat(kind="integer", sample_bytes=4),
    "FLOAT_LE": SampleFormat(kind="float", sample_bytes=4),
}
"""Formats that can be recorded, by arecord's names; the first is requested, and if a device lacks
it, the next one that it has. I2S microphones have S32_LE only. S24_LE has its 24 bits in the lower
bytes."""


class ArecordSource(SoundSource):
    """An ALSA device, read through the program ``arecord`` of the package alsa-utils.

    If a device refuses 16 bits or the number of channels, what it has is used instead, and a note
    says so.

    Args:
        device: ALSA's name, e.g. ``"default"`` or ``"plughw:1,0"``; ``arecord -l`` lists them.
        rate_hz: requested rate; hardware that does not support it (``hw:`` devices) reports the
            rate it uses instead.
        channels: number of channels to record, at least as many as ``channel`` needs.
        channel: which of several channels to take.
        wait_s: longest wait for sound.

    Raises:
        DataError: if arecord is not installed.
    """

    def __init__(
        self,
        device: str = "default",
        *,
        rate_hz: int = 16_000,
        channels: int = 1,
        channel: Channel = "auto",
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(f"arecord {device}", rate_hz)
        program = shutil.which("arecord")
        if program is None:
            raise DataError(
                "arecord is not installed; install it (sudo apt install alsa-utils), or send "
                "16-bit PCM through a pipe: ... | motefit listen MODEL --input -"
            )
        self._command = [program, "-D", device, "-t", "raw"]
        self._wait_s, self._channel = wait_s, channel
        self.channels = max(channels, channel if isinstance(channel, int) else 1)
        self._format = next(iter(FORMATS))
        self._start()

    def _start(self) -> None:
        self._rest, self._said, self._line = b"", b"", b""
        self._mixer: Mixer | None = None
        self._before_gap: int | None = None
        self._gap_s = 0.0
        self._process = subprocess.Popen(  # noqa: S603 - no shell; the user's own device name
            [*self._command, *self._settings()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "LC_ALL": "C"},
        )

    def _settings(self) -> list[str]:
        return ["-f", self._format, "-c", str(self.channels), "-r", str(self.rate_hz)]

    @property
    def _frame_bytes(self) -> int:
        return self.channels * FORMATS[self._format].sample_bytes

    def read(self) -> Int16Array | None:
        """Return the next samples; never None, since a microphone does not end.

        Raises:
            DataError: if arecord exits or sends nothing for too long, with its own messages and
                advice; or if channels must be chosen.
        """
        while (samples := self._read()) is None:
            self._adapt()
        return samples

    def _read(self) -> Int16Array | None:
        """Return the next samples; None if arecord ended."""
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
                if not text:
                    open_pipes.remove(said)
                self._read_message(text, waiting=_waiting_bytes(out))
                continue
            wanted = max(round(self.rate_hz * CHUNK_SECONDS), 1) * self._frame_bytes
            data = os.read(out, min(wanted, self._before_gap or wanted))
            if not data:
                open_pipes.remove(out)
            self._rest += data
            self._pass_gap(len(data))
            if len(self._rest) >= self._frame_bytes:
                return self._samples()
        return None

    def _samples(self) -> Int16Array:
        self._mixer = self._mixer or Mixer(
            self.channels, self._channel, rate_hz=self.rate_hz, name=self.name
        )
        whole = len(self._rest) - len(self._rest) % self._frame_bytes
        data, self._rest = self._rest[:whole], self._rest[whole:]
        samples = self._mixer.mix(_decode(self._format, data))
        self._mixed_by(self._mixer)
        self.received += len(samples)
        return samples

    def _pass_gap(self, count: int) -> None:
        """Count the bytes before a gap; the first ones after it follow the loss."""
        self.lost_s = None
        if self._before_gap:
            self._before_gap -= count
        elif self._before_gap == 0:
            self.lost_s, self._before_gap, self._gap_s = self._gap_s, None, 0.0

    def _read_message(self, text: bytes, *, waiting: int) -> None:
        """Process arecord's messages: the device's own rate, and lost sound.

        Sound waiting in the pipe when a loss is reported was recorded before it.
        """
        self._said = (self._said + text)[-SAID_BYTES:]
        rate_hz = alsa_messages.reported_rate(self._said.decode(errors="replace"))
        if rate_hz and not self.received:
            self.rate_hz = require_rate(rate_hz)
        *lines, self._line = (self._line + text).split(b"\n")
        lost_s = alsa_messages.lost_seconds(b"\n".join(lines).decode(errors="replace"))
        if lost_s is not None:
            self._gap_s += lost_s
            self._before_gap = waiting
            self.losses += 1
            self.notes.append(
                f"{self.name}, after {self.received / self.rate_hz:.1f} s: sound was lost (overrun "
                f"of at least {1000 * lost_s:.0f} ms): this machine is too busy, or was asleep"
            )

    def _adapt(self) -> None:
        """Restart with what the device has, if it refused what was requested.

        Raises:
            DataError: if it refused nothing, or has no supported format.
        """
        words = self._words()
        said = self._said.decode(errors="replace")
        before = (self._format, self.channels)
        if alsa_messages.FORMAT_REFUSED in said:
            offered = alsa_messages.offered_formats(said)
            self._format = next((name for name in FORMATS if name in offered), self._format)
        elif alsa_messages.CHANNELS_REFUSED in said and self.channels == 1:
            self.channels = self._own_channels() or 1
        if self.received or before == (self._format, self.channels):
            raise self._lost(words)
        many = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        self.notes.append(f"{self.name}: the device records {many} of {self._format}")
        self._start()

    def _own_channels(self) -> int | None:
        """Query the device for its minimum number of channels."""
        command = [*self._command, "-f", self._format, "-d", "1", "--dump-hw-params"]
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the user's own device name
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._wait_s,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
            )
            said = done.stderr
        except subprocess.TimeoutExpired as error:
            said = error.stderr or b""
        return alsa_messages.offered_channels(said.decode(errors="replace"))

    def _words(self) -> str:
        """Stop arecord and return its last messages, and what to do about them."""
        self.close()
        text = self._said.decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        own = [line for line in lines if line.startswith("arecord:")]
        said = "; ".join((own or lines)[-2:]) or "no message"
        if offered := alsa_messages.offered_formats(text):
            said += f"; available: {', '.join(offered)}"
        return (
            f"arecord ended with exit status {self._process.returncode}: {said}. "
            f"What to do: {alsa_messages.advice(text, formats=FORMATS)}"
        )

    def close(self) -> None:
        """Stop arecord and collect its last messages."""
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


def _decode(name: str, data: bytes) -> NDArray[np.floating] | NDArray[np.int16]:
    """Decode whole frames of one of :data:`FORMATS`; full scale is 32768."""
    if name == "S24_LE":
        data = (np.frombuffer(data, "<i4") << 8).tobytes()
    return FORMATS[name].decode(data)


def _waiting_bytes(descriptor: int) -> int:
    """Return the number of bytes that wait in a pipe."""
    size = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", size)[0])
