"""Give every loader damaged files and count what it does: read, refused, or a fault.

``python tools/fuzz.py [--seconds N] [--inputs N] [--seed N] [--engine atheris] [LOADER ...]``.
Files that motefit makes (``tools/fuzz_targets.py``) are damaged: bytes change, are repeated, cut
out or swapped, numbers become the ones that programs trip over, and texts get what readers trip
over. A loader may read the result or refuse it with a message; anything else is a fault. Of each
kind of fault the traceback is printed once and the shortest input is kept in ``build/fuzz``; those
that were repaired are in ``tests/golden/fuzz``, which a test reads again. The exit code is 1 if
there was a fault. ``litert`` runs the models that pass the gate's first checks in LiteRT, in a
process of their own each.

``--engine atheris`` chooses inputs by the branches that they reach. It needs the extra ``fuzz``.
"""

import argparse
import collections
import contextlib
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_targets import Target, targets

from motefit.spec.errors import MotefitError

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "fuzz"
TRIPS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TEXTS = (
    b"\xff", b"\0", b"\x1b]52;c;AA\x07", b"0001", b"9999", b"-1", b"1e999", b"NaN", b"null",
    b"[" * 2000, b"{}", b"[]", b'""', b"true", b"9" * 30, b"../x", b"\xed\xa0\x80", b"\n",
    b"\xe2\x80\xae", b"+23:59", b"\\ud800",
)  # fmt: skip
"""Pieces of text that readers trip over."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Damage some bytes, as a bad copy or a bad intention does."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(max(len(made), 1))
        kind = rng.randrange(8)
        if kind == 0 and made:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at : at + 1] = rng.randbytes(1)
        elif kind == 2:
            size = rng.choice((1, 2, 4))
            value = rng.choice(TRIPS) & ((1 << 8 * size) - 1)
            made[at : at + size] = value.to_bytes(size, "little")
        elif kind == 3 and len(made) > 64:
            del made[at : at + rng.randrange(1, 32)]
        elif kind == 4:
            made[at:at] = made[at : at + rng.randrange(1, 32)] * rng.choice((1, 2, 100))
        elif kind == 5:
            made[at : at + rng.choice((0, 1, 4))] = rng.choice(TEXTS)
        elif kind == 6 and rng.random() < 0.2:
            del made[at:]
        else:
            other = rng.randrange(max(len(made), 1))
            size = rng.randrange(1, 16)
            made[at : at + size] = made[other : other + size]
    return bytes(made)


@dataclass
class Counts:
    """What a loader did.

    Attributes:
        read: inputs that it read.
        refused: inputs that it refused with a message.
        contained: of these, crashes and endless runs of LiteRT in another process.
        faults: other exceptions, by their kind; with the number of inputs and the shortest one.
    """

    read: int = 0
    refused: int = 0
    contained: int = 0
    faults: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, target: Target, data: bytes) -> None:
        """Give an input to the loader."""
        try:
            target.load(data)
            self.read += 1
        except MotefitError as error:
            self.refused += 1
            self.contained += any(w in str(error) for w in ("crashes LiteRT", "did not finish"))
        except Exception as error:  # noqa: BLE001 - what this looks for
            kind = kind_of(error)
            count, shortest = self.faults.get(kind, (0, data))
            if not count:
                traceback.print_exc()
            self.faults[kind] = count + 1, min(shortest, data, key=len)

    def line(self, name: str, seconds: float) -> str:
        """Return the counts in words."""
        faulty = sum(count for count, _ in self.faults.values())
        total = self.read + self.refused + faulty
        kinds = f" of {len(self.faults)} kinds" if self.faults else ""
        contained = f" ({self.contained} contained)" if self.contained else ""
        return (
            f"{name:16s} {total:8d} inputs in {seconds:4.0f} s: {self.read} read, "
            f"{self.refused} refused{contained}, {faulty} faults{kinds}"
        )


def kind_of(error: Exception) -> str:
    """Name a fault by its type and the innermost line of motefit."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/motefit/" in frame.filename] or list(frames)
    return f"{type(error).__name__} in {Path(own[-1].filename).name}:{own[-1].lineno}"


def fuzz(name: str, target: Target, seconds: float, most: int, rng: random.Random) -> Counts:
    """Run one loader for some seconds, or so many inputs, and print its counts."""
    counts, start = Counts(), time.perf_counter()
    for _ in range(most):
        counts.add(target, damaged(rng.choice(target.sources), rng))
        if time.perf_counter() - start > seconds:
            break
    print(counts.line(name, time.perf_counter() - start), flush=True)
    for number, (kind, (_, data)) in enumerate(counts.faults.items()):
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / f"{name}-{number}").write_bytes(data)
        print(f"  {kind}: {KEPT / f'{name}-{number}'}")
    return counts


def by_atheris(name: str, target: Target, seconds: float) -> None:
    """Run one loader under atheris in this process, which ends it."""
    import atheris  # noqa: PLC0415 - the extra fuzz

    corpus = KEPT / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(target.sources):
        (corpus / f"source-{number}").write_bytes(source)

    def once(data: bytes) -> None:
        with contextlib.suppress(MotefitError):
            target.load(data)

    atheris.instrument_all()
    options = [f"-max_total_time={seconds:.0f}", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup([name, *options, f"-artifact_prefix={KEPT}/{name}-", str(corpus)], once)
    atheris.Fuzz()


def main() -> int:
    """Run the loaders; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("loaders", nargs="*", help="names; all by default")
    parser.add_argument("--seconds", type=float, default=20.0, help="per loader")
    parser.add_argument("--inputs", type=int, default=10**9, help="most inputs per loader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("random", "atheris"), default="random")
    options = parser.parse_args()
    logging.disable()  # each damaged file of the cache is reported
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOTEFIT_CACHE"] = folder
        table = targets(Path(folder))
        chosen = options.loaders or list(table)
        if options.engine == "atheris" and len(chosen) == 1:
            by_atheris(chosen[0], table[chosen[0]], options.seconds)
        if options.engine == "atheris":
            again = [sys.executable, __file__, "--engine", "atheris", "--seconds"]
            runs = [
                subprocess.run([*again, str(options.seconds), name], check=False) for name in chosen
            ]
            return int(any(run.returncode for run in runs))
        faults = collections.Counter(
            {
                name: len(
                    fuzz(
                        name, table[name], options.seconds, options.inputs,
                        random.Random(f"{options.seed} {name}"),  # noqa: S311 - no secret
                    ).faults
                )
                for name in chosen
            }
        )  # fmt: skip
    return int(faults.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
