"""A real sshd on a free port of the loopback, run as an ordinary process with temporary keys."""

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import find, free_port, wait_until

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
CLIENT = """
Host device
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
Host stranger
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/key
  UserKnownHostsFile {folder}/nobody
Host locked
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/other_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
Host closed
  HostName 127.0.0.1
  Port {closed}
  User {user}
"""


def program(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[str]:
    """Run a server while a block runs; skip the test where Debian's OpenSSH is not installed.

    Args:
        folder: for keys, configurations and the server's log.

    Yields:
        The ssh command that reaches it by the name ``device``, and others that fail: ``stranger``,
        ``locked`` and ``closed``.
    """
    missing = [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} absent: Debian's openssh-client is not installed")
    server = find("sshd")
    if server is None:
        pytest.skip("sshd absent: Debian's openssh-server is not installed")
    _write_keys(folder)
    port = free_port()
    settings = {
        "port": port,
        "user": getpass.getuser(),
        "folder": folder,
        "closed": free_port(),
    }
    (folder / "sshd_config").write_text(SERVER.format(**settings))
    (folder / "ssh_config").write_text(CLIENT.format(**settings))
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # needed by sshd, made at boot
    with (folder / "log").open("w") as log:
        command = [server, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(command, stderr=log)
        try:
            wait_until(lambda: _answers(process, port), "sshd accepts connections")
            assert process.poll() is None, (folder / "log").read_text()
            yield shlex.join(["ssh", "-F", str(folder / "ssh_config")])
        finally:
            process.terminate()
            process.wait(timeout=100)


def _write_keys(folder: Path) -> None:
    for name in ("host_key", "key", "other_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "key.pub", folder / "authorized_keys")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Return whether the server accepts connections, or has ended."""
    if process.poll() is not None:
        return True
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
