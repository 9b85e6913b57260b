"""Another machine reached over ssh: one connection, one command, bytes in and text out.

There are no prompts, since ssh runs in batch mode, and no shell on this side.
"""

import shlex
import subprocess
from dataclasses import dataclass

from motefit.spec.codec import check_fields
from motefit.spec.errors import HostError, RecipeError

CONNECT_TIMEOUT_S = 15
NO_CONNECTION, NO_COMMAND = 255, 127


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
        check_fields(self)
        plain = self.address.isprintable() and not set(self.address) & set(" \t\"'\\;&|<>`$")
        if not plain or not self.address or self.address.startswith("-"):
            raise RecipeError(f"the host must be user@host, got {self.address!r}")


def run_script(host: Host, script: str, given: bytes, *, what: str) -> str:
    """Run a Python program on the host.

    Args:
        host: to run on.
        script: source, for any Python 3; its standard input is ``given``.
        given: bytes for the script.
        what: runs there, for errors, e.g. ``"the benchmark"``.

    Returns:
        Its standard output.

    Raises:
        HostError: without ssh; if the host cannot be reached, asks for a password or has an unknown
            key; if it has no such Python; if the script fails there or takes too long.
    """
    source = script.encode()
    start = f"import sys;exec(sys.stdin.buffer.read({len(source)}).decode())"
    command = f"{shlex.quote(host.python)} -u -c {shlex.quote(start)}"
    batch = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}"]
    program = shlex.split(host.ssh)
    try:
        done = subprocess.run(  # noqa: S603 - the user's own ssh, no shell on this side
            [*program, *batch, "-T", "--", host.address, command],
            input=source + given,
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
            f"{host.address} did not finish {what} within {host.timeout_s:g} s; give a longer "
            "--timeout"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise HostError(_failure(host, done.returncode, said, what))
    return done.stdout.decode("utf-8", "replace")


def _failure(host: Host, code: int, said: str, what: str) -> str:
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
    return f"{what} failed on {host.address} (exit code {code}): {reason}"


def _words(text: str = "") -> str:
    return " ".join(text.split())
