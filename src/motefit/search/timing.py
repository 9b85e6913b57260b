"""Latencies known before training: of a front end, and of a file whatever its weights are.

Kernels take as long for random weights as for trained ones, so an untrained file is timed. All
times are 25th percentiles of a few repetitions, which a busy machine changes little.
"""

import time
from collections.abc import Callable

import numpy as np

from motefit.measure.latency.device_profile import LatencyScale
from motefit.runtime.interpreter import Interpreter
from motefit.signal.features import features_of
from motefit.spec.frontend import FrontEnd

INVOCATIONS = 20
TURNS, TRIES = 60, 3
"""Tries of values measured once, of which the least 25th percentile counts."""
HERE = LatencyScale(frontend=1.0, inference=1.0)
"""This machine's own times."""


class Timing:
    """Measures on this machine and caches times that do not depend on the network.

    Args:
        scale: factors from this machine's times to those of the target device.
        xnnpack: LiteRT's default delegate; False times the builtin kernels.
        clock: monotonic, in nanoseconds.
    """

    def __init__(
        self,
        *,
        scale: LatencyScale = HERE,
        xnnpack: bool = True,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.scale = scale
        self._xnnpack = xnnpack
        self._clock = clock
        self._frontends: dict[FrontEnd, float] = {}
        self._rounding: dict[tuple[tuple[int, ...], np.dtype], float] = {}

    def frontend_ms(self, frontend: FrontEnd) -> float:
        """Time the features of one clip; measured on the first call for a front end."""
        if frontend not in self._frontends:
            features = features_of(frontend)
            clips = _drawn((1, frontend.clip_samples))
            self._frontends[frontend] = self._once_ms(lambda: features.batch(clips))
        return self._frontends[frontend] * self.scale.frontend

    def inference_ms(self, model: bytes) -> float:
        """Time one example through a file: 20 invocations, and the quantization of its input.

        The latter depends only on the input's shape and is measured once per shape.

        Args:
            model: bytes of the .tflite file.

        Raises:
            ModelFileError: if LiteRT cannot load or run it.
        """
        interpreter = Interpreter(model, xnnpack=self._xnnpack)
        example = np.zeros(interpreter.input_shape, interpreter.input_dtype)
        inference = self._p25_ms(lambda: interpreter.run_raw(example), INVOCATIONS)
        return (inference + self._rounding_ms(interpreter)) * self.scale.inference

    def _rounding_ms(self, interpreter: Interpreter) -> float:
        """Time the check and the quantization of the input: :meth:`Interpreter.run` does both."""
        key = interpreter.input_shape, interpreter.input_dtype
        if key not in self._rounding:
            batch = _drawn((1, *interpreter.input_shape))

            def prepare() -> None:
                np.isfinite(batch).all()
                interpreter.to_input(batch)

            self._rounding[key] = self._once_ms(prepare)
        return self._rounding[key]

    def _once_ms(self, work: Callable[[], object]) -> float:
        return min(self._p25_ms(work, TURNS) for _ in range(TRIES))

    def _p25_ms(self, work: Callable[[], object], turns: int) -> float:
        clock, times = self._clock, []
        for _ in range(turns):
            start = clock()
            work()
            times.append(clock() - start)
        return sorted(times)[turns // 4] / 1e6


def _drawn(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)
