"""Client of the workers: start one, add pipelines, request loops."""

import base64
import contextlib
import json
import os
import pickle  # noqa: TID251 - between two processes of one program, never a file
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from motefit.measure.latency.protocols import Counted, Iteration
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.scratch import scratch_file

PATIENCE_S = 180.0
"""Timeout of one answer; TensorFlow's first one takes seconds."""
ALONE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Environment of a worker: one thread, no GPU."""
SOURCE = Path(__file__).parents[3]
WORKERS = Path(__file__).parent
P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """A process that times loops of pipelines; use it in a ``with`` statement.

    Ctrl-C does not reach it; it ends with its standard input.

    Attributes:
        versions: of its packages, in words.

    Args:
        command: to start it.
        environment: of the process.
        remedy: advice in error texts.

    Raises:
        RecipeError: if it cannot be started, or lacks packages.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, remedy: str
    ) -> None:
        self._name, self._remedy = command[0], remedy
        self._said = scratch_file()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own Python, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**environment, **ALONE},
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            self._said.close()
            raise RecipeError(f"cannot start {command[0]}: {error.strerror}; {remedy}") from None
        try:
            self.versions = self._ready()
        except BaseException:
            self.close()
            raise

    def add(self, name: str, model: Path, frontend: FrontEnd) -> np.ndarray:
        """Add a pipeline.

        Args:
            name: of the pipeline.
            model: .tflite file or bundle.
            frontend: its front end.

        Returns:
            (frames, features) float64: output of its front end for a known noise.

        Raises:
            ModelFileError: if it cannot be made.
        """
        settings = encode(frontend)
        asked = {"add": name, "model": str(model), "frontend": settings}
        found = self._ask({**asked, "samples": frontend.clip_samples})["features"]
        return np.reshape(np.asarray(found, float), frontend.shape)

    def turn(self, name: str, protocol: str) -> Iteration:
        """Return a function that runs one loop of a pipeline by a protocol."""
        asked = {"turn": name, "protocol": protocol}
        return lambda: self._ask(asked)["ns"]

    def call(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call a function in the worker, in this process's folder; for workers of motefit itself.

        There is no timeout.

        Args:
            function: of a motefit module; function, arguments and result are pickled.
            *args: of it.
            **options: of it; a ``progress`` (``Counted``) is called here with what it reports.

        Returns:
            its result.

        Raises:
            RecipeError: if the worker ends.
            Exception: raised by the function.
        """
        progress: Any = options.get("progress")
        sendable = {name: value for name, value in options.items() if name != "progress"}
        request = (Path.cwd(), function, args, sendable, progress is not None)
        sent = base64.b64encode(pickle.dumps(request))
        answer = self._ask({"call": sent.decode()}, patient=True, progress=progress)
        returned, value = pickle.loads(base64.b64decode(answer["value"]))  # noqa: S301 - ours
        if not returned:
            raise value
        return value  # type: ignore[no-any-return]  # what a pickle holds has no type

    def close(self) -> None:
        """Stop the process and its children, which share its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> str:
        """Read the versions that it reports."""
        found = self._answer()
        if "missing" in found:
            raise RecipeError(f"{self._name} cannot be used: {found['missing']}; {self._remedy}")
        return str(found["versions"])

    def _ask(
        self, asked: Mapping[str, Any], *, patient: bool = False, progress: Counted | None = None
    ) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._fault("ended by itself") from None
        answer = self._answer(patient=patient)
        while progress is not None and "done" in answer:
            progress(answer["done"], answer["total"])
            answer = self._answer(patient=patient)
        if "error" in answer:
            told = {name: value for name, value in asked.items() if name != "call"}
            raise ModelFileError(f"{self._name} with {told}: {answer['error']}")
        return answer

    def _answer(self, *, patient: bool = False) -> dict[str, Any]:
        """Read the next line of output, which answers the last request."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        # select does not see lines that came with an earlier one and are in the reader already
        if not patient and not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
            raise self._fault(f"gave no answer in {PATIENCE_S:.0f} s")
        try:
            answer = json.loads(self._process.stdout.readline())
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._fault("gave no answer")
        return answer

    def _fault(self, what: str) -> RecipeError:
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").strip().splitlines()
        last = f" ({said[-1]})" if said else ""
        return RecipeError(f"{self._name} {what}{last}; {self._remedy}")


def tensorflow_worker(python: Path, *, remedy: str) -> Worker:
    """Start the published pipelines, in an environment with TensorFlow and SciPy.

    Args:
        python: its interpreter.
        remedy: advice in error texts.

    Raises:
        RecipeError: if it cannot be started or lacks a package.
    """
    others = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    script = WORKERS / "tensorflow_worker.py"
    return Worker([str(python), str(script)], others, remedy=remedy)


def motefit_worker() -> Worker:
    """Start motefit's own pipelines, with this Python and this motefit.

    Raises:
        RecipeError: if it cannot be started.
    """
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", "motefit.measure.workers.motefit_worker"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return Worker(command, environment, remedy="install motefit again")
