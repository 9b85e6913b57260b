"""An emulated Arm machine: Debian's Python with the real aarch64 wheels, under qemu-user.

The machine (about 350 MB, under a minute) is kept in ``$MOTEFIT_CACHE/arm``. Nothing needs root.
"""

import compileall
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from debian import unpacked

from motefit.spec.files import cache_folder, write_atomic

HERE = Path(__file__).parent
SOURCE = HERE.parent.parent / "src"
PYTHON = "3.11"
DEVICE_PACKAGES = (f"python{PYTHON}", "libstdc++6", "libgomp1")
WHEELS = ("numpy", "ai-edge-litert")
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux2014", "manylinux_2_17")
ARMV8_0 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
ARMV8_2 = f"{ARMV8_0} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
CPUS = {"cortex-a72": ("0xd08", ARMV8_0), "cortex-a76": ("0xd0b", ARMV8_2)}
"""Part number and features, as Linux states them for a Raspberry Pi 4 and a Raspberry Pi 5."""


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """QEMU's user-mode emulator with the plugin that counts instructions.

    Attributes:
        command: command that runs ``qemu-aarch64``.
        plugin: the built plugin.
        version: first line of QEMU's version output.
    """

    command: tuple[str, ...]
    plugin: Path
    version: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An Arm computer: a file system and an emulator.

    Attributes:
        emulator: emulator that runs its programs.
        root: root of its file system.
        site: folder where its wheels are unpacked.
    """

    emulator: Emulator
    root: Path
    site: Path

    def run(
        self, cpu: str, arguments: Sequence[str], *, timeout_s: float = 3600.0
    ) -> tuple[str, list[int]]:
        """Run the machine's Python.

        Args:
            cpu: a name of ``CPUS``.
            arguments: arguments for Python.
            timeout_s: seconds after which it is killed.

        Returns:
            Its output, and the instructions since its start at every mark.

        Raises:
            RuntimeError: if the program fails, with its output.
        """
        command = [*self.emulator.command, "-cpu", cpu, "-L", str(self.root)]
        command += ["-plugin", str(self.emulator.plugin)]
        command += [str(self.root / "usr" / "bin" / f"python{PYTHON}"), *arguments]
        environment = {
            "PYTHONPATH": f"{self.site}:{SOURCE}:{HERE}",
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        with alone(self.root.parent):
            self._describe(cpu)
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=timeout_s,
                check=False,
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} on {cpu}: {done.stdout}{done.stderr}")
        lines = done.stderr.splitlines()
        return done.stdout, [int(line.split()[1]) for line in lines if line.startswith("count ")]

    def _describe(self, cpu: str) -> None:
        """Write /proc/cpuinfo: LiteRT chooses kernels by it, and crashes without it."""
        part, features = CPUS[cpu]
        lines = {
            "processor": "0",
            "BogoMIPS": "108.00",
            "Features": features,
            "CPU implementer": "0x41",
            "CPU architecture": "8",
            "CPU variant": "0x0",
            "CPU part": part,
            "CPU revision": "3",
        }
        text = "".join(f"{name}\t: {value}\n" for name, value in lines.items())
        write_atomic(self.root / "proc" / "cpuinfo", f"{text}\n")


def machine(*, wheels: Sequence[str] = ()) -> Machine:
    """Return the machine, which is created at the first call.

    Args:
        wheels: wheels that pip downloads; by default the versions of numpy and LiteRT in this
            environment.

    Raises:
        FileNotFoundError: without apt-get, dpkg or a C compiler.
        subprocess.CalledProcessError: if a download fails, or the plugin cannot
            be built.
    """
    folder = cache_folder() / "arm"
    with alone(folder):
        return _machine(folder, wheels)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process creates or uses the machine, which has only one /proc/cpuinfo."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _machine(folder: Path, wheels: Sequence[str]) -> Machine:
    pins = wheels or [f"{name}=={version(name)}" for name in WHEELS]
    name = hashlib.sha256(repr([*pins, PLATFORMS]).encode()).hexdigest()[:12]
    root = unpacked(folder / "device", "arm64", DEVICE_PACKAGES)
    library = root / "usr" / "lib" / f"python{PYTHON}"
    if not (library / "__pycache__").exists():
        _compile(library)
    return Machine(
        emulator=emulator(folder), root=root, site=_wheels(folder / f"site-{name}", pins)
    )


def emulator(folder: Path) -> Emulator:
    """Return QEMU from Debian 12, whatever this system is, since it has plugins."""
    host = unpacked(folder / "emulator", "amd64", ["qemu-user"])
    libraries = [host / "lib" / "x86_64-linux-gnu", host / "usr" / "lib" / "x86_64-linux-gnu"]
    loader = libraries[0] / "ld-linux-x86-64.so.2"
    path = ":".join(map(str, libraries))
    command = (str(loader), "--library-path", path, str(host / "usr" / "bin" / "qemu-aarch64"))
    said = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True)
    return Emulator(
        command=command, plugin=_plugin(folder), version=said.stdout.splitlines()[0].strip()
    )


def _plugin(folder: Path) -> Path:
    source = HERE / "count.c"
    name = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    target = folder / f"count-{name}.so"
    if not target.exists():
        flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        with tempfile.TemporaryDirectory() as place:
            built = Path(place) / "count.so"
            subprocess.run(["cc", *flags, "-o", str(built), str(source)], check=True)
            write_atomic(target, built.read_bytes())
    return target


def _wheels(site: Path, pins: Sequence[str]) -> Path:
    """Download, unpack and compile wheels for aarch64."""
    done = site / "wheels.txt"
    if done.exists():
        return site
    print(f"fetching {', '.join(pins)} for aarch64", file=sys.stderr)
    platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_aarch64")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += ["--python-version", PYTHON, "--implementation", "cp", *platforms]
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([*command, "--dest", place, *pins], check=True, stdout=sys.stderr)
        wheels = sorted(Path(place).glob("*.whl"))
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        names = "".join(f"{wheel.name}\n" for wheel in wheels)
    _compile(site)
    write_atomic(done, names)
    return site


def _compile(folder: Path) -> None:
    """Compile to byte code as pip does; without it, importing takes a minute."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        mode = compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, invalidation_mode=mode)


def can_emulate() -> str:
    """Return why this system cannot create the machine; empty if it can."""
    if os.uname().machine != "x86_64":
        return f"the emulator is fetched for x86_64, this is {os.uname().machine}"
    for program in ("apt-get", "dpkg", "cc"):
        if not any((Path(p) / program).exists() for p in os.environ["PATH"].split(":")):
            return f"{program} is absent"
    return ""
