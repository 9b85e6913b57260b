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
        room_probability: share of clips heard in a simulated room, before noise is added.
        room_decay_s: shortest and longest time in which a room's sound falls by 60 dB.
        warp_percent: largest stretch of the frequency axis, and so of pitch apart from speed, in
            either direction, in percent. Only for log-mel features, as the next two.
        equalizer_db: largest gain or attenuation of a random smooth frequency response, in
            decibels.
        band_limit_probability: share of clips whose upper frequencies are cut off at random, as a
            telephone or a poor microphone does.
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
    room_probability: float = 0.0
    room_decay_s: tuple[float, float] = (0.1, 0.6)
    warp_percent: float = 0.0
    equalizer_db: float = 0.0
    band_limit_probability: float = 0.0
    time_masks: int = 0
    time_mask_frames: int = 10
    frequency_masks: int = 0
    frequency_mask_bins: int = 4

    def __post_init__(self) -> None:
        check_fields(self)
        for name, value in encode(self).items():
            if name not in {"noise_snr_db", "room_decay_s"} and value < 0:
                raise RecipeError(f"{name} must not be negative, got {value}")
        for name in ("speed_percent", "warp_percent"):
            if getattr(self, name) >= 100:
                raise RecipeError(f"{name} must be less than 100, got {getattr(self, name)}")
        for name in ("noise_probability", "room_probability", "band_limit_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} must be 0..1, got {getattr(self, name)}")
        if not 0.01 <= self.room_decay_s[0] <= self.room_decay_s[1] <= 5:
            raise RecipeError(
                "room_decay_s must be [shortest, longest], 0.01 to 5 seconds, "
                f"got {list(self.room_decay_s)}"
            )
        if self.noise_snr_db[0] > self.noise_snr_db[1]:
            raise RecipeError(f"noise_snr_db must be [low, high], got {list(self.noise_snr_db)}")
