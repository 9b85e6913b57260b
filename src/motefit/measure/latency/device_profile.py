"""Device profiles: times of fixed workloads, so that another machine can search for the device.

The workloads are one front end and three networks whose bytes are the same on every machine. They
are timed on both machines; the ratio converts the time of a candidate here to its time there.
"""

import functools
import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from motefit.graph.builder import Builder
from motefit.graph.fold import fold
from motefit.graph.graph import Graph
from motefit.graph.quantize.quantize import quantize
from motefit.measure.latency.paired import WARM_UP_ROUNDS, BenchmarkCase, measure_latency
from motefit.measure.machine import Machine, this_machine
from motefit.runtime.bundle import sha256
from motefit.runtime.interpreter import Interpreter
from motefit.signal.features import features_of
from motefit.spec.codec import check_fields, decode, dumps_json
from motefit.spec.errors import RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.frontend import FrontEnd
from motefit.tflite.write.write import write

SCHEMA_VERSION = 1
FRONTEND = FrontEnd(frame_length=640, frame_step=320, mel_bins=40, coefficients=10)
NETWORKS = ("conv-int8", "conv-float32", "dense-float32")
PROFILE_ROUNDS = 1000
"""About a second on a current core, so that a short load does not change the 25th percentile."""
CLASSES = 8
CHANNELS = 32
BLOCKS = 3
ACTIVATION_RANGE = (-4.0, 4.0)
"""Range of every activation: fixed, not calibrated, since sums of floats differ between
machines."""


@dataclass(frozen=True, kw_only=True)
class LatencyScale:
    """Factors by which a device is slower than the measuring machine.

    Attributes:
        frontend: time of the front end there / time here.
        inference: time of the model there / time here.
    """

    frontend: float
    inference: float

    def __post_init__(self) -> None:
        check_fields(self)
        if min(self.frontend, self.inference) <= 0:
            raise RecipeError(
                f"factors of a latency must be positive, got {self.frontend} and {self.inference}"
            )


