"""Recording through the package sounddevice, for systems without ALSA."""

import time
from importlib import import_module
from typing import Any

import numpy as np

from motefit.runtime.microphone.source import CHUNK_SECONDS, WAIT_S, Int16Array, SoundSource
from motefit.signal.mixing import Channel, Mixer
from motefit.spec.errors import DataError


class SoundDeviceSource(SoundSource):
    """A microphone read through the package sounddevice (PortAudio), if it is installed.

    Args:
        device: its name or number; empty: the default input.
        rate_hz: sampling rate.
        channels: number of channels to record, at least as many as ``channel`` needs.
        channel: which of several channels to take.
        wait_s: longest wait for sound.

    Raises:
        DataError: if the package or the device is missing, or the rate is refused.
    """

    def __init__(
        self,
        device: str = "",
        *,
        rate_hz: int = 16_000,
        channels: int = 1,
        channel: Channel = "auto",
        wait_s: float = WAIT_S,
    ) -> None:
        super().__init__(f"sounddevice {device or 'default'}", rate_hz)
        try:
            self._package: Any = import_module("sounddevice")
        except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
            raise DataError(
                f"the package sounddevice cannot be used ({error}); pip install sounddevice, or "
                "use --input arecord, which needs no package"
            ) from None
        self._wait_s = wait_s
        self.channels = max(channels, channel if isinstance(channel, int) else 1)
        self._mixer = Mixer(self.channels, channel, rate_hz=rate_hz, name=self.name)
        self._chunk = max(round(rate_hz * CHUNK_SECONDS), 1)
        chosen = int(device) if device.isdigit() else device or None
        try:
            self._stream = self._package.RawInputStream(
                samplerate=rate_hz, channels=self.channels, dtype="int16", device=chosen
            )
            self._stream.start()
        except (self._package.PortAudioError, ValueError) as error:
            raise self._lost(f"{error}; python -m sounddevice lists the devices") from None

    def read(self) -> Int16Array | None:
        """Return the next samples; never None, since a microphone does not end.

        Raises:
            DataError: if the device fails or sends nothing for too long.
        """
        until = time.monotonic() + self._wait_s
        try:
            while not self._stream.read_available:
                if time.monotonic() > until:
                    raise self._lost(f"no sound for {self._wait_s:g} s; is it still plugged in?")
                time.sleep(CHUNK_SECONDS / 5)
            data, overrun = self._stream.read(min(self._stream.read_available, self._chunk))
        except self._package.PortAudioError as error:
            raise self._lost(str(error)) from None
        self.lost_s = 0.0 if overrun else None
        if overrun:
            self.losses += 1
            self.notes.append(f"{self.name}: sound was lost (overrun): this machine is too busy")
        samples = self._mixer.mix(np.frombuffer(bytes(data), "<i2").astype(np.int16, copy=False))
        self._mixed_by(self._mixer)
        self.received += len(samples)
        return samples

    def close(self) -> None:
        """Stop the stream."""
        self._stream.close(ignore_errors=True)
