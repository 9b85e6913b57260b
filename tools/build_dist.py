"""Build the sdist and the wheel reproducibly: equal sources give equal bytes.

``python tools/build_dist.py`` writes both to ``dist``. Times in the archives are
``SOURCE_DATE_EPOCH``, by default the time of the last commit. The sdist is written again with
sorted names and without owners, which setuptools does not do; the wheel is built from the sdist, so
that what is published as source gives what is published as a wheel. Needs no network.
"""

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("src", "pyproject.toml", "README.md", "LICENSE")
"""What a distribution is made of; ``src/motefit/zoo`` is a link, which the copy resolves."""
HOOK = """
import os, sys
os.umask(0o022)
import setuptools.build_meta as hooks
print(getattr(hooks, sys.argv[1])(sys.argv[2]))
"""


def build(folder: Path, *, epoch: int) -> tuple[Path, Path]:
    """Build the sdist and the wheel.

    Args:
        folder: for the two files; created if needed.
        epoch: time of all files in them, in seconds since 1970; at least 315532800 (1980, the
            first year a zip can name).

    Returns:
        paths of the sdist and of the wheel.

    Raises:
        subprocess.CalledProcessError: if setuptools fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = work / "source"
        _copy_sources(source)
        made = _run_hook("build_sdist", source, work, epoch=epoch)
        sdist = folder / made.name
        sdist.write_bytes(normalized(made.read_bytes(), epoch=epoch))
        with tarfile.open(sdist) as archive:
            archive.extractall(work / "unpacked", filter="data")
        (unpacked,) = (work / "unpacked").iterdir()
        return sdist, _run_hook("build_wheel", unpacked, folder, epoch=epoch)


def normalized(sdist: bytes, *, epoch: int) -> bytes:
    """Return a .tar.gz with sorted names, one time, and neither owners nor the writer's umask."""
    tar = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist)) as given,
        tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as written,
    ):
        for member in sorted(given.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode, member.pax_headers = 0o755 if member.isdir() else 0o644, {}
            written.addfile(member, given.extractfile(member))
    return gzip.compress(tar.getvalue(), mtime=epoch)


def _copy_sources(folder: Path) -> None:
    folder.mkdir()
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, folder)


def _run_hook(hook: str, source: Path, folder: Path, *, epoch: int) -> Path:
    """Run a hook of the build backend in a process of its own; return the file it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", HOOK, hook, folder.resolve()],
        cwd=source, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    return folder / done.stdout.splitlines()[-1]


def _time_of_last_commit() -> int:
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


def main() -> None:
    """Build both files and print their sizes."""
    parser = argparse.ArgumentParser(description="Build the sdist and the wheel reproducibly.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for both files")
    folder = parser.parse_args().out
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _time_of_last_commit())
    for path in build(folder, epoch=epoch):
        print(f"{path} {path.stat().st_size} B")


if __name__ == "__main__":
    main()
