"""Levels of an input, channel by channel, and what to do about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.spec.tables import Item, Printable, ResultTable, Styled

FULL_SCALE = 32768.0
_FRAME_S, _BLOCK_S = 0.05, 0.005
_SILENT_DBFS = -120.0
QUIET_DBFS, NOISY_DBFS, CLEAR_DB = -40.0, -40.0, 15.0
"""Speech should be louder than the first, the room quieter than the second, and speech louder than
the room by the third."""
CLIPPED_PERCENT, OFFSET_PERCENT, ZEROS_PERCENT, MUTED_PERCENT = 0.01, 2.0, 1.0, 99.0
LOW_RATE_HZ = 16_000
MUTED = (
    "no sound at all: is the microphone muted, or another input selected? alsamixer, F4: unmute "
    "Capture (space) and raise it"
)
CANCELED = 0.1
"""As :data:`motefit.signal.mixing.CANCELED`."""


@dataclass(frozen=True, kw_only=True)
class ChannelLevels:
    """Levels of one channel; dB are of full scale.

    Attributes:
        noise_dbfs: root mean square of the quietest tenth of the frames of 50 ms.
        speech_dbfs: of the loudest twentieth.
        peak_dbfs: of the largest sample.
        clipped_percent: samples at full scale.
        offset_percent: of full scale: the mean of all samples.
        zeros_percent: time during which all samples are zero for 5 ms or more.
    """

    noise_dbfs: float
    speech_dbfs: float
    peak_dbfs: float
    clipped_percent: float
    offset_percent: float
    zeros_percent: float

    @property
    def muted(self) -> bool:
        """Whether there is no sound at all."""
        return self.zeros_percent > MUTED_PERCENT or self.peak_dbfs <= _SILENT_DBFS


class LevelMeter:
    """Measures an input of any length in memory that grows by 1 kB a second and channel."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._frame = max(round(_FRAME_S * rate_hz), 2)
        self._block = max(round(_BLOCK_S * rate_hz), 2)
        self._rest = np.zeros((0, channels), np.float32)
        self._powers: list[NDArray[np.float64]] = []
        self._sum, self._peak = np.zeros(channels), np.zeros(channels)
        self._clipped, self._zero = np.zeros(channels), np.zeros(channels)
        self._count, self._blocks = 0, 0
        self._single, self._mixed = 0.0, 0.0

    def push(self, frames: NDArray[np.floating] | NDArray[np.int16]) -> None:
        """Add frames (n, channels), full scale 32768."""
        sound = np.concatenate((self._rest, frames.astype(np.float32)))
        whole = len(sound) - len(sound) % self._frame
        self._rest, sound = sound[whole:], sound[:whole].astype(np.float64)
        self._count += whole
        self._sum += sound.sum(axis=0)
        self._clipped += (np.abs(sound) >= FULL_SCALE - 1).sum(axis=0)
        for frame in sound.reshape(-1, self._frame, sound.shape[1]):
            self._powers.append(frame.var(axis=0))
            self._peak = np.maximum(self._peak, np.abs(frame - frame.mean(axis=0)).max(axis=0))
            blocks = frame[: len(frame) // self._block * self._block]
            blocks = blocks.reshape(-1, self._block, frame.shape[1])
            self._zero += (~blocks.any(axis=1)).sum(axis=0)
            self._blocks += len(blocks)
            steps = np.diff(frame, axis=0)
            self._single += float(np.square(steps).mean())
            self._mixed += float(np.square(steps.mean(axis=1)).mean())

    def now_dbfs(self) -> float:
        """Return the level of the last half second, of the loudest channel."""
        last = self._powers[-round(0.5 / _FRAME_S) :]
        return _dbfs(float(np.mean(last, axis=0).max())) if last else _SILENT_DBFS

    def levels(self) -> tuple[ChannelLevels, ...]:
        """Return what was measured; empty before 50 ms."""
        if not self._powers:
            return ()
        powers = np.array(self._powers)
        noise, speech = np.quantile(powers, (0.1, 0.95), axis=0)
        return tuple(
            ChannelLevels(
                noise_dbfs=_dbfs(float(noise[i])),
                speech_dbfs=_dbfs(float(speech[i])),
                peak_dbfs=_dbfs(float(self._peak[i]) ** 2),
                clipped_percent=100 * float(self._clipped[i]) / self._count,
                offset_percent=100 * float(self._sum[i]) / self._count / FULL_SCALE,
                zeros_percent=100 * float(self._zero[i]) / self._blocks,
            )
            for i in range(powers.shape[1])
        )

    @property
    def cancels(self) -> bool:
        """Whether the average of two channels loses their sound."""
        audible = self._single > len(self._powers)
        return len(self._sum) == 2 and audible and self._mixed < CANCELED * self._single


def _dbfs(power: float) -> float:
    return max(10 * float(np.log10(max(power, 1e-9) / FULL_SCALE**2)), _SILENT_DBFS)


@dataclass(frozen=True, kw_only=True, repr=False)
class MicrophoneCheck(Printable):
    """Measured levels of an input, and what to change.

    Attributes:
        name: of the input.
        rate_hz: sampling rate.
        seconds: measured.
        channels: levels of each channel.
        overruns: number of times that sound was lost.
        notes: what the device uses instead of what was requested.
        advice: what to change, one sentence each; empty if nothing.
    """

    name: str
    rate_hz: int
    seconds: float
    channels: tuple[ChannelLevels, ...]
    overruns: int
    notes: tuple[str, ...]
    advice: tuple[str, ...]

    def content(self) -> list[Item]:
        """Return a line on the input, a row for each channel, and the advice."""
        many = "1 channel" if len(self.channels) == 1 else f"{len(self.channels)} channels"
        rows = [
            (
                str(number),
                f"{held.noise_dbfs:.0f}",
                f"{held.speech_dbfs:.0f}",
                f"{held.peak_dbfs:.0f}",
                f"{held.clipped_percent:.2f} %",
                f"{held.offset_percent:.1f} %",
                f"{held.zeros_percent:.0f} %",
            )
            for number, held in enumerate(self.channels, 1)
        ]
        table = ResultTable(
            titles=("channel", "noise", "speech", "peak", "clipped", "offset", "zeros"),
            align="r" * 7,
            rows=rows,
        )
        said = [(Styled("to do", "doubtful"), f": {text}") for text in self.advice]
        return [
            f"{self.name}: {self.rate_hz} Hz, {many}, {self.seconds:.1f} s; dB of full scale",
            table,
            *(f"note: {text}" for text in self.notes),
            *(said or [(Styled("fine", "good"), ": nothing to change")]),
        ]


def advise(
    levels: Sequence[ChannelLevels],
    *,
    rate_hz: int,
    overruns: int,
    cancels: bool,
    channel: int | None = None,
) -> tuple[str, ...]:
    """Return what to change, one sentence each.

    Args:
        levels: of all channels.
        rate_hz: sampling rate.
        overruns: number of times that sound was lost.
        cancels: whether averaging two channels cancels their sound.
        channel: the channel that is used, from 1; None: all.
    """
    chosen = enumerate(levels, 1) if channel is None else [(channel, levels[channel - 1])]
    found = []
    for number, held in chosen:
        which = f"channel {number}: " if len(levels) > 1 else ""
        found += [which + text for text in _channel_advice(held)]
    if channel is None and len(levels) > 1:
        best = max(range(len(levels)), key=lambda i: _clarity(levels[i]))
        if cancels:
            found.append(
                "the two channels cancel each other, as with one wired in reverse: --channel 1"
            )
        elif len(levels) > 2 or any(held.muted for held in levels):
            found.append(f"choose a channel: --channel {best + 1} is the clearest")
    if overruns:
        found.append(
            f"sound was lost {overruns} times: this machine is too busy; end other programs, or "
            "use a lower --rate"
        )
    if rate_hz < LOW_RATE_HZ:
        found.append(
            f"{rate_hz} Hz has no sound above {rate_hz // 2} Hz, and s and f are hard to tell "
            f"apart: --rate {LOW_RATE_HZ}, if the model is of that rate"
        )
    return tuple(found)


def _clarity(held: ChannelLevels) -> tuple[float, float]:
    """Return the sort key of a channel: distance of speech and noise in dB, then the level."""
    return round(held.speech_dbfs - held.noise_dbfs), held.speech_dbfs


def _channel_advice(held: ChannelLevels) -> list[str]:
    if held.muted:
        return [MUTED]
    found = []
    if held.zeros_percent > ZEROS_PERCENT:
        found.append(
            f"{held.zeros_percent:.0f} % of the time has digital zeros only, which no room has: "
            "noise suppression or a loose connection; switch suppression off, check the cable"
        )
    if held.clipped_percent > CLIPPED_PERCENT:
        found.append(
            f"{held.clipped_percent:.2f} % of the samples are clipped: lower Capture in alsamixer "
            "(F4), or move away"
        )
    if held.noise_dbfs > NOISY_DBFS:
        found.append(
            f"the room, at {held.noise_dbfs:.0f} dB, is loud: move closer and lower Capture in "
            "alsamixer (F4)"
        )
    if held.speech_dbfs < QUIET_DBFS:
        found.append(
            f"speech, at {held.speech_dbfs:.0f} dB, is too quiet: raise Capture in alsamixer (F4), "
            "or move closer"
        )
    elif held.speech_dbfs - held.noise_dbfs < CLEAR_DB:
        found.append(
            f"nothing was {CLEAR_DB:.0f} dB louder than the room: say a few words during the check"
        )
    if abs(held.offset_percent) > OFFSET_PERCENT:
        found.append(
            f"an offset of {held.offset_percent:.1f} % of full scale: the microphone or its supply "
            "is faulty, or an I2S microphone needs a high-pass filter in its driver"
        )
    return found
