"""``latency``: measure any model file by a published protocol, or by motefit's own."""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from motefit.api.progress_display import Progress, open_progress
from motefit.measure.latency.paired import (
    BenchmarkCase,
    Latency,
    Pipeline,
    Resolver,
    measure_latency,
)
from motefit.measure.latency.protocols import (
    PAUSE_S,
    Counted,
    Latency2020,
    Latency2024,
    ScriptedPipeline,
    measure_2020,
    measure_2024,
    scripted_inputs,
)
from motefit.measure.machine import Machine, this_machine
from motefit.measure.workers.pinned import call_pinned
from motefit.runtime.bundle import Bundle, open_model
from motefit.runtime.interpreter import Interpreter, OtherEdgesError
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.tensor_interpreter import FrameInterpreter
from motefit.runtime.zoo import find_model
from motefit.spec.card import Card
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.tables import Item, Printable
from motefit.spec.tasks.speech_spec import NAME
from motefit.tflite.content import has_states
from motefit.tflite.model import ModelFile

ProtocolName = Literal["motefit", "2020", "2024"]
RATE_HZ, LENGTH, STRIDE, BINS, LOWER_HZ, UPPER_HZ, COEFF = 16_000, 640, 320, 40, 20, 4000, 10
RESIZE = 32
SEED = 0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FrontEndFlags:
    """Options of the published inference scripts; None: not given.

    Attributes:
        rate: sampling rate of the front end in Hz; 16000 without a card.
        mfcc: cepstral coefficients instead of a resized spectrogram.
        resize: side of the image the spectrogram is resized to; 32 without ``mfcc``, 0 for mel
            features.
        length: samples in a frame; 640.
        stride: samples between two frames; 320.
        bins: mel bands; 40.
        lower_frequency: lower limit of the mel bands in Hz; 20.
        upper_frequency: upper limit of the mel bands in Hz; 4000.
        coeff: number of first coefficients kept; 10. 0 keeps the log-mel bands.
    """

    rate: int | None = None
    mfcc: bool = False
    resize: int | None = None
    length: int | None = None
    stride: int | None = None
    bins: int | None = None
    lower_frequency: int | None = None
    upper_frequency: int | None = None
    coeff: int | None = None

    @property
    def of_mel(self) -> dict[str, int]:
        """Options given that only apply to mel features, by name."""
        given = {
            "bins": self.bins,
            "lower_frequency": self.lower_frequency,
            "upper_frequency": self.upper_frequency,
            "coeff": self.coeff,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True, repr=False)
