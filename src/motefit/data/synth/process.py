"""Clients of the synthesizers' processes: start them, send requests, and always end them."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from motefit.spec.errors import DataError, MissingExtraError
from motefit.spec.scratch import scratch_file


@dataclass(frozen=True, kw_only=True)
class Synthesizer:
    """A speech synthesizer that runs in a process of its own.

    Attributes:
        name: as recipes and messages have it.
        program: file next to this one that answers requests.
        module: that the program needs.
        package: that has it.
    """

    name: str
    program: str
    module: str
    package: str


ESPEAK = Synthesizer(
    name="espeak-ng",
    program="speaker.py",
    module="espeakng_loader",
    package="espeakng-loader",
)
HIBARI = Synthesizer(
    name="hibari", program="neural_speaker.py", module="hibari", package="hibari-tts"
)


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One request to a synthesizer.

    Attributes:
        text: what to say; for espeak-ng, phonemes if in double square brackets, e.g.
            ``"[[l|'aI|t|s]]"``.
        voice: espeak-ng voice with an optional variant, e.g. ``"en-us+f3"``.
        pitch: 0..100.
        speed: words a minute, 80..450.
        range: of the pitch within the utterance, 0..100.
        volume: 0..200.
    """

    text: str
    voice: str
    pitch: int = 50
    speed: int = 160
    range: int = 50
    volume: int = 100


def require_synthesizer(synthesizer: Synthesizer = ESPEAK) -> None:
    """Check that a synthesizer is installed, without loading it into this process.

    Raises:
        MissingExtraError: if it is not.
    """
    if importlib.util.find_spec(synthesizer.module) is None:
        raise MissingExtraError(synthesizer.module, "synth", "Synthetic speech")


class SpeakerProcess:
    """A fresh process of a synthesizer; a context manager, after which the process is gone.

    The same utterances in the same order from a fresh process give the same samples.

    Args:
        synthesizer: what speaks.
        timeout_s: longest wait for one answer, after which the process is killed.
        command: to run; by default the program next to this file.

    Attributes:
        pid: of the process.
        version: of the synthesizer.
        rate_hz: of the samples.

    Raises:
        MissingExtraError: if the synthesizer is not installed.
        DataError: if the process cannot be started, dies or does not answer in time.
    """

    def __init__(
        self,
        synthesizer: Synthesizer = ESPEAK,
        *,
        timeout_s: float = 30.0,
        command: Sequence[str] | None = None,
    ) -> None:
        require_synthesizer(synthesizer)
        self._synthesizer = synthesizer
        self._timeout_s = timeout_s
        self._timed_out = False
        self._log: IO[bytes] = scratch_file()  # closed in close()
        program = Path(__file__).with_name(synthesizer.program)
        try:
            # -P: the folder of the program holds modules named like others and is not searched.
            self._process = subprocess.Popen(  # noqa: S603  # our own program, no shell
                list(command or (sys.executable, "-P", str(program))),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            raise DataError(f"cannot start the {synthesizer.name} process: {error}") from error
        self.pid = self._process.pid
        try:
            hello, _ = self._exchange(b"")
            self.version = str(hello["version"])
            self.rate_hz = int(hello["rate_hz"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, utterance: Utterance) -> npt.NDArray[np.float32]:
        """Speak; return float32 samples [n] in -1..1 at ``rate_hz``.

        Raises:
            DataError: if it rejects the voice or text, dies or does not answer in time.
        """
        header, pcm = self._exchange(json.dumps(asdict(utterance)).encode() + b"\n")
        if "error" in header:
            raise DataError(str(header["error"]))
        return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)

    def transcribe(self, text: str, voice: str) -> str:
        """Return espeak-ng's phonemes of a text, separated by ``_``, with blanks between words.

        Raises:
            DataError: if espeak-ng rejects the voice, dies or does not answer in time.
        """
        request = {"transcribe": text, "voice": voice}
        header, _ = self._exchange(json.dumps(request).encode() + b"\n")
        if "error" in header:
            raise DataError(str(header["error"]))
        return str(header["phonemes"])

    def close(self) -> None:
        """End the process and wait for it; safe to call twice."""
        process = self._process
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                # A request that the dead process will not read may still be in the buffer.
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._log.close()

    def _exchange(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        watchdog = threading.Timer(self._timeout_s, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._ask(request)
        except (OSError, ValueError) as error:
            raise DataError(self._diagnosis()) from error
        finally:
            watchdog.cancel()

    def _ask(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ValueError("the process has no pipes")
        if request:
            stdin.write(request)
            stdin.flush()
        header: dict[str, Any] = json.loads(stdout.readline())
        size = int(header.get("bytes", 0))
        pcm = stdout.read(size)
        if len(pcm) != size:
            raise ValueError(f"{size} bytes announced, {len(pcm)} received")
        return header, pcm

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _diagnosis(self) -> str:
        name = self._synthesizer.name
        if self._timed_out:
            return f"the {name} process did not answer within {self._timeout_s:g} s; try again"
        try:  # a process that is ending may still have output
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return (
            f"the {name} process ended unexpectedly (exit status {code}){said}; try again, or "
            f"reinstall with: pip install --force-reinstall {self._synthesizer.package}"
        )


class Speakers:
    """The processes that a cast needs; a context manager, for one thread or several.

    espeak-ng's answers depend on what it said before, so each caller brings a process of its own;
    hibari's do not, so that one process, started when first needed, serves all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hibari: SpeakerProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process of hibari, if there is one."""
        if self._hibari is not None:
            self._hibari.close()

    def say(
        self, utterance: Utterance, synthesizer: Synthesizer, *, espeak: SpeakerProcess
    ) -> tuple[npt.NDArray[np.float32], int]:
        """Speak; return float32 samples [n] in -1..1, and their rate.

        Args:
            utterance: what to say, and how.
            synthesizer: that says it.
            espeak: process to use if it is espeak-ng.

        Raises:
            DataError: if the synthesizer rejects the voice or text, dies or does not answer.
        """
        if synthesizer is HIBARI:
            with self._lock:
                if self._hibari is None:
                    self._hibari = SpeakerProcess(synthesizer)
                return self._hibari.say(utterance), self._hibari.rate_hz
        return espeak.say(utterance), espeak.rate_hz
