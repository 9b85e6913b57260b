"""Small Debian file systems unpacked from packages, without root and without changing this system.

Packages are resolved and downloaded by apt with a separate state and unpacked by ``dpkg -x``; their
scripts do not run. Everything is kept under a folder and made once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpacked(folder: Path, architecture: str, packages: Sequence[str]) -> Path:
    """Unpack packages and all their dependencies into a folder.

    Args:
        folder: where to create it; an existing complete folder is reused.
        architecture: Debian's name: ``"amd64"`` or ``"arm64"``.
        packages: names.

    Returns:
        The folder.

    Raises:
        subprocess.CalledProcessError: when apt or dpkg fails.
        FileNotFoundError: without apt-get or dpkg.
    """
    done = folder / "packages.txt"
    if done.exists():
        return folder
    state = folder.with_name(f"{folder.name}.apt")
    options = _apt_options(state, architecture)
    print(f"fetching {', '.join(packages)} for {architecture}", file=sys.stderr)
    _run(["apt-get", *options, "update", "-qq"])
    install = ["install", "--download-only", "-y", "-qq", "--no-install-recommends"]
    _run(["apt-get", *options, *install, *packages])
    files = sorted((state / "archives").glob("*.deb"))
    for file in files:
        _run(["dpkg", "-x", str(file), str(folder)])
    shutil.rmtree(state)
    done.write_text("".join(f"{file.stem}\n" for file in files), encoding="utf-8")
    return folder


def _apt_options(state: Path, architecture: str) -> list[str]:
    for name in ("lists/partial", "archives/partial", "etc", "dpkg"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "dpkg" / "status").touch()
    source = f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n"
    (state / "etc" / "sources.list").write_text(source, encoding="utf-8")
    settings: Mapping[str, str | Path] = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Dir::Etc::sourcelist": state / "etc" / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "dpkg" / "status",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)
