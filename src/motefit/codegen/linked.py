"""Flash and RAM of generated C on a Cortex-M, from its linker, where a cross compiler is there."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from motefit.codegen.project import CSource
from motefit.spec.boards import Core

COMPILER, SIZE = "arm-none-eabi-gcc", "arm-none-eabi-size"
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class LinkedSize:
    """Bytes of a model in firmware: of its one function, and of all that this needs.

    Attributes:
        flash_bytes: code, weights and tables, and what it takes of the C library.
        ram_bytes: static memory.
    """

    flash_bytes: int
    ram_bytes: int


def linked_size(source: CSource, core: Core, *, optimize: str = "-O2") -> LinkedSize | None:
    """Link the model for a core; None without the cross compiler, or for a core that it lacks."""
    if not core.flags or shutil.which(COMPILER) is None or shutil.which(SIZE) is None:
        return None
    entry = "classify" if f"{source.name}.c" in source.files and _speech(source) else "forecast"
    program = source.folder / f"{core.name}.elf"
    files = [source.folder / f for f in source.files if f.endswith(".c") and f != "self_test.c"]
    command = [
        COMPILER, *core.flags, "-mthumb", "-std=gnu99", "-ffp-contract=off", optimize,
        "-ffunction-sections", "-fdata-sections", "-nostartfiles", "--specs=nano.specs",
        "-Wl,--gc-sections", f"-Wl,--entry={source.name}_{entry}", "-o", program, *files, "-lm",
    ]  # fmt: skip
    text, data, bss = _sizes(command, program)
    return LinkedSize(flash_bytes=text + data, ram_bytes=data + bss)


def _speech(source: CSource) -> bool:
    return "motefit_speech.c" in source.files


def _sizes(command: list[str | Path], program: Path) -> tuple[int, int, int]:
    for step in (command, [SIZE, program]):
        done = subprocess.run(  # noqa: S603 - a compiler on generated source
            step, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
        )
    text, data, bss = done.stdout.splitlines()[1].split()[:3]
    return int(text), int(data), int(bss)
