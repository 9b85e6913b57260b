"""Flash and RAM of generated C on a Cortex-M, from its linker, where a cross compiler is there."""

import shutil
import subprocess
from dataclasses import dataclass

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
    """Link a model for a core.

    Args:
        source: its C source.
        core: with flags of the cross compiler.
        optimize: option of the compiler.

    Returns:
        None without the cross compiler, or for a core that it does not know.
    """
    if not core.flags or shutil.which(COMPILER) is None or shutil.which(SIZE) is None:
        return None
    entry = "classify" if "motefit_speech.c" in source.files else "forecast"
    program = source.folder / f"{core.name}.elf"
    files = [source.folder / f for f in source.files if f.endswith(".c") and f != "self_test.c"]
    linked = _run(
        COMPILER, *core.flags, "-mthumb", "-std=gnu99", "-ffp-contract=off", optimize,
        "-ffunction-sections", "-fdata-sections", "-nostartfiles", "--specs=nano.specs",
        "-Wl,--gc-sections", f"-Wl,--entry={source.name}_{entry}", "-o", str(program),
        *map(str, files), "-lm",
    )  # fmt: skip
    if linked is None:
        return None
    sizes = _run(SIZE, str(program)) or ""
    text, data, bss = map(int, sizes.splitlines()[1].split()[:3])
    return LinkedSize(flash_bytes=text + data, ram_bytes=data + bss)


def _run(*command: str) -> str | None:
    """Run a tool; return what it prints, or None if it fails."""
    done = subprocess.run(  # noqa: S603 - a compiler on generated source
        command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    return None if done.returncode else done.stdout
