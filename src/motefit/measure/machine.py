"""The measuring machine, and what may make it faster or slower at another time.

Everything is read from ``/proc`` and ``/sys`` on Linux; missing information is "unknown".
Nothing is changed: the published scripts set the governor with ``sudo``, which is left to the user.
"""

import importlib.metadata
import os
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

from motefit import __version__
from motefit.spec.codec import check_fields

UNKNOWN = "unknown"
PACKAGES = ("numpy", "ai-edge-litert")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine at one moment.

    Attributes:
        processor: its name, e.g. ``"Cortex-A72"`` or the model of a board.
        architecture: of the kernel, e.g. ``"aarch64"``.
        bits: of this Python's addresses: 64 or 32.
        cores: that this process may use.
        system: name and release of the operating system's kernel.
        governor: of the cores' frequency, e.g. ``"performance"``; ``"unknown"`` if not told.
        frequency_mhz: of the first core, None if not told.
        temperature_celsius: of the hottest thermal zone, None if not told.
        load: average number of runnable processes in the last minute.
        versions: of Python, motefit, numpy and LiteRT, in words.
    """

    processor: str
    architecture: str
    bits: int
    cores: int
    system: str
    governor: str = UNKNOWN
    frequency_mhz: float | None = None
    temperature_celsius: float | None = None
    load: float = 0.0
    versions: str = ""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def line(self) -> str:
        """What kind of machine it is, in one line."""
        return (
            f"{self.processor}, {self.cores} cores, {self.architecture} ({self.bits} bit), "
            f"{self.system}; {self.versions}"
        )

    @property
    def state(self) -> str:
        """Governor, frequency, temperature and load in words."""
        heat, rate = self.temperature_celsius, self.frequency_mhz
        return ", ".join(
            [
                f"governor {self.governor}",
                f"{rate:.0f} MHz" if rate is not None else f"frequency {UNKNOWN}",
                f"{heat:.1f} degC" if heat is not None else f"temperature {UNKNOWN}",
                f"load {self.load:.1f}",
            ]
        )


def this_machine(root: Path = Path("/")) -> Machine:
    """Read the current state of this machine.

    Args:
        root: of the file system whose ``proc`` and ``sys`` are read.
    """
    return Machine(
        processor=_processor(root),
        architecture=platform.machine() or UNKNOWN,
        bits=8 * struct.calcsize("P"),
        cores=usable_cores(),
        system=f"{platform.system()} {platform.release()}",
        governor=_governor(root),
        frequency_mhz=_thousandth(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
        temperature_celsius=_temperature(root),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        versions=", ".join(
            [
                f"Python {platform.python_version()}",
                f"motefit {__version__}",
                *map(_version, PACKAGES),
            ]
        ),
    )


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} {UNKNOWN}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _processor(root: Path) -> str:
    """Read the board model on Arm (/proc names no processor there), else the processor's name."""
    board = _text(root / "proc/device-tree/model")
    if board:
        return board
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.processor() or platform.machine() or UNKNOWN


def _governor(root: Path) -> str:
    files = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return " and ".join(sorted({text for text in map(_text, files) if text})) or UNKNOWN


def _temperature(root: Path) -> float | None:
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*/temp"))
    found = [value for value in map(_thousandth, zones) if value is not None]
    return max(found, default=None)


def _thousandth(path: Path) -> float | None:
    """Read a file's number / 1000; None if there is none."""
    try:
        return float(_text(path)) / 1000
    except ValueError:
        return None