class LatencyResult(Printable):
    """Result of measuring a model by one protocol.

    Attributes:
        protocol: name of the protocol.
        result: figures of the protocol.
        frontend: front end that was timed.
        resize: side of the image a spectrogram was resized to; 0: not resized.
        from_card: whether the front end is the card's.
        threads: number of threads of LiteRT.
        resolver: ``"xnnpack"`` or ``"builtin"``; empty without a model.
        machine: state of the machine at the start of the measurement.
        steps: runs of the model per clip; more than one if it keeps states.
    """

    protocol: ProtocolName
    result: Latency | Latency2020 | Latency2024
    frontend: FrontEnd
    resize: int
    from_card: bool
    threads: int
    resolver: Resolver | Literal[""]
    machine: Machine
    steps: int = 1

    def content(self) -> list[Item]:
        """List the setting and the protocol's own lines."""
        return [self.setting, *self.lines]

    @property
    def setting(self) -> str:
        """Protocol, kernels, threads and machine, in one line."""
        kernels = {"": "no model", "xnnpack": "XNNPACK", "builtin": "builtin kernels"}
        plural = "s" if self.threads > 1 else ""
        machine = self.machine
        steps = f", {self.steps} steps per clip" if self.steps > 1 else ""
        return (
            f"protocol {self.protocol}, {kernels[self.resolver]}, {self.threads} thread{plural}"
            f"{steps}; "
            f"{machine.processor}, {machine.cores} cores, {machine.state}"
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines for people; those of ``2020`` and ``2024`` are the published scripts' own."""
        if not isinstance(self.result, Latency):
            return self.result.lines
        found = self.result
        stages = (
            ("Preprocessing", found.frontend_ms, found.frontend_p25_ms),
            ("Model", found.inference_ms, found.inference_p25_ms),
            ("Total", found.total_ms, found.total_p25_ms),
        )
        ratio = f"{found.total_over_reference:.3f} x reference p25 {found.reference_p25_ms:.3f}ms"
        return (
            *(f"{name} Latency: {half:.3f}ms, p25 {low:.3f}ms" for name, half, low in stages),
            f"Total Latency p25: {ratio}",
        )


def latency(  # noqa: PLR0913 - the options of a command
    model: str | Path | None,
    *,
    flags: FrontEndFlags = FrontEndFlags(),
    protocol: ProtocolName = "motefit",
    pause_s: float | None = None,
    threads: int = 1,
    xnnpack: bool = True,
    progress: Progress = "auto",
) -> LatencyResult:
    """Measure a model file by a protocol, in the pinned worker.

    >>> import motefit
    >>> motefit.latency("yes-no", protocol="2024", pause_s=0).result.total_ms > 0
    True

    Args:
        model: bundle, .tflite file, zip of one, or name of a shipped
            model; None times the front end alone, as the script of 2020 does.
        flags: the front end of a file without a card; must not contradict a card.
        protocol: name of the protocol.
        pause_s: pause after each loop of a published protocol; None: 0.1.
        threads: number of threads of LiteRT.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.
        progress: how the loops of a published protocol are counted, see :func:`motefit.fit`.

    Raises:
        RecipeError: if flags contradict the card, each other or the protocol.
        ModelFileError: if the model cannot be used, or does not take the output of the front end.
    """
    if protocol == "motefit" and pause_s is not None:
        raise RecipeError(
            "the motefit protocol does not pause; choose protocol 2020 or 2024 (--protocol)"
        )
    path = None if model is None else find_model(model)
    with open_progress(progress) as listener:
        return call_pinned(
            latency_here,
            path,
            flags,
            protocol=protocol,
            pause_s=_or(pause_s, PAUSE_S),
            threads=threads,
            xnnpack=xnnpack,
            progress=partial(listener.counted, "loops"),
        )


def latency_here(  # noqa: PLR0913 - as latency
    model: Path | None,
    flags: FrontEndFlags,
    *,
    protocol: ProtocolName,
    pause_s: float,
    threads: int,
    xnnpack: bool,
    progress: Counted | None = None,
) -> LatencyResult:
    """Measure in this process; :func:`latency` runs this in the worker."""
    machine = this_machine()
    resize = 0
    pipeline: Pipeline | None = None
    found = None if model is None else open_model(model)
    if isinstance(found, Bundle):
        frontend = _of_card(found.card, flags, str(model))
        pipeline = KeywordSpotter(found.model, found.card.io, threads=threads, xnnpack=xnnpack)
    else:
        frontend, resize = _of_flags(flags, protocol)
        if found is not None:
            interpreter = _foreign(found, frontend, resize, threads=threads, xnnpack=xnnpack)
            pipeline = ScriptedPipeline(frontend, interpreter, resize=resize)
    return LatencyResult(
        protocol=protocol,
        result=_measure(
            pipeline, frontend, resize, protocol=protocol, pause_s=pause_s, progress=progress
        ),
        frontend=frontend,
        resize=resize,
        from_card=isinstance(found, Bundle),
        threads=threads,
        resolver="" if pipeline is None else "xnnpack" if xnnpack else "builtin",
        machine=machine,
        steps=_steps(pipeline),
    )


def _foreign(
    model: ModelFile, frontend: FrontEnd, resize: int, *, threads: int, xnnpack: bool
) -> Interpreter:
    """Load a model without a card; one that keeps states takes a clip frame by frame."""
    try:
        interpreter = Interpreter(model.data, threads=threads, xnnpack=xnnpack)
    except OtherEdgesError as error:
        raise OtherEdgesError(f"{error}; time the model alone: motefit bench") from None
    shape = frontend.shape
    smaller = math.prod(interpreter.input_shape) < math.prod(shape)
    if resize or not smaller or not has_states(model.data, model.tables):
        return interpreter
    return FrameInterpreter(model.data, shape=shape, threads=threads, xnnpack=xnnpack)


def _steps(pipeline: Pipeline | None) -> int:
    interpreter = None if pipeline is None else pipeline.interpreter
    return interpreter.steps if isinstance(interpreter, FrameInterpreter) else 1


def _measure(
    pipeline: Pipeline | None,
    frontend: FrontEnd,
    resize: int,
    *,
    protocol: ProtocolName,
    pause_s: float,
    progress: Counted | None,
) -> Latency | Latency2020 | Latency2024:
    rng = np.random.default_rng(SEED)
    if protocol == "2020":
        inputs = scripted_inputs(frontend, resize=resize) if pipeline is None else pipeline.inputs
        interpreter = None if pipeline is None else pipeline.interpreter
        return measure_2020(
            inputs, interpreter, frontend, rng=rng, pause_s=pause_s, progress=progress
        )
    if pipeline is None:
        raise RecipeError(
            f"the protocol {protocol} needs a model; protocol 2020 (--protocol 2020) "
            "times a front end alone"
        )
    if protocol == "2024":
        return measure_2024(
            pipeline.inputs,
            pipeline.interpreter,
            frontend,
            rng=rng,
            pause_s=pause_s,
            progress=progress,
        )
    noise = rng.normal(0.0, 1000.0, (1, frontend.clip_samples)).astype(np.int16)
    return measure_latency({"model": BenchmarkCase(pipeline=pipeline, example=noise)})["model"]


def _of_card(card: Card, flags: FrontEndFlags, model: str) -> FrontEnd:
    """Return the card's front end, unless a flag contradicts it."""
    if card.task != NAME:
        raise RecipeError(
            f"{model} is a model for {card.task}, which has no audio front end; "
            f"measure it with: motefit bench {model}"
        )
    frontend: FrontEnd = card.io.frontend
    is_mfcc = frontend.kind == "mel" and frontend.coefficients > 0
    pairs: tuple[tuple[str, object, object], ...] = (
        ("rate", flags.rate, frontend.rate_hz),
        ("mfcc", flags.mfcc or None, is_mfcc),
        ("resize", flags.resize, 0),
        ("length", flags.length, frontend.frame_length),
        ("stride", flags.stride, frontend.frame_step),
        ("bins", flags.bins, frontend.mel_bins),
        ("lower_frequency", flags.lower_frequency, frontend.lower_hz),
        ("upper_frequency", flags.upper_frequency, frontend.upper_hz),
        ("coeff", flags.coeff, frontend.coefficients),
    )
    wrong = [
        f"{_named(name)} is {given}, but {stated:g} in the card"
        if isinstance(stated, float)
        else f"{_named(name)} is {given}, but {stated} in the card"
        for name, given, stated in pairs
        if given is not None and given != stated
    ]
    if wrong:
        raise RecipeError(
            f"{model}: the options contradict its card: {'; '.join(wrong)}; leave them out to use "
            "the card's values, or give the .tflite file alone"
        )
    return frontend


def _of_flags(flags: FrontEndFlags, protocol: ProtocolName) -> tuple[FrontEnd, int]:
    """Build the front end of the flags, with the scripts' defaults, and the side of the image."""
    _require_consistent(flags, protocol)
    rate_hz = _or(flags.rate, RATE_HZ)
    length, stride = _or(flags.length, LENGTH), _or(flags.stride, STRIDE)
    resize = 0 if protocol == "2024" or flags.mfcc else _or(flags.resize, RESIZE)
    if resize:
        frontend = FrontEnd(
            kind="spectrogram",
            rate_hz=rate_hz,
            frame_length=length,
            frame_step=stride,
            mel_bins=0,
            lower_hz=0.0,
            upper_hz=rate_hz / 2,
            coefficients=0,
        )
        return frontend, resize
    frontend = FrontEnd(
        rate_hz=rate_hz,
        frame_length=length,
        frame_step=stride,
        mel_bins=_or(flags.bins, BINS),
        lower_hz=float(_or(flags.lower_frequency, LOWER_HZ)),
        upper_hz=float(_or(flags.upper_frequency, UPPER_HZ)),
        coefficients=_or(flags.coeff, COEFF),
    )
    return frontend, 0


def _require_consistent(flags: FrontEndFlags, protocol: ProtocolName) -> None:
    if flags.resize is not None and flags.resize < 0:
        raise RecipeError(f"{_named('resize')} must be 0 (off) or more, got {flags.resize}")
    if flags.mfcc and flags.coeff == 0:
        raise RecipeError(
            "mfcc (--mfcc) contradicts coeff 0 (--coeff 0), which keeps the log-mel bands"
        )
    if flags.resize and (flags.mfcc or protocol == "2024"):
        other = "mfcc (--mfcc)" if flags.mfcc else "protocol 2024 (--protocol 2024)"
        raise RecipeError(
            f"{_named('resize')} has no meaning with {other}: only spectrograms are resized"
        )
    resized = protocol != "2024" and not flags.mfcc and flags.resize != 0
    if resized and flags.of_mel:
        raise RecipeError(
            f"{', '.join(map(_named, flags.of_mel))} would have no effect: without mfcc the input "
            "is the resized spectrogram; set mfcc (--mfcc), or resize 0 (--resize 0) for mel "
            "features without it"
        )


def _named(flag: str) -> str:
    """Return a flag's names in Python and on the command line."""
    return f"{flag} (--{flag.replace('_', '-')})"


def _or(given: T | None, default: T) -> T:
    return default if given is None else given
