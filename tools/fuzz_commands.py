"""Give every command damaged models or cards, and watch the processes that run them.

``python tools/fuzz_commands.py [--cards] [--seconds N] [--inputs N] [--seed N] [COMMAND ...]``.
Models that ship with motefit and those of ``tests/golden/converters`` are damaged, bare and in
bundles whose cards have the right hash. With ``--cards`` the models are sound, and their cards are
valid JSON that says something else: wrong types, missing keys, huge numbers, control characters,
wrong counts. A command may end with exit code 0, 1 or 2. Faults are: another exit code (70: a bug),
a signal, a control character in what is printed, more than 10 seconds of the processor, or 512 MB
more than the process had.
Commands run one after another in a worker process, which is replaced after a fault; each damaged
model is given to every command. Inputs of faults are kept in ``build/fuzz``, and the exit code is 1
if there was one.
"""

import argparse
import collections
import copy
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fuzz import KEPT, ROOT, damaged

SECONDS, GROWTH_BYTES = 10.0, 512 << 20
WAITING = 12
"""Seconds of the clock that a second of the processor may take on a busy machine."""
COMMANDS = {
    "inspect": ("inspect", "{bare}"),
    "parity": ("inspect", "{bare}", "--parity", "random"),
    "shrink": ("shrink", "{bare}", "--out", "{out}.tflite", "--unrun"),
    "bench": ("bench", "{bare}", "--rounds", "4", "--threads", "1"),
    "latency": ("latency", "{bare}", "--protocol", "2024", "--pause", "0"),
    "kws": ("kws", "{bundle}", "{clip}"),
    "forecast": ("forecast", "{bundle}", "{series}", "--stale-ok"),
    "listen": ("listen", "{bundle}", "--input", "{clip}"),
    "codegen": ("codegen", "{bundle}", "--out", "{out}.c"),
    "export": ("export", "{bundle}", "--frontend", "in-graph", "--out", "{out}.zip"),
}
CARD_COMMANDS = {
    **{name: COMMANDS[name] for name in ("kws", "forecast", "listen", "codegen", "export")},
    "inspect": ("inspect", "{bundle}"),
    "estimate": ("estimate", "{bundle}"),
    "latency": ("latency", "{bundle}", "--protocol", "2024", "--pause", "0"),
    "report": ("report", "{bundle}", "--out", "{out}.html"),
    "markdown": ("report", "{bundle}", "--markdown", "--out", "{out}.md"),
    "compare": ("report", "{bundle}", "climate-6", "--out", "{out}.html"),
    "deploy": ("deploy", "nobody@localhost", "{bundle}", "--dry-run", "--ssh", "false"),
    "stream": ("export", "{bundle}", "--streaming", "--out", "{out}.zip"),
    "words": ("check", "{bundle}", "--data", "{words}", "--out", "{out}"),
    "table": ("check", "{bundle}", "--data", "{series}", "--out", "{out}"),
}
ODD: tuple[object, ...] = (
    None, True, 0, -1, 1, 3, 0.5, 1e-300, 1e30, 1e308, 2**31, 2**63 - 1, 2**64, float("nan"),
    float("inf"), "", "x", "0", "\x1b]52;c;eA==\x07", "a\nb\x7f", "\u202e", "\u0085", "..", "/",
    "=", "x" * 5000, [], {}, [[]], [0], ["x", "x"], {"x": {"x": [{}]}}, [1e308] * 40,
)  # fmt: skip
"""Values that a card may have in any place."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WORKER = """
import contextlib, io, json, sys
from motefit.cli import main
import motefit.cli.app
for line in sys.stdin:
    words, code = json.loads(line), 0
    sys.argv = ["motefit", *words]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    text = said.getvalue()
    answer = {"code": code or 0, "said": text}
    sys.__stdout__.write("\\n@" + json.dumps(answer) + "\\n")
    sys.__stdout__.flush()
