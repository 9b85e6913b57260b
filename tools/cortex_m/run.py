"""Models in C on emulated Cortex-M processors: golden vectors, instructions, RAM and flash.

``python tools/cortex_m/run.py yes-no`` writes the C source of each bundle, links it with
startup.c and measure.c and runs it in qemu-system-arm; ``mlperf`` is the untrained DS-CNN of the
shape of MLPerf Tiny. Figures are instructions, not cycles or times. Needs the Debian packages
gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm.
Exit code 1: a golden vector differs.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from motefit.codegen.project import CSource, identifier, write_c_source
from motefit.graph.counter import count
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.runtime.bundle import Bundle, load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.card import Card
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import NAME, SpeechIO
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

HERE = Path(__file__).resolve().parent
LAYOUTS = Path(str(files("motefit.codegen").joinpath("layouts")))
CC = "arm-none-eabi-gcc"
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class Core:
    """A processor, the board that qemu emulates with it, its clock and its memory map.

    With ``-icount shift=0`` an instruction takes a nanosecond, so the clock of the system timer
    says how many instructions a tick is.
    """

    flags: tuple[str, ...]
    board: str
    clock_mhz: int = 25
    code: int = 0
    ram: int = 0x20000000


SINGLE = ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
CORES = {
    "M3": Core(flags=("-mcpu=cortex-m3",), board="mps2-an385"),
    "M4": Core(flags=("-mcpu=cortex-m4", *SINGLE), board="mps2-an386"),
    "M7": Core(
        flags=("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"), board="mps2-an500"
    ),
    "M33": Core(
        flags=("-mcpu=cortex-m33", "-mfloat-abi=hard"),
        board="mps2-an505", clock_mhz=20, code=0x10000000, ram=0x38000000,
    ),
    "M55": Core(
        flags=("-mcpu=cortex-m55", "-mfloat-abi=hard"),
        board="mps3-an547", clock_mhz=32,
    ),
}  # fmt: skip


def mlperf() -> Bundle:
    """Build the DS-CNN of MLPerf Tiny's keyword spotting, with random weights: 2.66 M MACs."""
    rng = np.random.default_rng(0)
    frontend = FrontEnd()
    options = {"first_kernel": (10, 4), "softmax": True}
    problem = Problem(input_shape=frontend.shape, outputs=12)
    graph = fold(build("dscnn", options, problem=problem, rng=rng))
    examples = rng.normal(0, 1, (16, *graph.input_shape)).astype(np.float32)
    file = ModelFile(data=write(quantize(graph, calibrate(graph, examples), io="int8")))
    labels = tuple(f"word {i}" for i in range(12))
    io = SpeechIO(
        labels=labels, frontend=frontend, normalization=Normalization(), output="probabilities"
    )
    card = Card(task=NAME, io=io, model_sha256=file.sha256)
    return Bundle(file=file, card=card, bundle_bytes=len(file.data))


def link(
    source: CSource, core: Core, optimize: str, *, harness: str = "measure.c", **macros: str
) -> Path:
    """Compile and link a model with a harness."""
    text = (HERE / harness).read_text(encoding="utf-8").replace("model", source.name)
    text = text.replace("MODEL", source.name.upper())
    (source.folder / harness).write_text(text, encoding="utf-8")
    program = source.folder / f"{core.board}.elf"
    files = [source.folder / f for f in source.files if f.endswith(".c") and f != "self_test.c"]
    command = [
        CC, *core.flags, "-mthumb", "-std=gnu99", "-ffp-contract=off", optimize, "-nostartfiles",
        "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "--specs=nano.specs",
        f"-Wl,--defsym=CODE={core.code}", f"-Wl,--defsym=RAM={core.ram}", "-T", LAYOUTS / "link.ld",
        *(f"-D{name}={value}" for name, value in macros.items()),
        "-o", program, LAYOUTS / "startup.c", source.folder / harness, *files, "-lm",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return program


def emulated_lines(program: Path, core: Core) -> list[str]:
    """Run a program; return the lines that it prints."""
    done = subprocess.run(
        ["qemu-system-arm", "-M", core.board, "-icount", "shift=0", "-nographic", "-monitor",
         "none", "-serial", "none", "-semihosting-config", "enable=on,target=native", "-kernel",
         program],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    return (done.stdout + done.stderr).splitlines()


def emulate(program: Path, core: Core) -> dict[str, int]:
    """Run a program; return the numbers that it prints, by name."""
    lines = [line.split() for line in emulated_lines(program, core)]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


def flash_and_ram(program: Path) -> tuple[int, int]:
    """Return bytes of code and constants, and of static data, of the whole program."""
    done = subprocess.run(
        ["arm-none-eabi-size", program], capture_output=True, text=True, check=True
    )
    text, data, bss = map(int, done.stdout.splitlines()[1].split()[:3])
    return text + data, data + bss


def main() -> None:
    """Measure the given models on all cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="bundles, names of shipped models, or mlperf")
    parser.add_argument("--cores", default=",".join(CORES))
    parser.add_argument("--optimize", default="-O2")
    arguments = parser.parse_args()
    wrong = 0
    print("| model | core | instructions | per MAC | per frame | arena B | flash B | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.models:
        bundle = mlperf() if name == "mlperf" else load_bundle(find_model(name))
        with tempfile.TemporaryDirectory() as folder:
            stem = identifier(Path(name).stem)
            source = write_c_source(bundle, Path(folder), name=stem)
            macs = count(source.graph).macs
            frames = getattr(getattr(bundle.card.io, "frontend", None), "frames", 0)
            for core in arguments.cores.split(","):
                program = link(source, CORES[core], arguments.optimize)
                found = emulate(program, CORES[core])
                flash, _ = flash_and_ram(program)
                wrong += found.get("wrong", 1)
                per_tick = 1000 / CORES[core].clock_mhz
                ran = round(found.get("inference", 0) * per_tick)
                each = f"{found.get('frontend', 0) * per_tick / frames:,.0f}" if frames else ""
                print(
                    f"| {Path(name).stem} | {core} | {ran:,} | {ran / macs:.2f} | {each} "
                    f"| {source.arena_bytes:,} | {flash:,} | {found.get('wrong', 'no answer')} |",
                    flush=True,
                )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
