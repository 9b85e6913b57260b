"""Run commands under faults, and write what became of their files into docs/faults.md.

``python tools/faults.py [--commands fit,check] [--faults kill,full] [--kills 3] [--jobs 2]
[--seed 0]``. Each command runs once undisturbed; then under each fault, in a copy of the same
folder, with older results in the place of those that it replaces; then once more without the
fault. A cell of the table says how the disturbed run ended, and is marked as a failure if anything
was lost:

- a result is neither the older one nor the whole new one,
- the repeated run fails, or its results differ from the undisturbed run's by a byte; of reports
  and cards, which have the latency in them, all but the measured times are compared,
- a hidden temporary file is left after the repeated run,
- the disturbed run printed a traceback, or ended with exit code 70.

The exit code is 1 if there was a failure.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import functools
import hashlib
import http.server
import io
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motefit.data.synth.climate import synthesize_climate
from motefit.runtime.bundle import load_bundle, write_bundle

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"
sys.path.insert(0, str(ROOT / "tests" / "support"))
from small_recipes import CLIMATE  # noqa: E402
from tone_model import SPEECH, bundle_of  # noqa: E402

MAIN = "from motefit.cli import main; main()"
BRIEF = """
from motefit.measure.workers import pinned
pinned.pinned_latency.__kwdefaults__.update(rounds=4, most_rounds=4)
"""
"""Before commands that measure latency: four rounds, since nobody reads the times."""
FETCH = """
from motefit.data.fetch.datasets import DATASETS, Dataset
DATASETS.register("tiny", Dataset(name="tiny", description="", license="", url="{url}",
    size_bytes={size}, sha256="{sha256}", contents="tiny", unpacked_limit_bytes=10**6))
"""
OLD = b"an older result"
DROP_BOUNDING, DAC_OVERRIDE = 24, 1
"""Of prctl, and of the capability by which root writes to read-only folders."""
RESUME = ("fit", "--resume", "run")
NAMES = ("fit", "check", "export", "shrink", "synth", "fetch", "study")
FILE_BYTES = 600
MEMORY_BYTES = 300 << 20
FOREVER_S = 900
UNEQUAL = re.compile(
    rb'"(commit|[a-z0-9_.]*(_ms|over_reference))": [^,\n]+|^ *[-+.e0-9]+,?\n', re.MULTILINE
)
"""Times, their distributions, and the commit of the source, which may move in an hour of faults."""
DRAWINGS = re.compile(rb"<svg.*?</svg>", re.DOTALL)
NUMBERS = re.compile(rb"[-+]?[0-9][0-9.,]*(e[-+]?[0-9]+)?")
NOTHING_TO_DAMAGE = "reads none"
TITLES = {
    "kill": "kill -9", "term": "SIGTERM", "full": "disk full", "readonly": "read-only",
    "clock": "clock step", "memory": "memory", "cache": "damaged cache", "study": "damaged study",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command with its files, relative to its folder.

    Attributes:
        words: its arguments.
        results: files that it writes and that are equal in each run, but for measured times.
        replaces: results that may be there before.
        before: Python source that runs before the command.
    """

    words: tuple[str, ...]
    results: tuple[str, ...]
    replaces: bool = True
    before: str = ""


def commands(before_fetch: str) -> dict[str, Command]:
    """Return the commands by name."""
    return {
        "fit": Command(
            words=("fit", "tiny.toml", "--data", "climate.csv", "--out", "run"),
            results=("run/tiny.zip",),
            replaces=False,
            before=BRIEF,
        ),
        "check": Command(
            words=("check", "done/tiny.zip", "--data", "climate.csv", "--out", "checked"),
            results=("checked/certificate.json", "checked/report.json", "checked/report.html"),
            before=BRIEF,
        ),
        "export": Command(
            words=("export", "tone.zip", "--frontend", "in-graph", "--out", "x.zip"),
            results=("x.zip",),
            before=BRIEF,
        ),
        "shrink": Command(
            words=("shrink", "big.tflite", "--out", "small.tflite"), results=("small.tflite",)
        ),
        "synth": Command(
            words=("data", "synth", "--out", "said", "--words", "up,down", "--clips", "2"),
            results=("said/synth.json", "said/up"),
            replaces=False,
        ),
        "fetch": Command(
            words=("data", "fetch", "tiny", "--out", "fetched"),
            results=("fetched/tiny",),
            replaces=False,
            before=before_fetch,
        ),
        "study": Command(
            words=("study", "export", "done", "--out", "study.csv"), results=("study.csv",)
        ),
    }