@dataclass(frozen=True, kw_only=True)
class DeviceProfile:
    """Times of the fixed workloads on one machine, one thread.

    Attributes:
        machine: that was measured.
        resolver: of the networks: ``"xnnpack"`` or ``"builtin"``.
        rounds: timed rounds.
        reference_p25_ms: 25th percentile of the reference workload of ``measure.latency.paired``.
        frontend_p25_ms: 25th percentile of the front end (one second, frames of 640 every 320
            samples, 40 mel bands, 10 coefficients).
        inference_p25_ms: 25th percentile of each network, by name.
        models_sha256: hash of each network's bytes, by name; profiles with different bytes are not
            comparable.
        schema_version: of this file.
    """

    machine: Machine
    resolver: Literal["xnnpack", "builtin"] = "xnnpack"
    rounds: int
    reference_p25_ms: float
    frontend_p25_ms: float
    inference_p25_ms: Mapping[str, float]
    models_sha256: Mapping[str, str]
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_fields(self)
        if self.schema_version != SCHEMA_VERSION:
            raise RecipeError(
                f"schema version {self.schema_version} is not supported; this motefit reads "
                f"version {SCHEMA_VERSION}: measure the device again with motefit bench --profile"
            )
        if set(self.inference_p25_ms) != set(NETWORKS) or set(self.models_sha256) != set(NETWORKS):
            raise RecipeError(f"a profile has times and hashes of: {', '.join(NETWORKS)}")
        times = (self.reference_p25_ms, self.frontend_p25_ms, *self.inference_p25_ms.values())
        if min(times) <= 0:
            raise RecipeError(f"times of a profile must be positive, got {min(times)} ms")

    def scale(self, here: "DeviceProfile") -> LatencyScale:
        """Compute factors that convert times on another machine to times on this device.

        The front end's is the ratio of the front end's times; the model's is the geometric mean of
        the networks' ratios.

        Args:
            here: profile of the measuring machine.

        Raises:
            RecipeError: if the profiles differ in workloads or resolvers.
        """
        if self.models_sha256 != here.models_sha256 or self.resolver != here.resolver:
            raise RecipeError(
                "the profiles differ in workloads or kernels and are not comparable; measure both "
                "machines again with motefit bench --profile of the same version"
            )
        ratios = [self.inference_p25_ms[name] / here.inference_p25_ms[name] for name in NETWORKS]
        return LatencyScale(
            frontend=self.frontend_p25_ms / here.frontend_p25_ms,
            inference=math.exp(sum(map(math.log, ratios)) / len(ratios)),
        )

    def to_json(self) -> str:
        """Serialize the profile to JSON with sorted keys."""
        return dumps_json(self)

    @classmethod
    def from_json(cls, text: str, *, where: str = "the device profile") -> "DeviceProfile":
        """Read a profile.

        Raises:
            RecipeError: for text that is not JSON, an unknown or missing key, or a wrong value.
        """
        try:
            table = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{where}: not valid JSON: {error}") from None
        return decode(cls, table, where=where)

    @classmethod
    def load(cls, path: Path) -> "DeviceProfile":
        """Read a profile from a file.

        Raises:
            RecipeError: as :meth:`from_json`, or if the file cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the device profile {path}: {error}") from None
        return cls.from_json(text, where=str(path))

    def save(self, path: Path) -> None:
        """Write the profile to a file, atomically.

        Raises:
            OutputError: if it cannot be written.
        """
        write_atomic(path, self.to_json(), what="the device profile")


def measure_profile(
    *, rounds: int = PROFILE_ROUNDS, warm_up_rounds: int = WARM_UP_ROUNDS, xnnpack: bool = True
) -> DeviceProfile:
    """Time the fixed workloads on this machine, against each other in one run, with one thread.

    Args:
        rounds: timed rounds, at least 4.
        warm_up_rounds: preceding rounds that do not count.
        xnnpack: LiteRT's default delegate; False runs the builtin kernels.

    Raises:
        DataError: for fewer than 4 rounds.
    """
    models = reference_models()
    subjects = {
        name: BenchmarkCase(pipeline=_Workload(model, xnnpack=xnnpack), example=_second())
        for name, model in models.items()
    }
    timed = measure_latency(subjects, rounds=rounds, warm_up_rounds=warm_up_rounds)
    times = list(timed.values())
    return DeviceProfile(
        machine=this_machine(),
        resolver="xnnpack" if xnnpack else "builtin",
        rounds=rounds,
        reference_p25_ms=times[0].reference_p25_ms,
        frontend_p25_ms=statistics.median(latency.frontend_p25_ms for latency in times),
        inference_p25_ms={name: latency.inference_p25_ms for name, latency in timed.items()},
        models_sha256={name: sha256(model) for name, model in models.items()},
    )


class _Workload:
    """Front end, and a network with the same fixed input each time."""

    def __init__(self, model: bytes, *, xnnpack: bool) -> None:
        self.interpreter = Interpreter(model, xnnpack=xnnpack)
        self._features = features_of(FRONTEND)
        rng = np.random.default_rng(0)
        shape = (1, *self.interpreter.input_shape)
        self._input = rng.standard_normal(shape).astype(np.float32)

    def inputs(self, batch: np.ndarray) -> np.ndarray:
        self._features.batch(batch)
        return self._input

    def infer(self, inputs: np.ndarray) -> np.ndarray:
        return self.interpreter.run(inputs)


def _second() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 1000.0, (1, FRONTEND.clip_samples)).astype(np.int16)


@functools.cache
def reference_models() -> Mapping[str, bytes]:
    """Build the networks by name; the same bytes on every machine.

    Built here operation by operation, not by a model family, so that families can change. Weights
    are seeded integers over a power of two, and all arithmetic on them is correctly rounded.
    """
    convolutions, dense = (_seeded(fold(graph)) for graph in (_convolutions(), _dense()))
    ranges = dict.fromkeys(convolutions.activations(), ACTIVATION_RANGE)
    return {
        "conv-int8": write(quantize(convolutions, ranges)),
        "conv-float32": write(convolutions),
        "dense-float32": write(dense),
    }


def _seeded(graph: Graph) -> Graph:
    """Set weights k / 256, k from -127 to 127, and zero biases."""
    rng = np.random.default_rng(0)
    weights = {name: array for name, array in graph.constants.items() if array.ndim > 1}
    return graph.with_constants(
        {
            name: (rng.integers(-127, 128, array.shape) / 256).astype(np.float32)
            for name, array in weights.items()
        }
    )


def _convolutions() -> Graph:
    """Build a depthwise-separable network like the keyword spotters: 1.2 M multiplications."""
    builder = Builder((*FRONTEND.shape, 1), rng=np.random.default_rng(0))
    builder.conv(CHANNELS, (5, 5), stride=(2, 1), bias=True)
    builder.relu()
    for _ in range(BLOCKS):
        builder.depthwise((3, 3))
        builder.conv(CHANNELS, (1, 1), bias=True)
        builder.relu()
    return builder.classify(CLASSES)


def _dense() -> Graph:
    """Build a network like the forecasters: 6 steps of 2 columns, 16 hidden units, 6 outputs."""
    builder = Builder((6, 2), rng=np.random.default_rng(0))
    builder.dense(16)
    builder.relu()
    builder.dense(6)
    return builder.build()
