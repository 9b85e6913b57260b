"""The part of ``motefit deploy`` that runs on the node: sent over ssh, standard library only.

Standard input is a line of JSON, the order, and then the bytes of its files. Standard output is
one line of JSON: what was done, or ``{"problem": TEXT}``. Nothing here needs the connection once
the order is read, so a node is never left between two versions because the network failed.

The folder holds ``releases/<id>/``, one folder for each version, and the symbolic links ``current``
and ``previous``. A version takes effect by renaming a link, which happens completely or not at all.
"""

import fcntl
import getpass
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

CURRENT, PREVIOUS, RELEASES, INCOMING = "current", "previous", "releases", "incoming"
CHECK_S = 0.2
"""Pause between two health checks."""
COMMAND_S = 120.0
"""Longest time for one command."""
SETTINGS = "node.toml"


class ProblemError(Exception):
    """Something that keeps a version from being put in place; its text goes to the user."""


class NodeFolder:
    """The folder of a node, its versions, and the commands that act on its service.

    Args:
        order: decoded order.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.folder = Path(order["folder"]).expanduser().absolute()
        self.told = ""

    def linked(self, name: str) -> str:
        """Return the version that a link names; empty if there is none."""
        try:
            return Path(os.readlink(self.folder / name)).name  # noqa: PTH115 - dangling or not
        except OSError:
            return ""

    def link(self, name: str, version: str) -> None:
        """Point a link at a version, atomically; an empty version removes the link."""
        path = self.folder / name
        if not version:
            path.unlink(missing_ok=True)
            return
        new = self.folder / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path(RELEASES) / version)
        new.replace(path)
        sync(self.folder)

    def receive(self, source: IO[bytes]) -> str:
        """Write the files of the order, check them, and give them their place.

        Returns:
            Version: a hash of the files' names and hashes.

        Raises:
            ProblemError: if a file is not what was sent.
        """
        incoming = self.folder / INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir()
        for name, size in self.order["sizes"].items():
            self._write(incoming / name, source.read(size))
        if SETTINGS not in self.order["sizes"]:
            self._keep_settings(incoming)
        hashes = hashes_of(incoming)
        for name, expected in self.order["hashes"].items():
            if hashes[name] != expected:
                raise ProblemError(
                    f"{name} arrived with SHA-256 {hashes[name]} instead of {expected}"
                )
        version = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:12]
        target = self.folder / RELEASES / version
        sync(incoming)
        if target.exists() and hashes_of(target) == hashes:
            shutil.rmtree(incoming)
            return version
        shutil.rmtree(target, ignore_errors=True)
        incoming.replace(target)
        sync(target.parent)
        return version

    def activate(self, version: str) -> None:
        """Put a version in place, restart, and wait until it is healthy.

        Raises:
            ProblemError: if it is not; the version before is then back in place.
        """
        before = self.linked(CURRENT)
        self.link(CURRENT, version)
        reason = self.start()
        if not reason:
            if before != version:
                self.link(PREVIOUS, before)
            return
        if before in {"", version}:
            raise ProblemError(
                f"{version} is in place, but {reason}; there is no other version to go back to"
            )
        self.link(CURRENT, before)
        again = self.start()
        outcome = f"but {again}" if again else "which is healthy"
        raise ProblemError(f"{version}: {reason}; back to {before}, {outcome}")

    def start(self) -> str:
        """Restart the service and check its health; return what is wrong, empty if nothing is."""
        if not self.run(self.order["restart"]):
            return f"the service did not restart: {self.told}"
        end = time.monotonic() + self.order["patience_s"]
        healthy_s: float | None = None
        while True:
            now = time.monotonic()
            if self.run(self.order["health"]):
                healthy_s = now if healthy_s is None else healthy_s
                if now - healthy_s >= self.order["settle_s"]:
                    return ""
            else:
                healthy_s = None
                if now > end:
                    return f"it is not healthy: {self.told}"
            time.sleep(CHECK_S)

    def run(self, command: str) -> bool:
        """Run a shell command of the user; return whether it succeeded."""
        environment = dict(os.environ, MOTEFIT_FOLDER=str(self.folder))
        # a file, not a pipe: a service started in the background may keep it open
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: S602 - the user's own command, as if typed there
                command,
                shell=True,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            try:
                outcome = f"gave exit code {process.wait(COMMAND_S)}"
            except subprocess.TimeoutExpired:
                process.kill()
                outcome = f"had not ended after {COMMAND_S:g} s"
                process.wait()
            said.seek(0)
            line = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        self.told = ": ".join([f"{command!r} {outcome}", *line])[:400]
        return process.returncode == 0

    def forget(self) -> None:
        """Remove the versions that are neither current nor previous."""
        kept = {self.linked(CURRENT), self.linked(PREVIOUS)}
        for path in (self.folder / RELEASES).iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def state(self) -> dict[str, Any]:
        """Describe the node."""
        return {
            "folder": str(self.folder),
            "user": getpass.getuser(),
            "command": motefit_command(),
            "current": self.linked(CURRENT),
            "previous": self.linked(PREVIOUS),
            "hashes": hashes_of(self.folder / CURRENT),
        }

    def _write(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _keep_settings(self, incoming: Path) -> None:
        try:
            content = (self.folder / CURRENT / SETTINGS).read_bytes()
        except OSError:
            raise ProblemError(
                f"{self.folder} has no {SETTINGS} yet; send one with --node"
            ) from None
        self._write(incoming / SETTINGS, content)


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by name; empty if there is no folder."""
    try:
        paths = sorted(folder.iterdir())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def sync(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def motefit_command() -> list[str]:
    """Return how motefit is started here; empty if it is not installed."""
    if importlib.util.find_spec("motefit") is not None:
        return [sys.executable, "-m", "motefit.cli"]
    program = shutil.which("motefit")
    return [program] if program else []


def send(place: NodeFolder, source: IO[bytes]) -> None:
    """Receive a version and put it in place."""
    place.activate(place.receive(source))
    place.forget()


def back(place: NodeFolder, _source: IO[bytes]) -> None:
    """Put the previous version in place."""
    version = place.linked(PREVIOUS)
    if not (version and (place.folder / PREVIOUS / SETTINGS).exists()):
        raise ProblemError(f"{place.folder} has no previous version")
    place.activate(version)


ACTIONS: dict[str, Callable[[NodeFolder, IO[bytes]], None]] = {"send": send, "back": back}


def carry_out(place: NodeFolder, source: IO[bytes]) -> None:
    """Do what the order says, one order at a time.

    Raises:
        ProblemError: if it cannot be done.
    """
    if not motefit_command():
        raise ProblemError(
            "motefit is not installed there; run there: python3 -m venv motefit-env && "
            "motefit-env/bin/pip install 'motefit[monitor]', and give --python "
            "motefit-env/bin/python"
        )
    if place.order["action"] not in ACTIONS:
        return
    (place.folder / RELEASES).mkdir(parents=True, exist_ok=True)
    with (place.folder / "lock").open("ab") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ProblemError(f"another deployment to {place.folder} is running") from None
        ACTIONS[place.order["action"]](place, source)


def main() -> None:
    """Read an order from standard input, and answer on standard output."""
    source = sys.stdin.buffer
    place = NodeFolder(json.loads(source.readline().decode()))
    answer = {"was": place.linked(CURRENT)}
    try:
        carry_out(place, source)
    except ProblemError as problem:
        answer["problem"] = str(problem)
    except OSError as error:
        answer["problem"] = f"{error.filename or place.folder}: {error.strerror or error}"
    print(json.dumps({**answer, **place.state()}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
