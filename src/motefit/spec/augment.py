"""The ``[train.augment]`` section of a recipe: how training clips are augmented."""

from dataclasses import dataclass

from motefit.spec.codec import check_fields, encode
from motefit.spec.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class AugmentSpec:
    """The ``[train.augment]`` section; every value 0 leaves the clip as it is.

    Attributes:
        speed_percent: largest change of speed, and so of pitch, in either direction, in percent.
        shift_ms: largest time shift in either direction, in milliseconds.
        gain_db: largest gain or attenuation, in decibels.
        noise_probability: share of clips mixed with background noise.
        noise_snr_db: lowest and highest signal-to-noise ratio of the mix, in decibels.
        time_masks: masks over frames per clip.
        time_mask_frames: longest time mask.
        frequency_masks: masks over features per clip.
        frequency_mask_bins: widest frequency mask.
    """

    speed_percent: float = 0.0
    shift_ms: float = 0.0
    gain_db: float = 0.0
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, float] = (5.0, 30.0)
    time_masks: int = 0
    time_mask_frames: int = 10
    frequency_masks: int = 0
    frequency_mask_bins: int = 4

    def __post_init__(self) -> None:
        check_fields(self)
        for name, value in encode(self).items():
            if name != "noise_snr_db" and value < 0:
                raise RecipeError(f"{name} must not be negative, got {value}")
        if self.speed_percent >= 100:
            raise RecipeError(f"speed_percent must be less than 100, got {self.speed_percent}")
        if not 0 <= self.noise_probability <= 1:
            raise RecipeError(f"noise_probability must be 0..1, got {self.noise_probability}")
        if self.noise_snr_db[0] > self.noise_snr_db[1]:
            raise RecipeError(f"noise_snr_db must be [low, high], got {list(self.noise_snr_db)}")
