"""A front end of every kind of features, for the tests that run on all of them."""

from motefit.spec.frontend import FrontEnd

EXAMPLES = {
    "mel": FrontEnd(rate_hz=8000, frame_length=320, frame_step=160),
    "spectrogram": FrontEnd(
        kind="spectrogram", rate_hz=8000, frame_length=256, frame_step=100,
        mel_bins=0, coefficients=0,
    ),
}  # fmt: skip
