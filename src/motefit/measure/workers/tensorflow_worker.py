"""Published pipelines in TensorFlow: a script for the Python of another environment.

It needs TensorFlow and SciPy, but nothing of motefit; packages are imported by name when they are
needed, so that a missing one can be reported. The scope of each time is that of the scripts of 2020
and 2024, with TensorFlow's operations called one by one; the mel matrix is computed once, before
the loops, as in both scripts. Differences: the input of an integer model, which the scripts cannot
feed, is quantized where they set the input; TensorFlow and LiteRT have one thread each.
"""

import importlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

MICROPHONE_HZ = 48_000
INT16_MAX = 32_767
PROBE_SCALE = 0.1
"""Seed of the noise whose features are compared with the client's."""


class Timed(Protocol):
    """A pipeline: the features of a clip, and a loop of each protocol by its name."""

    @property
    def turns(self) -> Mapping[str, Callable[[], Sequence[int]]]:
        """Functions that return the nanoseconds of a loop's stages."""

    def features(self, clip: Any) -> Any:  # noqa: ANN401  (a numpy array; here is no numpy)
        """Compute (frames, features) of (samples,) float32 noise."""


def serve(
    ready: Mapping[str, str],
    make: Callable[[Mapping[str, Any]], Timed],
    call: Callable[[str, Callable[[int, int], None]], str] | None = None,
) -> None:
    """Answer requests on standard input, one JSON object per line, until it ends.

    ``{"add": name, ...}`` makes a pipeline and answers ``{"features": [...]}`` of the noise of
    :func:`probe`; ``{"turn": name, "protocol": "2020"}`` answers ``{"ns": [...]}``;
    ``{"call": text}`` answers ``{"value": text}``, with any number of ``{"done": 1, "total": 9}``
    before it. Failures answer ``{"error": "..."}``. Standard output is only for answers: other
    output goes to standard error.

    Args:
        ready: the first line: ``versions``, or the ``missing`` packages.
        make: makes a pipeline from its request.
        call: answers a call, given what sends its progress; None for a worker without calls.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(answer: Mapping[str, object]) -> None:
            print(json.dumps(answer), file=answers, flush=True)

        def report(done: int, total: int) -> None:
            say({"done": done, "total": total})

        say(ready)
        pipelines: dict[str, Timed] = {}
        for line in sys.stdin:
            asked = json.loads(line)
            answer: Mapping[str, object]
            try:
                if call is not None and "call" in asked:
                    answer = {
                        "value": call(asked["call"], lambda d, t: say({"done": d, "total": t}))
                    }
                else:
                    answer = _answer(asked, pipelines, make)
            except Exception as error:  # noqa: BLE001 - told to the other side, which stops
                answer = {"error": f"{type(error).__name__}: {error}"}
            say(answer)


def _answer(
    asked: Mapping[str, Any],
    pipelines: dict[str, Timed],
    make: Callable[[Mapping[str, Any]], Timed],
) -> dict[str, list[Any]]:
    if "turn" in asked:
        return {"ns": list(pipelines[asked["turn"]].turns[asked["protocol"]]())}
    pipeline = pipelines[asked["add"]] = make(asked)
    return {"features": pipeline.features(probe(asked["samples"])).ravel().tolist()}


def probe(samples: int) -> Any:  # noqa: ANN401  (as above)
    """Make the noise used on both sides: (samples,) float32."""
    np = importlib.import_module("numpy")
    noise = PROBE_SCALE * np.random.default_rng(0).standard_normal(samples)
    return noise.astype(np.float32)


class Published:
    """One published pipeline.

    Args:
        asked: ``model``, the path of a .tflite file, and the numbers of ``frontend``.
    """

    def __init__(self, asked: Mapping[str, Any]) -> None:
        names = ("numpy", "tensorflow", "scipy.signal")
        self._np, self._tf, self._signal = map(importlib.import_module, names)
        np, tf = self._np, self._tf
        self._frontend = frontend = asked["frontend"]
        self._samples: int = asked["samples"]
        self._mel = tf.signal.linear_to_mel_weight_matrix(
            num_mel_bins=frontend["mel_bins"],
            num_spectrogram_bins=frontend["frame_length"] // 2 + 1,
            sample_rate=frontend["rate_hz"],
            lower_edge_hertz=frontend["lower_hz"],
            upper_edge_hertz=frontend["upper_hz"],
        )
        self._interpreter = tf.lite.Interpreter(model_path=asked["model"], num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._rng = np.random.default_rng(0)
        self._noise = tf.random.normal((self._samples,), seed=0)
        self.turns = {"2020": self._turn_2020, "2024": self._turn_2024}

    def features(self, clip: Any) -> Any:  # noqa: ANN401  (TensorFlow has no types)
        """Compute (frames, features) of (samples,) float32."""
        return self._features(self._tf.constant(clip)).numpy()

    def _features(self, audio: Any) -> Any:  # noqa: ANN401  (as above)
        tf, frontend = self._tf, self._frontend
        length = frontend["frame_length"]
        spectra = tf.abs(tf.signal.stft(audio, length, frontend["frame_step"], fft_length=length))
        log_mel = tf.math.log(tf.matmul(spectra, self._mel) + 1.0e-6)
        if not frontend["coefficients"]:
            return log_mel
        mfccs = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)
        return mfccs[..., : frontend["coefficients"]]

    def _put(self, features: Any) -> None:  # noqa: ANN401  (as above)
        """Set the input, quantized if the model takes integers."""
        np, kind = self._np, self._input["dtype"]
        if kind is not np.float32:
            scale, zero = self._input["quantization"]
            limits = np.iinfo(kind)
            steps = np.round(features.numpy() / scale) + zero
            features = np.clip(steps, limits.min, limits.max).astype(kind)
        self._interpreter.set_tensor(self._input["index"], features)

    def _turn_2020(self) -> tuple[int, int]:
        """Time the model, and everything, in nanoseconds."""
        np, tf = self._np, self._tf
        rate_hz = self._frontend["rate_hz"]
        common = math.gcd(rate_hz, MICROPHONE_HZ)
        length = round(MICROPHONE_HZ * self._samples / rate_hz)
        noise = self._rng.random(length).astype(np.float32)
        start = time.perf_counter_ns()
        audio = self._signal.resample_poly(noise, rate_hz // common, MICROPHONE_HZ // common)
        features = self._features(tf.convert_to_tensor(audio, dtype=tf.float32))
        self._put(tf.reshape(features, self._input["shape"]))
        middle = time.perf_counter_ns()
        self._interpreter.invoke()
        self._interpreter.get_tensor(self._output)
        end = time.perf_counter_ns()
        return end - middle, end - start

    def _turn_2024(self) -> tuple[int, int, int]:
        """Time front end, model and both, in nanoseconds."""
        tf = self._tf
        start = time.perf_counter_ns()
        features = self._features(tf.cast(self._noise, tf.float32) / INT16_MAX)
        features = tf.reshape(features, self._input["shape"])
        middle = time.perf_counter_ns()
        self._put(features)
        self._interpreter.invoke()
        end = time.perf_counter_ns()
        return middle - start, end - middle, end - start


def main() -> None:
    """Answer requests, or report the packages that this environment lacks."""
    try:
        scipy, tf = map(importlib.import_module, ("scipy", "tensorflow"))
    except ImportError as error:
        serve({"missing": str(error)}, Published)
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    python = platform.python_version()
    versions = f"TensorFlow {tf.__version__}, SciPy {scipy.__version__}, Python {python}"
    serve({"versions": versions}, Published)


if __name__ == "__main__":
    main()
