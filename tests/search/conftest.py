"""A PostgreSQL server of this session, and a database of its own for each test."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

USER = "motefit"
TRIES = 3


def _programs() -> Path | None:
    """Folder of PostgreSQL's programs: Debian does not put them on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _unprivileged() -> dict[str, object]:
    """How to start a process that must not be root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a server, without a database; it listens on this machine alone."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL absent: the server of the Debian package postgresql is wanted")
    login = _unprivileged()
    password = secrets.token_hex(8)
    # not pytest's folder, which root alone may enter
    with tempfile.TemporaryDirectory(prefix="motefit-postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(password)
        for path in (folder, folder / "password"):
            os.chown(path, login.get("user", -1), login.get("group", -1))

        def call(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
            # a pipe would stay open for as long as the server runs
            with (folder.parent / f"{folder.name}.log").open("ab") as log:
                return subprocess.run(
                    [str(programs / program), "--pgdata", str(folder / "data"), *arguments],
                    cwd=folder, stdout=log, stderr=log, timeout=1200, check=False, **login,
                )  # fmt: skip

        made = call(
            "initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256",
            f"--username={USER}", f"--pwfile={folder / 'password'}",
        )  # fmt: skip
        log = folder.parent / f"{folder.name}.log"
        assert made.returncode == 0, log.read_text()
        for _ in range(TRIES):  # somebody may take the port before the server does
            port = _free_port()
            options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
            if call("pg_ctl", "start", "--wait", "-o", options).returncode == 0:
                break
        else:
            pytest.fail(log.read_text())
        yield f"{USER}:{password}@127.0.0.1:{port}"
        call("pg_ctl", "stop", "--mode=immediate")
        log.unlink()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """SQLAlchemy's URL of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://{postgres_server}/{name}"