@dataclass(kw_only=True)
class Workshop:
    """Where commands run.

    Attributes:
        template: folder with all inputs.
        base: folder of the copies.
        wanted: digests of the results of the undisturbed run, by command.
        seconds: duration of the undisturbed run, by command.
    """

    template: Path
    base: Path
    wanted: dict[str, Mapping[str, str]]
    seconds: dict[str, float]

    def copy(self, name: str) -> Path:
        """Return a new copy of the template."""
        folder = self.base / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.template, folder, symlinks=True)
        return folder


def started(
    command: Command, words: Sequence[str], folder: Path, limit: Callable[[], None] | None = None
) -> "subprocess.Popen[str]":
    """Start a command in a folder whose cache is its own."""
    environment = {
        **os.environ, "MOTEFIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folder / "tmp"),
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # no process compiles what another one has
    return subprocess.Popen(
        [sys.executable, "-c", command.before + MAIN, *words],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, preexec_fn=limit,  # noqa: PLW1509 - in ctypes and resource only
    )  # fmt: skip


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the digest of each result; of a folder, that of all its files."""
    found = {}
    for name in names:
        files = [folder / name]
        if files[0].is_dir():
            files = sorted(path for path in files[0].rglob("*") if path.is_file())
        total = hashlib.sha256()
        for path in files:
            total.update(untimed(path) if path.is_file() else b"absent")
        found[name] = total.hexdigest()
    return found


def untimed(path: Path) -> bytes:
    """Return the content of a file without what differs in each run; of a zip, its members'."""
    data = path.read_bytes()
    if path.suffix == ".html":
        return NUMBERS.sub(b"#", DRAWINGS.sub(b"", data))
    if path.suffix == ".zip" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as pack:
            data = b"".join(name.encode() + pack.read(name) for name in pack.namelist())
    return UNEQUAL.sub(b"", data)


def limited(fault: str, folder: Path) -> Callable[[], None] | None:
    """Return what a process does to itself before the command starts."""

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))

    def memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    def readonly() -> None:
        ctypes.CDLL(None).prctl(DROP_BOUNDING, DAC_OVERRIDE, 0, 0, 0)
        folder.chmod(0o555)

    return {"full": full, "memory": memory, "readonly": readonly}.get(fault)


