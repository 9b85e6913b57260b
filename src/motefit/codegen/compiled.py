"""C source called from Python: built with the system's compiler, loaded through ctypes."""

import ctypes
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from motefit.codegen.project import CSource
from motefit.graph.graph import INPUT, Graph
from motefit.spec.errors import MotefitError

FLAGS = ("-std=c99", "-ffp-contract=off", "-shared", "-fPIC")
COMPILERS = ("cc", "gcc", "clang")
TIMEOUT_S = 300

WORD = np.dtype([("label", "i4"), ("probability", "f4"), ("time_s", "f8"), ("reported_s", "f8")])
"""``mf_word`` in ``codegen/c/motefit_stream.h``."""


class NoCompilerError(MotefitError, RuntimeError):
    """There is no C compiler on this machine, or it failed."""


def find_compiler() -> tuple[str, ...] | None:
    """Return the command of the C compiler: ``$CC``, else the first of the usual ones, or None."""
    wanted = shlex.split(os.environ.get("CC", ""))
    if wanted:
        return tuple(wanted)
    found = (path for name in COMPILERS if (path := shutil.which(name)))
    path = next(found, None)
    return None if path is None else (path,)


@dataclass(frozen=True, kw_only=True)
class CompiledModel:
    """A model's C source, compiled for this machine.

    Attributes:
        source: the folder.
        library: path of the shared library.
        fixed: whether its front end computes in fixed point.
    """

    source: CSource
    library: Path
    fixed: bool = False

    @property
    def graph(self) -> Graph:
        """The network."""
        return self.source.graph

    @cached_property
    def _functions(self) -> ctypes.CDLL:
        return ctypes.CDLL(str(self.library))

    def _function(self, name: str) -> Any:  # noqa: ANN401 - a function of the library
        return self._functions[f"{self.source.name}_{name}"]

    def infer(self, inputs: np.ndarray) -> np.ndarray:
        """Run the network alone on many examples.

        Args:
            inputs: (n, *input_shape) in the type of its input, int8 or float32.

        Returns:
            (n, *output_shape) in the type of its output.
        """
        examples = np.ascontiguousarray(inputs, self._dtype(INPUT))
        outputs = np.empty(
            (len(examples), *self.graph.output_shape), self._dtype(self.graph.output)
        )
        infer = self._function("infer")
        infer.restype = None
        for example, output in zip(examples, outputs, strict=True):
            infer(_address(example), _address(output))
        return outputs

    def features(self, pcm: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Compute the normalized features of clips.

        Args:
            pcm: (n, samples) int16 at the model's rate.
            shape: (frames, features) of the front end.

        Returns:
            (n, frames, features) float32.
        """
        clips = np.ascontiguousarray(pcm, np.int16)
        found = np.empty((len(clips), *shape), np.float32)
        features = self._function("features")
        features.restype = None
        for clip, rows in zip(clips, found, strict=True):
            features(_address(clip), ctypes.c_int32(clip.size), _address(rows))
        return found

    def classify(self, pcm: np.ndarray, labels: int) -> tuple[np.ndarray, np.ndarray]:
        """Classify clips.

        Args:
            pcm: (n, samples) int16 at the model's rate.
            labels: number of labels.

        Returns:
            Indices of the most probable labels (n,), and probabilities (n, labels) float32.
        """
        clips = np.ascontiguousarray(pcm, np.int16)
        probabilities = np.empty((len(clips), labels), np.float32)
        best = np.empty(len(clips), np.int64)
        classify = self._function("classify")
        classify.restype = ctypes.c_int32
        for i, (clip, row) in enumerate(zip(clips, probabilities, strict=True)):
            best[i] = classify(_address(clip), ctypes.c_int32(clip.size), _address(row))
        return best, probabilities

    def forecast(
        self, windows: np.ndarray, seconds: Sequence[int] | np.ndarray, shape: tuple[int, int, int]
    ) -> np.ndarray:
        """Predict the steps after windows.

        Args:
            windows: (n, input_steps, inputs) in the columns' own units.
            seconds: since 1970, of the newest row of each; any for a model without a calendar.
            shape: (output_steps, targets, quantiles).

        Returns:
            (n, output_steps, targets, quantiles) float64.
        """
        rows = np.ascontiguousarray(windows, np.float64)
        answers = np.empty((len(rows), *shape), np.float64)
        forecast = self._function("forecast")
        forecast.restype = None
        for window, moment, answer in zip(rows, seconds, answers, strict=True):
            forecast(_address(window), ctypes.c_int64(int(moment)), _address(answer))
        return answers

    def listen(self, pcm: np.ndarray, *, room: int = 16) -> np.ndarray:
        """Push sound into the model's stream, whose state lives as long as the library.

        Args:
            pcm: (samples,) int16 at the model's rate.
            room: most words.

        Returns:
            The words that are now certain, as records of :data:`WORD`.
        """
        chunk, words = np.ascontiguousarray(pcm, np.int16), np.zeros(room, WORD)
        count = self._function("listen")(
            _address(chunk), ctypes.c_int32(chunk.size), _address(words), ctypes.c_int32(room)
        )
        return words[: min(count, room)]

    def forget(self) -> None:
        """Forget the sound of the stream."""
        self._function("forget")()

    def _dtype(self, name: str) -> type[np.int8] | type[np.float32]:
        return np.int8 if name in self.graph.quantization else np.float32


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def compile_source(source: CSource, *, optimize: str = "-O2", fixed: bool = False) -> CompiledModel:
    """Compile C source for this machine; the library is written into its folder.

    Args:
        source: the folder.
        optimize: option of the compiler.
        fixed: with the front end in fixed point, as on a processor without an FPU.

    Raises:
        NoCompilerError: if there is no C compiler, or it fails.
    """
    library = source.folder / f"lib{source.name}.so"
    files = [source.folder / file for file in source.files]
    build_library(files, library, optimize=optimize, fixed=fixed)
    return CompiledModel(source=source, library=library, fixed=fixed)


def build_library(
    files: Sequence[Path], library: Path, *, optimize: str = "-O2", fixed: bool = False
) -> None:
    """Compile the C files among those given, but no self-test, into a shared library.

    Raises:
        NoCompilerError: if there is no C compiler, or it fails.
    """
    compiler = find_compiler()
    if compiler is None:
        raise NoCompilerError(
            "there is no C compiler here (cc, gcc or clang, or the command in CC); install one, "
            "for example with: apt-get install gcc"
        )
    sources = [str(file) for file in files if file.suffix == ".c" and file.stem != "self_test"]
    form = f"-DMF_FIXED={int(fixed)}"
    command = [*compiler, *FLAGS, form, optimize, "-o", str(library), *sources, "-lm"]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own compiler, on generated source
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompilerError(f"the C compiler {compiler[0]} did not run: {error}") from None
    if done.returncode:
        raise NoCompilerError(f"{compiler[0]} failed: {done.stderr.strip()[-500:]}")
