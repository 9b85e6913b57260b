"""The front end of a keyword spotter: its settings, from samples to features."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motefit.spec.codec import check_fields
from motefit.spec.errors import RecipeError
from motefit.spec.limits import HIGHEST_RATE_HZ
from motefit.spec.registry import Registry

if TYPE_CHECKING:
    from motefit.signal.feature_kinds import FeatureKind

LONGEST_CLIP_S = 60
MOST_BINS = 1 << 16
"""Most samples of a frame, and most of what is computed from one."""

FEATURE_KINDS: "Registry[FeatureKind]" = Registry(
    "motefit.signal.feature_kinds", "kind of features"
)
"""Kinds by name. A kind is one file, settings and arithmetic together, and its arithmetic needs
numpy: so the package is named here, not imported, and loaded when the first front end is made."""


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """Settings of the front end; training, device and C code all use this definition.

    Attributes:
        kind: ``"mel"`` (log-mel or MFCC), ``"spectrogram"`` (magnitude of the STFT), or another
            file of ``motefit.signal.feature_kinds``.
        rate_hz: sampling rate the features are computed at, up to 768000.
        seconds: length of one clip, up to 60.
        frame_length: samples in one analysis frame, also the FFT length.
        frame_step: samples between the starts of two frames.
        mel_bins: HTK mel bands between ``lower_hz`` and ``upper_hz`` (0 for a spectrogram).
        lower_hz: lower edge of the band; a spectrogram keeps the bins inside the band.
        upper_hz: upper edge of the band, at most half the rate.
        coefficients: first k MFCCs; 0 keeps the log-mel bands (0 for a spectrogram).
        gain_dbfs: automatic gain: level that the loudest frame of a clip gets, -60 to 0 dB of full
            scale; None: sound is taken as loud as it is.
    """

    kind: str = "mel"
    rate_hz: int = 16_000
    seconds: float = 1.0
    frame_length: int = 640
    frame_step: int = 320
    mel_bins: int = 40
    lower_hz: float = 20.0
    upper_hz: float = 4000.0
    coefficients: int = 10
    gain_dbfs: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if not (1 <= self.rate_hz <= HIGHEST_RATE_HZ and 0 < self.seconds <= LONGEST_CLIP_S):
            raise RecipeError(
                f"rate_hz must be 1..{HIGHEST_RATE_HZ} and seconds more than 0, at most "
                f"{LONGEST_CLIP_S}, got {self.rate_hz} and {self.seconds}"
            )
        if not 2 <= self.frame_length <= self.clip_samples:
            raise RecipeError(
                f"frame_length must be 2..{self.clip_samples} samples (one clip), "
                f"got {self.frame_length}"
            )
        if max(self.frame_length, self.mel_bins, self.coefficients) > MOST_BINS:
            raise RecipeError(
                f"frame_length, mel_bins and coefficients must be at most {MOST_BINS}, got "
                f"{self.frame_length}, {self.mel_bins} and {self.coefficients}"
            )
        if not 1 <= self.frame_step <= self.clip_samples:
            raise RecipeError(
                f"frame_step must be 1..{self.clip_samples} samples, got {self.frame_step}"
            )
        if not 0 <= self.lower_hz < self.upper_hz <= self.rate_hz / 2:
            raise RecipeError(
                f"the band must satisfy 0 <= lower_hz < upper_hz <= {self.rate_hz / 2} "
                f"(half the rate), got {self.lower_hz}..{self.upper_hz}"
            )
        if self.gain_dbfs is not None and not -60 <= self.gain_dbfs <= 0:
            raise RecipeError(f"gain_dbfs must be -60..0 dB of full scale, got {self.gain_dbfs:g}")
        FEATURE_KINDS.find(self.kind).check(self)

    def require_no_gain(self, what: str) -> None:
        """Refuse automatic gain, which needs a whole clip before its first frame.

        Args:
            what: does not have it, for the error.

        Raises:
            RecipeError: if there is a gain.
        """
        if self.gain_dbfs is not None:
            raise RecipeError(
                f"{what} has no automatic gain: leave [frontend] gain_dbfs out, and train again"
            )

    @property
    def clip_samples(self) -> int:
        """Samples in one clip."""
        return round(self.rate_hz * self.seconds)

    @property
    def frames(self) -> int:
        """Frames in one clip (no padding)."""
        return (self.clip_samples - self.frame_length) // self.frame_step + 1

    @property
    def band_bins(self) -> tuple[int, int]:
        """First and one-past-last FFT bin inside the band, for a spectrogram."""
        lower = math.ceil(self.lower_hz * self.frame_length / self.rate_hz)
        upper = math.floor(self.upper_hz * self.frame_length / self.rate_hz)
        return lower, min(upper, self.frame_length // 2) + 1

    @property
    def features(self) -> int:
        """Features in one frame."""
        return FEATURE_KINDS.find(self.kind).features(self)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of one clip's features: (frames, features)."""
        return self.frames, self.features