"""


class Worker:
    """A process that runs commands, one after another."""

    def __init__(self, cache: Path) -> None:
        environment = {**os.environ, "MOTEFIT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
            bufsize=0,  # select sees what is there
        )  # fmt: skip
        self.run(["--version"])  # loads everything
        self._memory = self._peak()

    def run(self, words: Sequence[str]) -> str:
        """Run a command; return the kind of its fault, empty for none."""
        process, before = self._process, self._cpu()
        assert process.stdin is not None  # noqa: S101 - a pipe
        process.stdin.write(json.dumps(list(words)).encode() + b"\n")
        process.stdin.flush()
        answer = self._answer(before)
        if isinstance(answer, str):
            return answer
        if answer["code"] not in {0, 1, 2}:
            last = answer["said"].strip().splitlines()[-1:]
            return f"exit code {answer['code']}: {last}"
        if found := CONTROL.search(str(answer["said"])):
            return f"the character {found.group()!r} is printed"
        grown = self._peak() - getattr(self, "_memory", self._peak())
        return f"{grown >> 20} MB more" if grown > GROWTH_BYTES else ""

    def _answer(self, before: float) -> dict[str, object] | str:
        pipe, end = self._process.stdout, time.monotonic() + SECONDS * WAITING
        assert pipe is not None  # noqa: S101 - a pipe
        while time.monotonic() < end:
            if not select.select([pipe], [], [], 0.5)[0]:
                if self._cpu() - before > SECONDS:
                    return f"more than {SECONDS:.0f} s"
                continue
            line = pipe.readline()
            if not line:
                return f"signal {-self._process.wait()}"
            if line.startswith(b"@"):
                return dict(json.loads(line[1:]))
        return f"no answer in {SECONDS * WAITING:.0f} s of the clock"

    def _cpu(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _peak(self) -> int:
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(x.split()[1]) << 10 for x in lines if x.startswith("VmHWM")), 0)

    def close(self) -> None:
        """End the process and what it started."""
        self._process.kill()
        self._process.communicate()


def sources() -> list[tuple[bytes, object]]:
    """Return models, each with the bundle whose card it gets."""
    from motefit.runtime.bundle import load_bundle  # noqa: PLC0415 - after the arguments
    from motefit.runtime.zoo import find_model  # noqa: PLC0415

    bundles = [
        load_bundle(find_model(name)) for name in ("yes-no", "climate-6", "climate-6-linear")
    ]
    golden = sorted((ROOT / "tests/golden/converters").glob("*.tflite"))
    small = [path.read_bytes() for path in golden if path.stat().st_size < 60_000]
    return [(b.model, b) for b in bundles] * 4 + [(m, bundles[n % 2]) for n, m in enumerate(small)]


def written(
    folder: Path, model: bytes, bundle: object, rng: random.Random | None = None
) -> dict[str, str]:
    """Write a model bare and as a bundle, its card changed by ``rng``; return the places."""
    from motefit.runtime.bundle import sha256  # noqa: PLC0415 - after the arguments
    from motefit.tflite.archive import pack  # noqa: PLC0415

    card = replace(bundle.card, model_sha256=sha256(model))  # type: ignore[attr-defined]
    (folder / "m.tflite").write_bytes(model)
    text = card.to_json().encode()
    text = text if rng is None else odd_card(json.loads(text), rng)
    packed = pack({"model.tflite": model, "card.json": text}, thorough=False)
    (folder / "m.zip").write_bytes(packed)
    return {
        "bare": str(folder / "m.tflite"), "bundle": str(folder / "m.zip"),
        "clip": str(folder / "clip.wav"), "series": str(folder / "series.csv"),
        "out": str(folder / "out"), "words": str(folder / "words"),
    }  # fmt: skip


def odd_card(card: dict[str, object], rng: random.Random) -> bytes:
    """Change a few places of a card; it remains JSON that Python reads."""
    found = copy.deepcopy(card)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        inside: object = found
        while isinstance(inside, dict | list) and inside:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            place = rng.choice(keys)
            follower = inside[place]
            if isinstance(follower, dict | list) and follower and rng.random() < 0.85:
                inside = follower
                continue
            _change(inside, place, rng)
            break
    return json.dumps(found).encode()


def _change(inside: Any, place: Any, rng: random.Random) -> None:  # noqa: ANN401 - JSON
    """Remove, repeat, rename or replace what is in a place of an object or a list."""
    kind = rng.choice(("remove", "repeat", "odd", "odd", "odd", "type"))
    if kind == "remove":
        del inside[place]
    elif kind == "repeat" and isinstance(inside, list):
        inside.insert(place, inside[place])
    elif kind == "repeat":
        inside[str(rng.choice(ODD))[:20]] = inside.pop(place)
    elif kind == "type" and isinstance(inside[place], str):
        inside[place] += str(rng.choice(ODD))
    elif kind == "type" and isinstance(inside[place], int | float):
        inside[place] *= rng.choice((-1, 0, 1.5, 3, 1e6))
    else:
        inside[place] = rng.choice(ODD)


def main() -> int:
    """Run the commands; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commands", nargs="*", help="names; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="in all")
    parser.add_argument("--inputs", type=int, default=10**9, help="most models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cards", action="store_true", help="damage the cards, not the models")
    options = parser.parse_args()
    chosen = options.commands or list(CARD_COMMANDS if options.cards else COMMANDS)
    rng = random.Random(options.seed)  # noqa: S311 - no secret
    counts: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in chosen}
    with tempfile.TemporaryDirectory() as made:
        _run_all(Path(made), chosen, counts, rng, options)
    faults = 0
    for name in chosen:
        found = counts[name]
        bad = {kind: count for kind, count in found.items() if kind != "sound"}
        faults += sum(bad.values())
        print(f"{name:10s} {found.total():6d} inputs: {sum(bad.values())} faults {bad or ''}")
    return int(faults > 0)


