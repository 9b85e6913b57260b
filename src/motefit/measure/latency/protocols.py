"""Measuring protocols of the published inference scripts, step by step, without TensorFlow.

``2020`` and ``2024`` name the years of the scripts. The scope of each time, the averages and the
printed lines are those of the scripts; the arithmetic is motefit's. The input of an integer model,
which the scripts cannot feed, is quantized where they set the input.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motefit.runtime.interpreter import Interpreter
from motefit.signal.features import features_of
from motefit.signal.resample import resample
from motefit.spec.errors import DataError, ModelFileError
from motefit.spec.frontend import FrontEnd

Float32Array = NDArray[np.float32]
Inputs = Callable[[np.ndarray], np.ndarray]
"""A front end: (1, samples) float32 at its rate -> the model's input, in real numbers."""
Iteration = Callable[[], Sequence[int]]
"""One loop of a pipeline: the nanoseconds of its stages."""
Clock = Callable[[], int]
"""Nanoseconds, rising."""
Counted = Callable[[int, int], None]
"""Receives progress: how many are done, of how many."""

MICROPHONE_HZ = 48_000
LOOPS_2020 = 100
LOOPS_2024, DROPPED_2024 = 200, 100
PAUSE_S = 0.1
REPORT_S = 0.25
"""Least time between two reports of progress."""
INT16_MAX = np.float32(np.iinfo(np.int16).max)


