"""Live sound that cannot be speech: a microphone that is muted, or far too quiet."""

import numpy as np
from numpy.typing import NDArray

MUTED_S, QUIET_S = 2.0, 10.0
"""Seconds after which the input is reported as muted, or as far too quiet."""
QUIET_PEAK = 8
"""Largest deviation from the mean of sound that is far too quiet: -72 dB of full scale, at which
speech has three bits."""


class InputWatch:
    """Detects stretches of live sound that are useless as input for a model.

    Until a stretch is long enough, its sound counts as usable. An offset does not count as sound.
    """

    def __init__(self) -> None:
        self._muted_s = self._quiet_s = 0.0
        self._told = ""

    def usable(self, samples: NDArray[np.int16], rate_hz: int) -> bool:
        """Add samples (n,), and return whether they are worth listening to."""
        span, seconds = int(np.ptp(samples.astype(np.int32))), len(samples) / rate_hz
        self._muted_s = 0.0 if span else self._muted_s + seconds
        self._quiet_s = 0.0 if span > 2 * QUIET_PEAK else self._quiet_s + seconds
        return self._muted_s < MUTED_S and self._quiet_s < QUIET_S

    def news(self) -> str:
        """Return a message for the user, once per stretch; empty if there is none."""
        now = ""
        if self._muted_s >= MUTED_S:
            now = (
                f"no sound at all for {MUTED_S:g} s: is the microphone muted, or another input "
                "selected? alsamixer, F4: unmute Capture (space) and raise it"
            )
        elif self._quiet_s >= QUIET_S:
            now = (
                f"far too quiet for {QUIET_S:g} s (below {20 * np.log10(QUIET_PEAK / 32768):.0f} "
                "dB of full scale): raise Capture in alsamixer (F4); motefit listen --check "
                "measures it"
            )
        if now == self._told or (now and self._told):
            return ""
        self._told, before = now, self._told
        return now or ("the input has sound again" if before else "")