def _run_all(
    folder: Path,
    chosen: Sequence[str],
    counts: dict[str, collections.Counter[str]],
    rng: random.Random,
    options: argparse.Namespace,
) -> None:
    import numpy as np  # noqa: PLC0415 - after the arguments

    from motefit.data.synth.climate import synthesize_climate  # noqa: PLC0415
    from motefit.data.synth.sound import write_wav  # noqa: PLC0415

    write_wav(folder / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    synthesize_climate(folder / "series.csv", days=2, rng=np.random.default_rng(0), gaps=0)
    for word in ("yes", "no"):
        for number in range(12):
            noise = np.random.default_rng(number).normal(0, 0.1, 16_000)
            (folder / "words" / word).mkdir(parents=True, exist_ok=True)
            write_wav(folder / "words" / word / f"{number}.wav", noise, 16_000)
    found, worker = sources(), Worker(folder / "cache")
    found = [(m, b) for m, b in found if m == b.model] if options.cards else found
    commands = CARD_COMMANDS if options.cards else COMMANDS
    end = time.perf_counter() + options.seconds
    for number in range(options.inputs):
        if time.perf_counter() > end:
            break
        model, bundle = rng.choice(found)
        model = model if options.cards else damaged(model, rng)
        places = written(folder, model, bundle, rng if options.cards else None)
        for name in chosen:
            fault = worker.run([word.format(**places) for word in commands[name]])
            counts[name][fault or "sound"] += 1
            if fault:
                KEPT.mkdir(parents=True, exist_ok=True)
                kept = KEPT / f"command-{name}-{options.seed}-{number}"
                shutil.copy(places["bundle"], kept.with_suffix(".zip"))
                shutil.copy(places["bare"], kept.with_suffix(".tflite"))
                print(f"  {name} on input {number}: {fault}", flush=True)
                worker.close()
                worker = Worker(folder / "cache")
    worker.close()


if __name__ == "__main__":
    sys.exit(main())
