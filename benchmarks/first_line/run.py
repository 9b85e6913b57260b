"""Time from the start of each command to its first output in a terminal.

``python benchmarks/first_line/run.py`` prints a table: the quickest of two starts beside
Python's own (``python -c pass``, and ``import numpy, ai_edge_litert``, which every device has), in
seconds by the clock and of processor time. A command is late if both are more than half a second
beyond Python with numpy and LiteRT: on a busy machine the clock counts the work of others.
"""

import argparse
import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "Python with numpy and LiteRT": [sys.executable, "-c", "import numpy, ai_edge_litert; print()"],
}
"""The last one is what commands are compared with; the first prints nothing, so its end counts."""
MOTEFIT = [sys.executable, "-c", "from motefit.cli import main; main()"]
BOUND_S = 0.5
COMMANDS = """
--help
--version
zoo
recipes
recipes up-down
recipes --published
kws up-down clip.wav
listen up-down --input clip.wav
forecast climate-6 climate.csv
data synth --words go,stop --clips 2 --out more
data synth --climate-days 3 --out more.csv
data audit words
data audit climate.csv
data cut clip.wav --list cuts.csv --words go,stop
data fetch nothing
data record --words go --out r --input clip.wav
fit up-down --data words --workers 1
fit --resume runs/done
study list runs
study show runs/done
study compare runs/done
study export runs/done --out study.csv
dashboard runs/done
check up-down --data words --out checked
inspect up-down
report up-down
estimate up-down
latency up-down --pause 0
bench up-down --rounds 4
export up-down --frontend in-graph --out in.zip
shrink up-down
codegen climate-6 --out c
monitor --sensor room --sink sqlite:r.db --seconds 1
readings sqlite:r.db --last 1
deploy nobody@127.0.0.1 up-down
reproduce --data nothing
train
""".strip().splitlines()
"""Each with what it needs from :func:`prepare`; the last one is a mistake."""


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the commands, with compiled modules as on a user's machine."""
    without = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "MOTEFIT_DATA"}
    return {
        **{name: value for name, value in os.environ.items() if name not in without},
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "MOTEFIT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }


@dataclass(frozen=True, order=True)
class Start:
    """How long a program took to its first output: by the clock, and of its main process."""

    wall_s: float
    processor_s: float


def first_output(command: list[str], folder: Path) -> Start:
    """Start a program in a terminal, time it until it writes its first byte, and end it."""
    terminal, its_end = pty.openpty()
    begun = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL,
        stdout=its_end, stderr=its_end, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(its_end)
        with contextlib.suppress(OSError):  # Linux's answer when the program has ended
            os.read(terminal, 1)
        wall_s = time.perf_counter() - begun
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        os.killpg(process.pid, signal.SIGKILL)
    os.close(terminal)
    ticks = sum(map(int, fields.split()[11:13]))  # utime and stime, proc(5)
    return Start(wall_s, ticks / os.sysconf("SC_CLK_TCK"))


def prepare(folder: Path) -> None:
    """Make the clips, the table and the readings that the commands read; a run is none of them.

    Commands that need one say what they do before they look for it.
    """
    for line in (
        "data synth --words go,stop --clips 2 --out words",
        "data synth --climate-days 30 --out climate.csv",
        "monitor --sensor room --sink sqlite:r.db --seconds 1",
    ):
        subprocess.run(
            [*MOTEFIT, *line.split()],
            cwd=folder, env=environment(folder), check=False, capture_output=True,
        )  # fmt: skip
    shutil.copy(next((folder / "words" / "go").glob("*.wav")), folder / "clip.wav")


def main() -> int:
    """Print the table; return 1 if a command is beyond the bound."""
    parser = argparse.ArgumentParser(description="Time to the first output of every command.")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="commands that contain this text")
    options = parser.parse_args()
    chosen = [command for command in COMMANDS if options.only in command]
    programs = {**BASES, **{c: [*MOTEFIT, *c.split()] for c in chosen}}
    starts: dict[str, list[Start]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for _ in range(options.rounds):
            for command, found in starts.items():
                shutil.rmtree(Path(name, "runs"), ignore_errors=True)
                found.append(first_output(programs[command], Path(name)))
    wall = {command: min(start.wall_s for start in found) for command, found in starts.items()}
    busy = {command: min(start.processor_s for start in found) for command, found in starts.items()}
    base = list(BASES)[-1]
    late = {
        command
        for command in chosen
        if min(wall[command] - wall[base], busy[command] - busy[base]) > BOUND_S
    }
    print("| program | first line after | processor time | beyond numpy and LiteRT |")
    print("|---|---:|---:|---:|")
    for command, taken in wall.items():
        shown = command if command in BASES else f"`motefit {command}`"
        more = f"{busy[command] - busy[base]:+.2f} s{' **late**' if command in late else ''}"
        print(f"| {shown} | {taken:.2f} s | {busy[command]:.2f} s | {more} |")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
