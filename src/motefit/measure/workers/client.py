"""The near side of the workers: start one, give it pipelines, ask it for loops."""

import base64
import contextlib
import json
import os
import pickle  # noqa: TID251 - between two processes of one program, never a file
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from motefit.measure.latency.protocols import Iteration
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.frontend import FrontEnd

PATIENCE_S = 180.0
"""For one answer; TensorFlow's first takes seconds."""
ALONE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""One thread, no GPU."""
SOURCE = Path(__file__).parents[3]
WORKERS = Path(__file__).parent
P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """A process that times loops of pipelines; use it in a ``with`` statement.

    Ctrl-C does not reach it; it ends with its standard input.

    Attributes:
        idle: whether it has answered all that it was asked; if not, it is of no more use.
        versions: of what it measures with, in words.

    Args:
        command: that starts it.
        environment: of it.
        remedy: what an error tells the user to do.

    Raises:
        RecipeError: when it cannot be started, or says what it lacks.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, remedy: str
    ) -> None:
        self._name, self._remedy = command[0], remedy
        self.idle = True
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
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
        """Make a pipeline.

        Args:
            name: of it.
            model: .tflite file or bundle, as the worker takes it.
            frontend: its front end.

        Returns:
            (frames, features) float64: what its front end makes of a known noise.

        Raises:
            ModelFileError: when it cannot be made.
        """
        settings = encode(frontend)
        asked = {"add": name, "model": str(model), "frontend": settings}
        found = self._ask({**asked, "samples": frontend.clip_samples})["features"]
        return np.reshape(np.asarray(found, float), frontend.shape)

    def turn(self, name: str, protocol: str) -> Iteration:
        """One loop of a pipeline by a protocol, to be called."""
        asked = {"turn": name, "protocol": protocol}
        return lambda: self._ask(asked)["ns"]

    def call(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Call a function there, in this process's folder; for workers of motefit itself.

        It may take as long as it needs.

        Args:
            function: of a module of motefit; it, what it takes and what it returns are pickled.
            *args: of it.
            **options: of it.

        Returns:
            What it returns.

        Raises:
            RecipeError: when the worker ends.
            Exception: what the function raises.
        """
        sent = base64.b64encode(pickle.dumps((Path.cwd(), function, args, options)))
        answer = self._ask({"call": sent.decode()}, patient=True)
        returned, value = pickle.loads(base64.b64decode(answer["value"]))  # noqa: S301 - ours
        if not returned:
            raise value
        return value  # type: ignore[no-any-return]  # what a pickle holds has no type

    def close(self) -> None:
        """Stop the process, and what it may have started: its session is its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> str:
        """The versions it says it has."""
        found = self._answer()
        if "missing" in found:
            raise RecipeError(f"{self._name} cannot be used: {found['missing']}; {self._remedy}")
        return str(found["versions"])

    def _ask(self, asked: Mapping[str, Any], *, patient: bool = False) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self.idle = False
        try:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._fault("ended by itself") from None
        answer = self._answer(patient=patient)
        self.idle = True
        if "error" in answer:
            told = {name: value for name, value in asked.items() if name != "call"}
            raise ModelFileError(f"{self._name} with {told}: {answer['error']}")
        return answer

    def _answer(self, *, patient: bool = False) -> dict[str, Any]:
        """The next line; the other side has said nothing more than was asked."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        wait_s = None if patient else PATIENCE_S
        if not select.select([self._process.stdout], [], [], wait_s)[0]:
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
    """The published pipelines, in an environment that has TensorFlow and SciPy.

    Args:
        python: its interpreter.
        remedy: what an error tells the user to do.

    Raises:
        RecipeError: when it cannot be started or lacks a package.
    """
    others = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    script = WORKERS / "tensorflow_worker.py"
    return Worker([str(python), str(script)], others, remedy=remedy)


def motefit_worker() -> Worker:
    """The pipelines of motefit itself, with this Python and this motefit.

    Raises:
        RecipeError: when it cannot be started.
    """
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", "motefit.measure.workers.motefit_worker"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return Worker(command, environment, remedy="install motefit again")
