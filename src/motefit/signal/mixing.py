"""One channel from several: one of them, or their average where that loses no sound."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motefit.spec.errors import DataError

Channel = int | Literal["auto", "mean"]
"""A channel, counted from 1; ``"mean"``: the average; ``"auto"``: of two, the one that is not
silent, else their average, if that loses no sound."""
CANCELED = 0.1
"""Two channels cancel each other if their average has less than this share of their mean power:
equal channels give 1, independent ones 0.5, opposite ones 0."""
SILENT = 1e-3
"""A channel with less than this share (-30 dB) of the other one's power is silent beside it, as an
input is that nothing is plugged into; the average would be half as loud."""
_DECIDED_S = 3.0
"""Seconds of a stream that decide how its two channels are used."""
_AUDIBLE = 25.0
"""Mean squared difference between neighboring samples below which nothing is decided."""


def parse_channel(text: str) -> Channel:
    """Read a channel as options spell it.

    >>> parse_channel("2"), parse_channel("mean")
    (2, 'mean')

    Raises:
        DataError: for anything else than a number from 1, ``mean`` or ``auto``.
    """
    if text in {"auto", "mean"}:
        return "mean" if text == "mean" else "auto"
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= 65535:
        return int(text)
    raise DataError(f"channel must be 1, 2, ..., mean or auto, got {text!r}")


class Mixer:
    """Makes one channel of int16 samples from the frames of one recording.

    Args:
        channels: of the recording.
        channel: which one to take.
        rate_hz: sampling rate.
        name: of the recording, for errors.

    Attributes:
        frames: (n, channels) that were mixed last.
        silent: the channel, from 1, that is left out because it is silent beside the other; 0: no
            channel is.
        undecided: whether more of the recording may change how its channels are used.
        note: what to tell about the channels; whoever shows it empties it.

    Raises:
        DataError: for a channel that does not exist, or more than two channels and none chosen.
    """

    def __init__(self, channels: int, channel: Channel, *, rate_hz: int, name: str) -> None:
        if isinstance(channel, int) and not 1 <= channel <= channels:
            has = "has one channel" if channels == 1 else f"has {channels} channels"
            raise DataError(f"{name} {has}, so channel {channel} cannot be used; allowed: 1" +
                            (f" to {channels}" if channels > 1 else ""))  # fmt: skip
        if channel == "auto" and channels > 2:
            raise DataError(
                f"{name} has {channels} channels, like the recording of an array of microphones, "
                f"whose average may lose sound: choose one of them, 1 to {channels}, or mean: "
                "--channel 1, or [data] channel = 1 in a recipe"
            )
        self._channels, self._channel, self._name = channels, channel, name
        self.undecided = channel == "auto" and channels == 2
        self.silent, self.note = 0, ""
        self._wait = round(_DECIDED_S * rate_hz)
        self._seen, self._mixed, self._powers = 0, 0.0, np.zeros(2)
        self.frames: NDArray[np.floating] | NDArray[np.int16] = np.zeros((0, channels), np.int16)

    def mix(self, samples: NDArray[np.floating] | NDArray[np.int16]) -> NDArray[np.int16]:
        """Convert interleaved samples to one channel.

        Args:
            samples: (n * channels,), full scale 32768.

        Returns:
            (n,) rounded, and clipped at full scale.

        Raises:
            DataError: if two channels cancel each other in the first seconds.
        """
        self.frames = frames = samples.reshape(-1, self._channels)
        if self.undecided:
            self._add_powers(frames)
        chosen = self._channel if isinstance(self._channel, int) else 1
        if isinstance(self._channel, int) or self._channels == 1 or self.silent:
            mono = frames[:, (3 - self.silent if self.silent else chosen) - 1]
            if mono.dtype == np.int16:
                return np.ascontiguousarray(mono)
        else:
            mono = frames.mean(axis=1, dtype=np.float64)
        return np.clip(np.rint(mono), -32768, 32767).astype(np.int16)

    def weigh(self, samples: NDArray[np.floating] | NDArray[np.int16]) -> None:
        """Take part of a whole recording into account before any of it is mixed.

        Args:
            samples: (n * channels,), full scale 32768; all of them in order, then :meth:`finish`.
        """
        self._wait = 1 << 62
        self._add_powers(samples.reshape(-1, self._channels))

    def finish(self) -> None:
        """Decide at the end of the recording how its channels are used.

        Raises:
            DataError: if two channels cancel each other.
        """
        self._decide()
        self.undecided = False

    def _decide(self) -> None:
        """Decide by all that was heard so far, unless that is next to nothing."""
        single = float(self._powers.mean())
        if not self.undecided or not self._seen or single / self._seen <= _AUDIBLE:
            return
        if self._mixed < CANCELED * single:
            lost = -10 * np.log10(max(self._mixed / single, 1e-9))
            raise DataError(
                f"{self._name}: its two channels cancel each other (their average is "
                f"{lost:.0f} dB below them), as with one of them wired in reverse: choose one: "
                "--channel 1, or [data] channel = 1 in a recipe"
            )
        self.silent, self.undecided = self._quiet(), False
        if self.silent:
            self.note = self.about_silent

    @property
    def about_silent(self) -> str:
        """Sentence on the silent channel."""
        return (
            f"{self._name}: channel {self.silent} is silent, so channel {3 - self.silent} is used; "
            "for their average: --channel mean"
        )

    def _quiet(self) -> int:
        """Return the channel, from 1, that is silent beside the other; 0: none."""
        low, high = sorted(self._powers.tolist())
        return int(self._powers.argmin()) + 1 if low < SILENT * high else 0

    def _add_powers(self, frames: np.ndarray) -> None:
        """Sum the powers of differences, in which an offset does not count."""
        steps = np.diff(frames.astype(np.float64), axis=0)
        self._powers += np.square(steps).sum(axis=0)
        self._mixed += float(np.square(steps.mean(axis=1)).sum())
        self._seen += len(frames)
        self.silent = self._quiet() if self._powers.mean() > _AUDIBLE * self._seen else 0
        if self._seen >= self._wait:
            self._decide()