@dataclass(frozen=True, kw_only=True)
class Latency2020:
    """Result of the ``2020`` protocol: means over 100 loops.

    Attributes:
        inference_ms: model invoked and its output read; setting its input is excluded.
        total_ms: resampling from 48 kHz, front end, input set, model.
        loops: that count.
        pause_s: after each.
    """

    inference_ms: float
    total_ms: float
    loops: int
    pause_s: float

    @classmethod
    def of(cls, times_ns: np.ndarray, *, pause_s: float) -> "Latency2020":
        """Summarize iterations of :func:`iteration_2020`.

        Args:
            times_ns: (loops, 2): model, everything.
            pause_s: after each loop.
        """
        inference_ms, total_ms = np.mean(times_ns / 1e6, axis=0)
        return cls(
            inference_ms=float(inference_ms),
            total_ms=float(total_ms),
            loops=len(times_ns),
            pause_s=pause_s,
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines as the published script prints them."""
        return (
            f"Inference Latency {self.inference_ms:.2f}ms",
            f"Total Latency {self.total_ms:.2f}ms",
        )


@dataclass(frozen=True, kw_only=True)
class Latency2024:
    """Result of the ``2024`` protocol: medians and deviations over the last 100 of 200 loops.

    Attributes:
        frontend_ms: median of scaling and front end.
        frontend_std_ms: its standard deviation.
        inference_ms: median of the model: input set and invoked; reading its output is excluded.
        inference_std_ms: its standard deviation.
        total_ms: median of both.
        total_std_ms: its standard deviation.
        loops: that count.
        pause_s: after each.
    """

    frontend_ms: float
    frontend_std_ms: float
    inference_ms: float
    inference_std_ms: float
    total_ms: float
    total_std_ms: float
    loops: int
    pause_s: float

    @classmethod
    def of(cls, times_ns: np.ndarray, *, pause_s: float) -> "Latency2024":
        """Summarize iterations of :func:`iteration_2024` without the first 100.

        Args:
            times_ns: (loops, 3): front end, model, both.
            pause_s: after each loop.
        """
        counted = times_ns[DROPPED_2024:] / 1e6
        medians, deviations = np.median(counted, axis=0), counted.std(axis=0)
        return cls(
            frontend_ms=float(medians[0]),
            frontend_std_ms=float(deviations[0]),
            inference_ms=float(medians[1]),
            inference_std_ms=float(deviations[1]),
            total_ms=float(medians[2]),
            total_std_ms=float(deviations[2]),
            loops=len(counted),
            pause_s=pause_s,
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines as the published script prints them."""
        return (
            f"Preprocessing Latency: {self.frontend_ms:.1f} +/- {self.frontend_std_ms:.1f}ms",
            f"Model Latency: {self.inference_ms:.1f} +/- {self.inference_std_ms:.1f}ms",
            f"Total Latency: {self.total_ms:.1f} +/- {self.total_std_ms:.1f}ms",
        )


def measure_2020(  # noqa: PLR0913 - what the protocol leaves open
    inputs: Inputs,
    interpreter: Interpreter | None,
    frontend: FrontEnd,
    *,
    rng: np.random.Generator,
    pause_s: float = PAUSE_S,
    clock: Clock = time.perf_counter_ns,
    progress: Counted | None = None,
) -> Latency2020:
    """Time 100 loops, each on new uniform 48 kHz noise, including its resampling.

    Args:
        inputs: the front end.
        interpreter: the model; None times the front end alone.
        frontend: its rate is that of the resampled noise, and its clip length that of the noise; 1
            s in the script, which divides 48000 by an integer, while any rate is exact here.
        rng: draws the noise.
        pause_s: after each loop.
        clock: monotonic, in nanoseconds.
        progress: as in :func:`interleave`.

    Raises:
        DataError: if the front end's output does not fit the model, or for a negative pause.
    """
    turn = iteration_2020(inputs, interpreter, frontend, rng=rng, clock=clock)
    times_ns = _loops(turn, LOOPS_2020, pause_s, progress)
    return Latency2020.of(times_ns, pause_s=pause_s)


def measure_2024(  # noqa: PLR0913 - as measure_2020
    inputs: Inputs,
    interpreter: Interpreter,
    frontend: FrontEnd,
    *,
    rng: np.random.Generator,
    pause_s: float = PAUSE_S,
    clock: Clock = time.perf_counter_ns,
    progress: Counted | None = None,
) -> Latency2024:
    """Time 200 loops on the same normal noise, of which the first 100 do not count.

    Args:
        inputs: the front end.
        interpreter: the model.
        frontend: whose clip is filled with noise; 16000 samples in the script.
        rng: draws the noise.
        pause_s: after each loop.
        clock: monotonic, in nanoseconds.
        progress: as in :func:`interleave`.

    Raises:
        DataError: as :func:`measure_2020`.
    """
    turn = iteration_2024(inputs, interpreter, frontend, rng=rng, clock=clock)
    times_ns = _loops(turn, LOOPS_2024, pause_s, progress)
    return Latency2024.of(times_ns, pause_s=pause_s)


def iteration_2020(
    inputs: Inputs,
    interpreter: Interpreter | None,
    frontend: FrontEnd,
    *,
    rng: np.random.Generator,
    clock: Clock = time.perf_counter_ns,
) -> Iteration:
    """Time one loop of :func:`measure_2020`: nanoseconds of the model, and of everything."""
    samples, rate_hz = round(MICROPHONE_HZ * frontend.seconds), frontend.rate_hz

    def turn() -> tuple[int, int]:
        noise = rng.random(samples).astype(np.float32)
        start = clock()
        values = inputs(resample(noise, MICROPHONE_HZ, rate_hz)[np.newaxis])
        if interpreter is not None:
            _put(interpreter, values)
        middle = clock()
        if interpreter is not None:
            interpreter.invoke()
            interpreter.take()
        end = clock()
        return end - middle if interpreter is not None else 0, end - start

    return turn


def iteration_2024(
    inputs: Inputs,
    interpreter: Interpreter,
    frontend: FrontEnd,
    *,
    rng: np.random.Generator,
    clock: Clock = time.perf_counter_ns,
) -> Iteration:
    """Time one loop of :func:`measure_2024`: nanoseconds of front end, model and both."""
    noise = rng.standard_normal((1, frontend.clip_samples)).astype(np.float32)

    def turn() -> tuple[int, int, int]:
        start = clock()
        values = inputs(noise / INT16_MAX)
        middle = clock()
        _put(interpreter, values)
        interpreter.invoke()
        end = clock()
        return middle - start, end - middle, end - start

    return turn


def _loops(turn: Iteration, loops: int, pause_s: float, progress: Counted | None) -> np.ndarray:
    """Time one pipeline alone; (loops, stages) nanoseconds."""
    return interleave({"model": turn}, loops=loops, pause_s=pause_s, progress=progress)["model"]


def interleave(
    turns: Mapping[str, Iteration],
    *,
    loops: int,
    pause_s: float,
    progress: Counted | None = None,
) -> dict[str, np.ndarray]:
    """Time pipelines against each other: each runs once per loop, with a pause after it.

    So whatever slows the machine slows all of them, and each iteration follows a pause as in the
    scripts. Each loop starts one pipeline later than the previous one.

    Args:
        turns: one iteration of each pipeline, e.g. from :func:`iteration_2020`.
        loops: of each.
        pause_s: after each iteration.
        progress: called with finished loops and all loops, at the start of a pause and at most
            every :data:`REPORT_S`.

    Returns:
        (loops, stages) float64 by name: nanoseconds.

    Raises:
        DataError: for a negative pause.
    """
    if not 0 <= pause_s < float("inf"):
        raise DataError(f"the pause must be 0 s or more, got {pause_s}")
    times_ns: dict[str, list[Sequence[int]]] = {name: [] for name in turns}
    names = list(turns)
    reported = time.monotonic()
    for loop in range(loops):
        first = loop % len(names)
        for name in (*names[first:], *names[:first]):
            times_ns[name].append(turns[name]())
            if progress is not None and time.monotonic() - reported >= REPORT_S:
                reported = time.monotonic()
                progress(loop + 1, loops)
            time.sleep(pause_s)
    return {name: np.asarray(times, float) for name, times in times_ns.items()}


def _put(interpreter: Interpreter, values: np.ndarray) -> None:
    interpreter.put(interpreter.to_input(np.asarray(values, np.float32)))


class ScriptedPipeline:
    """Front end and model, joined as in the published scripts: no normalization.

    It is a ``measure.latency.paired.Pipeline``.

    Args:
        frontend: of kind ``"mel"``, or a ``"spectrogram"`` that is resized.
        interpreter: the model.
        resize: side of the square image that a spectrogram is resized to; 0 leaves it unchanged.

    Raises:
        ModelFileError: if the sizes of the front end's output and the model's input differ.
    """

    def __init__(self, frontend: FrontEnd, interpreter: Interpreter, *, resize: int = 0) -> None:
        self.interpreter = interpreter
        self.inputs = scripted_inputs(frontend, resize=resize)
        given = self.inputs(np.zeros((1, frontend.clip_samples), np.float32)).shape[1:]
        if np.prod(given) != np.prod(interpreter.input_shape):
            raise ModelFileError(
                f"the model takes {interpreter.input_shape}, but this front end makes {given}: "
                "give the options it was trained with (--mfcc, --resize, --length, --stride, "
                "--bins, --coeff, --rate)"
            )

    def infer(self, inputs: np.ndarray) -> np.ndarray:
        """Compute outputs (n, ...) float32 of the model."""
        return self.interpreter.run(inputs)


def scripted_inputs(frontend: FrontEnd, *, resize: int = 0) -> Inputs:
    """Make a front end as in the published scripts: features, resized if requested.

    Args:
        frontend: the settings.
        resize: side of the square image; 0 leaves the features unchanged.
    """
    features = features_of(frontend)
    if not resize:
        return features.batch
    shrink = Bilinear(frontend.shape, (resize, resize))
    return lambda pcm: shrink(features.batch(pcm))


class Bilinear:
    """Image resizing as by ``tf.image.resize`` (version 2).

    Bilinear between the centers of pixels (``half_pixel_centers``), no smoothing when an image
    gets smaller (``antialias=False``); arithmetic in float32 in TensorFlow's order, columns first.

    Args:
        old: height and width.
        new: height and width.
    """

    def __init__(self, old: tuple[int, int], new: tuple[int, int]) -> None:
        self._rows = _neighbors(old[0], new[0])
        self._columns = _neighbors(old[1], new[1])

    def __call__(self, images: Float32Array) -> Float32Array:
        """Resize.

        Args:
            images: (n, old height, old width) float32.

        Returns:
            (n, new height, new width) float32.
        """
        low, high, part = self._columns
        images = images[:, :, low] + (images[:, :, high] - images[:, :, low]) * part
        low, high, part = self._rows
        return images[:, low] + (images[:, high] - images[:, low]) * part[:, np.newaxis]


def _neighbors(old: int, new: int) -> tuple[np.ndarray, np.ndarray, Float32Array]:
    """Find the two pixels around each new one, and its relative position between them."""
    scale = np.float32(old) / np.float32(new)
    place = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    below = np.floor(place)
    low = np.maximum(below, 0).astype(np.intp)
    high = np.minimum(below + 1, old - 1).astype(np.intp)
    return low, high, place - below
