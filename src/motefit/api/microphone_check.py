"""``listen --check``: the levels of a microphone, and what to change."""

from collections.abc import Callable
from pathlib import Path

from motefit.api.listening import show_line
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.microphone.levels import LevelMeter, MicrophoneCheck, advise
from motefit.runtime.microphone.source import WAIT_S, SoundSource
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.listen import Tell, connector
from motefit.runtime.zoo import find_model
from motefit.signal.mixing import parse_channel
from motefit.spec.errors import DataError

_SHOW_S = 0.5
_LEAST_S = 0.5
_BAR = 30


def check_microphone(  # noqa: PLR0913 - the options of a command
    model: str | Path | None = None,
    *,
    source: str = "",
    rate_hz: int = 0,
    channels: int = 1,
    channel: int | str = "auto",
    seconds: float = 5.0,
    wait_s: float = WAIT_S,
    tell: Tell = show_line,
) -> MicrophoneCheck:
    """Measure level, noise, clipping, offset and dropouts of an input while somebody speaks.

    >>> import motefit
    >>> print(motefit.check_microphone(seconds=5))  # doctest: +SKIP

    Args:
        model: as for :func:`motefit.listen`; gives the rate. None: 16 kHz.
        source: as for :func:`motefit.listen`.
        rate_hz: sampling rate of a microphone, or of PCM without a header; 0: the model's.
        channels: number of channels of PCM without a header, or to record.
        channel: channel to assess, from 1; None: all of them.
        seconds: length of sound to measure.
        wait_s: seconds without sound after which to fail.
        tell: called twice a second with a line that shows the level; default: standard error.

    Raises:
        DataError: if there is no sound, or less than half a second.
    """
    if not 0 < seconds <= 3600:
        raise DataError(f"seconds must be above 0 and at most 3600, got {seconds:g}")
    chosen = parse_channel(str(channel))
    connect = connector(
        source,
        rate_hz=rate_hz or _model_rate(model),
        channels=channels,
        channel=chosen if isinstance(chosen, int) else "mean",
        wait_s=wait_s,
    )
    with connect() as opened:
        meter, notes = _measured(opened, seconds, tell)
        measured_s = opened.received / opened.rate_hz
        if measured_s < _LEAST_S:
            raise DataError(
                f"{opened.name}: ended after {measured_s:.2f} s; at least {_LEAST_S:g} s are needed"
            )
        levels = meter.levels()
        return MicrophoneCheck(
            name=opened.name,
            rate_hz=opened.rate_hz,
            seconds=measured_s,
            channels=levels,
            overruns=opened.losses,
            notes=tuple(notes),
            advice=advise(
                levels,
                rate_hz=opened.rate_hz,
                overruns=opened.losses,
                cancels=meter.cancels,
                channel=chosen if isinstance(chosen, int) else None,
            ),
        )


def _measured(
    source: SoundSource, seconds: float, tell: Callable[[str], None]
) -> tuple[LevelMeter, list[str]]:
    """Measure the sound of a source; return the source's notes, too."""
    meter: LevelMeter | None = None
    shown_s = 0.0
    notes: list[str] = []
    while source.received < seconds * source.rate_hz and source.read() is not None:
        meter = meter or LevelMeter(source.frames.shape[1], source.rate_hz)
        meter.push(source.frames)
        while source.notes:
            notes.append(source.notes.pop(0))
        if source.received >= (shown_s + _SHOW_S) * source.rate_hz:
            shown_s = source.received / source.rate_hz
            tell(_bar(shown_s, meter.now_dbfs()))
    assert meter is not None  # noqa: S101 - a source without sound is an error
    return meter, notes


def _bar(at_s: float, dbfs: float) -> str:
    filled = round(min(max((dbfs + 60) / 60, 0.0), 1.0) * _BAR)
    return f"{at_s:5.1f} s {dbfs:6.1f} dB  {'#' * filled}{'.' * (_BAR - filled)}"


def _model_rate(model: str | Path | None) -> int:
    if model is None:
        return 16_000
    silence_litert()
    return KeywordSpotter.load(find_model(model)).io.frontend.rate_hz
