"""Arduino and Zephyr projects of models: built with arm-none-eabi-gcc, run on emulated boards.

``python tools/cortex_m/firmware.py yes-no climate-6-clock`` generates each model for both targets,
builds their examples and runs them on Cortex-M3, M4 and M33. Neither Arduino's cores for Arm nor
Zephyr are in a package registry, so the small folders ``arduino_core`` and ``zephyr_core`` have as
much of their interfaces as the examples use. ``--sound yes.wav no.wav`` is what the microphone
hears; without it, silence. Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi, qemu-system-arm and
cmake. Where the Debian package arduino-builder is installed, Arduino's own builder finds the
library and builds the sketches; elsewhere a list of commands does.
Exit code 1: a self-test failed, or an LED did not blink.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from run import CORES, HERE, LAYOUTS, Core, emulated_lines

import motefit
from motefit.codegen.project import CSource
from motefit.data.decode import decode_clip

ARDUINO, ZEPHYR = HERE / "arduino_core", HERE / "zephyr_core"
EMULATED = ("M3", "M4", "M33")
FLAGS = ("-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror")
PLUS = ("-std=gnu++14", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics")
LINKED = ("-mthumb", "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections")
BUILDER = "arduino-builder"
BUILDER_HOME = Path("/usr/share/arduino-builder")
RATE_HZ = 16_000


def call(*command: object) -> None:
    """Run a command; stop with what it said if it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def write_sound(path: Path, recordings: list[str]) -> None:
    """Write the recordings as a C array, half a second of silence around each; else two seconds."""
    silence = np.zeros(RATE_HZ // 2, np.int16)
    parts = [silence] * 4
    for recording in recordings:
        parts += [decode_clip(Path(recording), rate_hz=RATE_HZ).pcm, silence]
    numbers = np.concatenate(parts)
    text = ",".join(map(str, numbers.tolist()))
    head = f"#define SOUND_HZ {RATE_HZ}\n#define SOUND_SAMPLES {numbers.size}\n"
    path.write_text(f"{head}static const short sound[] = {{{text}}};\n", encoding="utf-8")


def build_sketch(source: CSource, sketch: Path, core: Core, sound: Path) -> Path:
    """Build an example as Arduino does: the sketch as C++, each file of the library alone."""
    work = Path(tempfile.mkdtemp(dir=source.folder))
    cpp = work / "sketch.cpp"
    cpp.write_text(f"#include <Arduino.h>\n{sketch.read_text(encoding='utf-8')}", encoding="utf-8")
    where = [f"-I{path}" for path in (ARDUINO, source.folder / "src", sketch.parent, sound.parent)]
    objects = []
    files = [cpp, ARDUINO / "main.cpp", LAYOUTS / "startup.c", *(source.folder / "src").glob("*.c")]
    for file in files:
        made = work / f"{file.stem}.o"
        options = PLUS if file.suffix == ".cpp" else ("-std=gnu11",)
        call("arm-none-eabi-gcc", *core.flags, *FLAGS, *options, *where, "-c", file, "-o", made)
        objects.append(made)
    program = work / "sketch.elf"
    call("arm-none-eabi-gcc", *core.flags, *link_options(core), "-o", program, *objects, "-lm")
    return program


def link_options(core: Core) -> tuple[str, ...]:
    """List the options that lay a program out for an emulated board."""
    places = (f"-Wl,--defsym=CODE={core.code}", f"-Wl,--defsym=RAM={core.ram}")
    return (*LINKED, "-Wl,--no-warn-rwx-segments", *places, "-T", str(LAYOUTS / "link.ld"))


def write_platform(folder: Path, core: Core, sound: Path) -> None:
    """Write the folder that tells Arduino's builder of a board: its core, compiler and linker."""
    cores = folder / "motefit" / "arm" / "cores" / "arduino"
    shutil.copytree(ARDUINO, cores)
    for file in (LAYOUTS / "startup.c", sound):
        shutil.copy(file, cores)
    board = {"name": "an emulated board", "build.core": "arduino", "build.board": "EMULATED"}
    lines = [f"emulated.{key}={value}\n" for key, value in board.items()]
    (cores.parents[1] / "boards.txt").write_text("".join(lines), encoding="utf-8")
    compiler = f"arm-none-eabi-gcc {' '.join(core.flags)}"
    c, cpp = (
        f"{compiler} {' '.join(FLAGS)} {options}" for options in ("-std=gnu11", " ".join(PLUS))
    )
    one = '{includes} "{source_file}" -o "{object_file}"'
    recipes = {
        "c.o": f"{c} -c {one}",
        "cpp.o": f"{cpp} -c {one}",
        "ar": 'arm-none-eabi-ar rcs "{archive_file_path}" "{object_file}"',
        "c.combine": f"{compiler} {' '.join(link_options(core))} -o "
        '"{build.path}/sketch.elf" {object_files} -Wl,--whole-archive "{archive_file_path}" '
        "-Wl,--no-whole-archive -lm",
    }
    lines = [f"recipe.{name}.pattern={recipe}\n" for name, recipe in recipes.items()]
    preprocess = f'{cpp} -w -x c++ -E -CC {{includes}} "{{source_file}}"'
    lines.append(f'recipe.preproc.macros={preprocess} -o "{{preprocessed_file_path}}"\n')
    text = "name=motefit\nversion=1\n" + "".join(lines)
    (cores.parents[1] / "platform.txt").write_text(text, encoding="utf-8")


def build_with_arduino(source: CSource, sketch: Path, core: Core, sound: Path) -> Path:
    """Let Arduino's builder find the library of a sketch and build both."""
    work = Path(tempfile.mkdtemp(dir=sound.parent))
    write_platform(work / "hardware", core, sound)
    for name in ("tools", "built"):
        (work / name).mkdir()
    call(
        BUILDER, "-compile", "-hardware", BUILDER_HOME, "-hardware", work / "hardware", "-tools",
        work / "tools", "-libraries", source.folder.parent, "-fqbn", "motefit:arm:emulated",
        "-warnings", "all", "-build-path", work / "built", sketch,
    )  # fmt: skip
    return work / "built" / "sketch.elf"


def build_zephyr(source: CSource, core: Core) -> Path:
    """Build the sample with CMake, as ``west build`` does."""
    work = Path(tempfile.mkdtemp(dir=source.folder))
    settings = {
        "CPU": " ".join(core.flags), "CODE": core.code, "RAM": core.ram,
        "STARTUP": LAYOUTS / "startup.c", "LINK": LAYOUTS / "link.ld", "Zephyr_DIR": ZEPHYR,
    }  # fmt: skip
    options = [f"-D{key}={value}" for key, value in settings.items()]
    call("cmake", "-G", "Ninja", "-S", source.folder / "samples" / "blink", "-B", work, *options)
    call("cmake", "--build", work)
    return work / "zephyr.elf"


def main() -> None:
    """Build and run the examples of the given models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="bundles, or names of shipped models")
    parser.add_argument("--cores", default=",".join(EMULATED))
    parser.add_argument("--sound", nargs="*", default=[], help="recordings for the microphone")
    arguments = parser.parse_args()
    build, failed = build_with_arduino if shutil.which(BUILDER) else build_sketch, False
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            sound = Path(folder) / "sound.h"
            write_sound(sound, arguments.sound)
            arduino = motefit.generate_c(name, target="arduino", out=f"{folder}/libraries/arduino")
            zephyr = motefit.generate_c(name, target="zephyr", out=f"{folder}/zephyr")
            for core in arguments.cores.split(","):
                found = CORES[core]
                programs = {
                    sketch.stem: build(arduino, sketch, found, sound)
                    for sketch in sorted(arduino.folder.glob("examples/*/*.ino"))
                }
                programs["zephyr blink"] = build_zephyr(zephyr, found)
                for what, program in programs.items():
                    lines = emulated_lines(program, found)
                    listens = what == "Listen"
                    passed = "self-test passed" in lines or what in {"Listen", "Forecast"}
                    blinks = any(line.startswith("led on") for line in lines)
                    failed |= not passed or not (blinks or (listens and not arguments.sound))
                    print(f"{name} on {core}, {what}: {'; '.join(lines)}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
