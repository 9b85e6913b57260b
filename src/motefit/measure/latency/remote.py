"""``bench`` on another machine over ssh, which needs only Python and the base install.

One connection: a small script and the models are sent through standard input, JSON comes back
through standard output, and nothing is left behind. There are no prompts: ssh runs in batch mode.
"""

import io
import json
import shlex
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motefit import __version__
from motefit.measure.latency.bench_report import Bench
from motefit.spec.codec import decode
from motefit.spec.errors import HostError, RecipeError

CONNECT_TIMEOUT_S = 15
NO_CONNECTION, NO_COMMAND = 255, 127
# Runs on any Python 3: its report on an unsuitable host must not depend on the host.
SCRIPT = """
import importlib.util, io, json, os, platform, shutil, struct, subprocess, sys, tempfile, zipfile
order = json.loads(sys.stdin.buffer.readline().decode())
data = sys.stdin.buffer.read()
here = {"bits": 8 * struct.calcsize("P"), "machine": platform.machine(),
        "python": platform.python_version(), "motefit": True}
command = [sys.executable, "-m", "motefit.cli"]
if importlib.util.find_spec("motefit") is None:
    command = [shutil.which("motefit")]
    here["motefit"] = command[0] is not None
if here["bits"] < 64 or not here["motefit"]:
    print(json.dumps({"unfit": here}))
    sys.exit(0)
with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    done = subprocess.Popen(
        command + ["bench"] + order["models"] + order["options"], cwd=folder,
        env=dict(os.environ, OMP_NUM_THREADS="1"), stdin=subprocess.DEVNULL)
    sys.exit(done.wait())
"""


@dataclass(frozen=True, kw_only=True)
class Host:
    """Remote machine, and how to connect to it.

    Attributes:
        address: for ssh: ``user@host``, or a name of ``~/.ssh/config``.
        python: of the host, with motefit's base install.
        ssh: command that opens the connection, with its own options.
        timeout_s: for the whole operation.
    """

    address: str
    python: str = "python3"
    ssh: str = "ssh"
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        plain = self.address.isprintable() and not set(self.address) & set(" \t\"'\\;&|<>`$")
        if not plain or not self.address or self.address.startswith("-"):
            raise RecipeError(f"--host must be user@host, got {self.address!r}")


def bench_on(host: Host, models: Sequence[tuple[str, bytes]], options: Sequence[str] = ()) -> Bench:
    """Time models on a host.

    Args:
        host: to run on.
        models: file name and bytes of each bundle or .tflite file.
        options: of ``motefit bench`` there.

    Raises:
        HostError: without ssh; if the host cannot be reached, asks for a password or has an unknown
            key; if it has no such Python, a 32-bit one, or no motefit; if the benchmark fails there
            or takes too long.
    """
    names = [f"{number}/{name}" for number, (name, _) in enumerate(models)]
    order = {"models": names, "options": [*options, "--json"]}
    script = SCRIPT.encode()
    given = (
        script + json.dumps(order).encode() + b"\n" + _zipped(names, [model for _, model in models])
    )
    start = f"import sys;exec(sys.stdin.buffer.read({len(script)}).decode())"
    answer = _ssh(host, f"{shlex.quote(host.python)} -u -c {shlex.quote(start)}", given)
    try:
        table = json.loads(answer)
    except ValueError:
        raise HostError(
            f"{host.address} answered something other than JSON: {answer[:200]!r}; "
            "its login scripts must print nothing"
        ) from None
    if "unfit" in table:
        raise HostError(_unfit(host, table["unfit"]))
    return _bench_of(table, host)


def _zipped(names: Sequence[str], models: Sequence[bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, model in zip(names, models, strict=True):
            archive.writestr(name, model)
    return packed.getvalue()


def _ssh(host: Host, command: str, given: bytes) -> str:
    """Run a command on the host and return its standard output."""
    batch = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    program = shlex.split(host.ssh)
    try:
        done = subprocess.run(  # noqa: S603 - the user's own ssh, no shell on this side
            [*program, *batch, "-T", "--", host.address, command],
            input=given,
            capture_output=True,
            timeout=host.timeout_s,
            check=False,
        )
    except (OSError, IndexError) as error:
        reason = error.strerror if isinstance(error, OSError) else "empty"
        raise HostError(
            f"cannot start {host.ssh!r}: {reason}; install it (apt install openssh-client), or "
            "name another command with --ssh"
        ) from None
    except subprocess.TimeoutExpired:
        raise HostError(
            f"{host.address} did not finish within {host.timeout_s:g} s; give fewer --rounds, or a "
            "longer --timeout"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise HostError(_failure(host, done.returncode, said))
    return done.stdout.decode("utf-8", "replace")


def _failure(host: Host, code: int, said: str) -> str:
    if code == NO_CONNECTION:
        return (
            f"cannot reach {host.address}: {_words(said) or 'ssh gave no reason'}; try: ssh "
            f"{host.address} true (it must work without a password and accept the host's key)"
        )
    if code == NO_COMMAND:
        return (
            f"{host.address} has no {host.python!r}; install Python 3.11 or later there, or name "
            "another with --python"
        )
    told = said.rpartition("error: ")[2].splitlines()[-1:]
    reason = _words(*told) or "it gave no reason"
    return f"the benchmark failed on {host.address} (exit code {code}): {reason}"


def _words(text: str = "") -> str:
    return " ".join(text.split())


def _unfit(host: Host, found: Mapping[str, Any]) -> str:
    there = f"{host.address} runs Python {found['python']}"
    if found["bits"] < 64:
        return (
            f"{there} of {found['bits']} bits ({found['machine']}); LiteRT exists for 64-bit "
            "systems only: install a 64-bit operating system there"
        )
    return (
        f"{there} without motefit; run there: {host.python} -m pip install motefit (in a virtual "
        "environment: python3 -m venv motefit-env && motefit-env/bin/pip install motefit), then "
        "name that Python with --python motefit-env/bin/python"
    )


def _bench_of(table: Mapping[str, Any], host: Host) -> Bench:
    try:
        return decode(Bench, table, where=f"the answer of {host.address}")
    except RecipeError as error:
        raise HostError(
            f"{error}; the host has another version of motefit: install {__version__} there"
        ) from None