def disturbed(
    fault: str, command: Command, folder: Path, seconds: float, rng: random.Random
) -> tuple[int, str]:
    """Run a command under a fault; return its exit code and what it printed on standard error."""
    if fault == "clock":
        later = time.time_ns() + 10 * 365 * 86_400 * 10**9
        for path in folder.rglob("*"):
            os.utime(path, ns=(later, later), follow_symlinks=False)
    words = command.words
    if fault in {"cache", "study"}:
        for path in damageable(fault, folder):
            _damage(path, rng)
    if fault == "study" and words[0] == "fit":
        words = RESUME
    process = started(command, words, folder, limited(fault, folder))
    if fault in {"kill", "term"}:
        try:
            process.wait(seconds * rng.uniform(0.1, 1.0))
        except subprocess.TimeoutExpired:
            if fault == "kill":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.terminate()
    try:
        _, said = process.communicate(timeout=FOREVER_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return -1, "it hung"
    finally:
        folder.chmod(0o755)
    return process.returncode, said


def damageable(fault: str, folder: Path) -> list[Path]:
    """Return the files that a fault damages."""
    pattern = "cache/**/*" if fault == "cache" else "**/study.db"
    return [path for path in folder.glob(pattern) if path.is_file()]


def _damage(path: Path, rng: random.Random) -> None:
    """Turn 20 bits, none of them in a byte that is 0 anyway: most of a database is empty."""
    data = bytearray(path.read_bytes())
    used = [place for place, byte in enumerate(data) if byte]
    for _ in range(20):
        if used:
            data[rng.choice(used)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def begin_study(command: Command, folder: Path, seconds: float, rng: random.Random) -> None:
    """Kill a run as soon as it has a study, or a while later."""
    process = started(command, command.words, folder)
    while process.poll() is None and not (folder / "run" / "study.db").exists():
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds * rng.uniform(0.0, 0.3))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def problem_of(
    workshop: Workshop, name: str, command: Command, folder: Path, code: int, said: str
) -> str:
    """Return what was lost, in words; empty if nothing was."""
    if "Traceback" in said or code == 70 or code == -1:
        return f"exit code {code}: {said.strip().splitlines()[-1:]}"
    wanted = workshop.wanted[name]
    found = digests(folder, command.results)
    old = hashlib.sha256(OLD).hexdigest()
    for result, digest in found.items() if command.replaces else ():
        if digest not in {old, wanted[result]}:
            return f"{result} is neither old nor new"
    again = command.words
    if name == "fit" and (folder / "run" / "run.json").exists():
        again = RESUME
        if "study's storage" in said:  # what the message says
            again = (*RESUME, "--storage", f"sqlite:///{folder / 'another.db'}")
    if name == "study":  # from a copy, since its input is damaged
        shutil.copy(workshop.template / "done" / "study.db", folder / "done" / "study.db")
    process = started(command, again, folder)
    _, told = process.communicate(timeout=FOREVER_S)
    if process.returncode not in {0, 1}:
        return f"again: exit code {process.returncode}: {told.strip().splitlines()[-1:]}"
    if digests(folder, command.results) != wanted:
        return "again: other results"
    left = [path for path in folder.rglob(".*.part") if "tmp" not in path.parts]
    return f"{len(left)} temporary files left, e.g. {left[0]}" if left else ""


def ended(code: int, said: str) -> str:
    """Describe how a disturbed run ended."""
    if code < 0:
        return "killed" if code == -signal.SIGKILL else "ended"
    if code in {0, 1}:
        return "done"
    return "refused" if "error: " in said or "Error" in said else f"exit {code}"


def cell(workshop: Workshop, fault: str, name: str, command: Command, options: object) -> str:
    """Fill one cell of the table."""
    kills, seed = options.kills, options.seed  # type: ignore[attr-defined]
    endings: list[str] = []
    for turn in range(kills if fault == "kill" else 1):
        rng = random.Random(f"{seed} {fault} {name} {turn}")  # noqa: S311 - no secret
        folder = workshop.copy(f"{fault}-{name}")
        for result in command.results if command.replaces else ():
            (folder / result).parent.mkdir(exist_ok=True)
            (folder / result).write_bytes(OLD)
        if fault == "cache":  # as the undisturbed run left it
            shutil.rmtree(folder / "cache")
            shutil.copytree(workshop.base / f"whole-{name}" / "cache", folder / "cache")
        if fault == "study" and name == "fit":
            begin_study(command, folder, workshop.seconds[name], rng)
        if (fault == "study" and name not in {"fit", "study"}) or (
            fault in {"cache", "study"} and not damageable(fault, folder)
        ):
            return NOTHING_TO_DAMAGE
        code, said = disturbed(fault, command, folder, workshop.seconds[name], rng)
        time.sleep(0.1)
        _age(folder)
        if problem := problem_of(workshop, name, command, folder, code, said):
            print(f"FAILURE {name} under {fault}: {problem}", flush=True)
            return f"**{problem}**"
        endings.append(ended(code, said))
        shutil.rmtree(folder, ignore_errors=True)
    return ", ".join(f"{n} {end}" if len(endings) > 1 else end for end, n in _counts(endings))


def _counts(endings: Sequence[str]) -> list[tuple[str, int]]:
    return [(end, endings.count(end)) for end in dict.fromkeys(endings)]


def _age(folder: Path) -> None:
    """Make temporary files as old as they are when somebody comes back."""
    before = time.time_ns() - 3600 * 10**9
    for path in folder.rglob(".*.part"):
        os.utime(path, ns=(before, before))


def prepared(base: Path, url: str, chosen: Sequence[str]) -> tuple[Workshop, dict[str, Command]]:
    """Make the inputs, and a finished run for the commands that read one."""
    template = base / "template"
    for name in ("cache", "tmp"):
        (template / name).mkdir(parents=True)
    synthesize_climate(template / "climate.csv", days=30, rng=np.random.default_rng(0))
    (template / "tiny.toml").write_text(CLIMATE.format(epochs=8))
    shutil.copy(ROOT / "tests/golden/converters/mlp.int8.tflite", template / "big.tflite")
    write_spotter(template / "tone.zip")
    archive = _archive()
    sha256 = hashlib.sha256(archive).hexdigest()
    table = commands(FETCH.format(url=f"{url}/tiny.zip", size=len(archive), sha256=sha256))
    (base / "served").mkdir()
    (base / "served" / "tiny.zip").write_bytes(archive)
    workshop = Workshop(template=template, base=base, wanted={}, seconds={})
    if {"check", "study"} & set(chosen):
        done = ("fit", "tiny.toml", "--data", "climate.csv", "--out", "done")
        started(table["fit"], done, template).communicate()
    return workshop, table


def write_spotter(path: Path) -> None:
    """Write a keyword spotter whose front end is small, so that to export it takes seconds."""
    front_end = replace(SPEECH.frontend, frame_length=64, frame_step=800)
    frames, features = front_end.shape
    row = np.linspace(-1.0, 1.0, frames * features)
    io = replace(SPEECH, frontend=front_end)
    made = load_bundle(bundle_of(path, "keyword-spotting", io, np.stack([row, -row])))
    recipe = {"task": "keyword-spotting", "model": {"family": "mlp"}}
    write_bundle(path, made.model, replace(made.card, recipe=recipe))


def run_undisturbed(workshop: Workshop, name: str, command: Command) -> None:
    """Note the results of a command and how long it takes."""
    folder = workshop.copy(f"whole-{name}")
    start = time.perf_counter()
    process = started(command, command.words, folder)
    _, said = process.communicate()
    if process.returncode not in {0, 1}:
        raise RuntimeError(f"{name}: {said}")
    workshop.seconds[name] = time.perf_counter() - start
    workshop.wanted[name] = digests(folder, command.results)
    print(f"{name} takes {workshop.seconds[name]:.1f} s", flush=True)


def _archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as pack:
        for number in range(40):
            pack.writestr(f"tiny/{number}.bin", bytes([number]) * 5000)
    return held.getvalue()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> int:
    """Fill the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commands", default=",".join(NAMES))
    parser.add_argument("--faults", default=",".join(TITLES))
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="faults at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    faults, names = options.faults.split(","), options.commands.split(",")
    rows = []
    with tempfile.TemporaryDirectory() as made:
        handler = functools.partial(_Quiet, directory=f"{made}/served")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        workshop, table = prepared(Path(made), f"http://127.0.0.1:{server.server_port}", names)
        for name in names:
            run_undisturbed(workshop, name, table[name])
            fill = functools.partial(
                cell, workshop, name=name, command=table[name], options=options
            )
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                rows.append((name, *pool.map(fill, faults)))
            print(" | ".join(rows[-1]), flush=True)
            failed = sum("**" in entry for row in rows for entry in row)
            text = page(faults, rows, options.kills, failed)
            options.out.write_text(text, encoding="utf-8")  # as far as it is known
        server.shutdown()
    return int("**" in options.out.read_text(encoding="utf-8"))


def page(faults: Sequence[str], rows: Sequence[Sequence[str]], kills: int, failed: int) -> str:
    """Return the page."""
    head = ["command", *(TITLES[fault] for fault in faults)]
    lines = [head, ["---"] * len(head), *rows]
    rest = [name for name in NAMES if name not in {row[0] for row in rows}]
    left = f"Not disturbed in this run: {', '.join(rest)}.\n\n" if rest else ""
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    cells = len(rows) * len(faults)
    return TEXT.format(table=table, left=left, kills=kills, failed=failed, cells=cells)


TEXT = """# Faults

Each command was disturbed by each fault, and run again without it. Written by
`python tools/faults.py`; `make faults` runs it, in a few minutes of the processor.

{table}

{left}{failed} of {cells} cells are failures. In all others, files that a command replaces were
the older ones or the whole new ones after the fault; the repeated run (`fit --resume` for a run
that had begun) succeeded, its results were those of an undisturbed run to the byte (of reports and
cards, all but the times measured), and no hidden temporary file was left.

- **kill -9**: all processes of the command, {kills} x, at a random moment of its usual time;
  **SIGTERM**: its first process, once. *killed* or *ended*: before it was done.
- **disk full**: no file may have more than 600 bytes (`RLIMIT_FSIZE`); **read-only**: the working
  folder may not be written to, its sub-folders may; **memory**: 300 MB of address space.
  *refused*: with a message and exit code 2.
- **clock step**: all files are dated ten years after the clock, as if it had been set back.
- **damaged cache**: 20 bits in every file of the cache; **damaged study**: 20 bits in the used
  bytes of `study.db`; for `fit`, of a run that was killed and is resumed. A refused run is repeated
  as its message says, with another `--storage`; a refused export from a copy of the study.
- *done*: the fault did not keep the command from its end. *reads none*: it reads no such file.

What a killed process was writing is a hidden file or folder, `.<digits>.motefit.part`, which it
holds locked. The next process that writes to the same folder removes those that nobody holds. A
download that was cut off is kept on purpose, as `<archive>.part`, and resumed.
"""

if __name__ == "__main__":
    sys.exit(main())
